# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Mask what of URIs may not be shown, and say what those of hosts mean by themselves. Pure."""

from __future__ import annotations

import ipaddress
import re
import typing as t
from urllib.parse import parse_qsl, urlsplit

from ansible_collections.headroom.libvirt.plugins.module_utils._host_names import is_host

# The last @ before the path ends a password, which may hold others; one with a space ends at its first.
_SECRET_IN_URI: t.Final = re.compile(
    r"(?P<user>//[^/@:]*(?:@[^/@:\s]*)*):(?P<password>[^/\s]*|[^/@]*)@"
)
_WEB_ADDRESS: t.Final = re.compile(r"https?://\S*", re.IGNORECASE)
# What web addresses hide in places of their own: values of a query or a fragment, parameters of a path, a token that is
# all of a query, and who logs in with a token alone.
_SECRETS_IN_ADDRESS: t.Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?P<name>[?&#][^=&#?\s]*=)(?P<value>[^&#\s]+)",
        r"(?P<name>;[^=;/?#\s]*=)(?P<value>[^;/?#\s]+)",
        r"(?P<name>[?])(?P<value>[^=&#\s]{16,})(?=[#\s]|$)",
        r"(?P<name>^https?://)(?P<value>[^:/?#\s]+)(?=@[^@/?#\s]*([/?#\s]|$))",
    )
)
# Shorter values (release=bookworm) are words that stand elsewhere in a result too; tokens and signatures are longer.
_SHORTEST_TOKEN: t.Final = 16
_MASK: t.Final = "***"
_NAMELESS: t.Final = "localhost"
# What of a libvirt URI says how a host is reached, and neither runs a program nor says which.
_HARMLESS_PARAMETERS: t.Final = frozenset(
    (
        "auth",
        "keyfile",
        "known_hosts",
        "known_hosts_verify",
        "mode",
        "no_sanity",
        "no_tty",
        "no_verify",
        "pkipath",
        "proxy",
        "socket",
        "sshauth",
        "tls_priority",
    )
)
_HARMLESS_SCHEME: t.Final = re.compile(r"[a-z]+(\+(ssh|libssh2?|tls|tcp|unix))?")
_HARMLESS_PLACE: t.Final = re.compile(
    r"([\w.][\w.@+-]*(:\*{3})?@)?([0-9A-Za-z][\w.-]*|\[[0-9A-Fa-f:.]+(%[\w.-]+)?\])(:\d{1,5})?",
    re.ASCII,
)
_LONGEST_URI: t.Final = 512


def mask_uri(uri: str) -> str:
    """Return ``uri`` (or a text with some) with the passwords replaced, and of web addresses whatever can be a token.

    The query of a libvirt URI stays: it says how the host is reached, and holds no secret.
    """
    text = _SECRET_IN_URI.sub(rf"\g<user>:{_MASK}@", uri)
    return _WEB_ADDRESS.sub(_mask_address, text)


def _mask_address(address: re.Match[str]) -> str:
    text = address[0]
    for pattern in _SECRETS_IN_ADDRESS:
        text = pattern.sub(rf"\g<name>{_MASK}", text)
    return text


def is_masked(uri: str) -> bool:
    """Return whether ``uri`` is one that mask_uri() took a password out of."""
    return any(match["password"] == _MASK for match in _SECRET_IN_URI.finditer(uri))


def find_passwords(options: object) -> set[str]:
    """Return the passwords in all URIs among ``options``, and the long values of web addresses' queries."""
    passwords: set[str] = set()
    pending = [options]
    while pending:
        option = pending.pop()
        if isinstance(option, str):
            # Of most texts this is all that it takes to know that there is none: an option may hold megabytes.
            if "//" in option:
                passwords.update(match["password"] for match in _SECRET_IN_URI.finditer(option))
                passwords.update(_find_tokens(option))
        elif isinstance(option, dict):
            pending.extend(option.values())
        elif isinstance(option, (list, tuple)):
            pending.extend(option)
    return passwords - {""}


def _find_tokens(text: str) -> t.Iterator[str]:
    for address in _WEB_ADDRESS.finditer(text):
        for pattern in _SECRETS_IN_ADDRESS:
            values = (match["value"] for match in pattern.finditer(address[0]))
            yield from (value for value in values if len(value) >= _SHORTEST_TOKEN)


def is_harmless_uri(uri: str) -> bool:
    """Return whether a libvirt URI only says which host to reach: for one that somebody else may have written.

    One that has libvirt run a program of its choice, or that a shell may take for an option, is not.
    """
    if len(uri) > _LONGEST_URI or not uri.isprintable() or " " in uri:
        return False
    try:
        parts = urlsplit(uri)
        port = parts.port  # which is looked at, and may be none, only now
        parameters = {name for name, _value in parse_qsl(parts.query, keep_blank_values=True)}
    except ValueError:
        return False
    return (
        _HARMLESS_SCHEME.fullmatch(parts.scheme) is not None
        and (not parts.netloc or _HARMLESS_PLACE.fullmatch(parts.netloc) is not None)
        and port != 0
        and parameters <= _HARMLESS_PARAMETERS
        and not parts.fragment
    )


def choose_recorded_uri(uri: str, address: str) -> str:
    """Return what is kept of a libvirt ``uri`` for those who read it on another host, with no password in it.

    A host that has no name is called by its ``address`` there. What is_harmless_uri() refuses is left out.
    """
    parts = urlsplit(mask_uri(uri))
    if leads_here(uri) and parts.scheme.partition("+")[0] != "test":
        return f"{parts.scheme.partition('+')[0]}+ssh://{format_host(address)}{parts.path}"
    masked = parts.geturl()
    return masked if is_harmless_uri(masked) else parts._replace(query="", fragment="").geturl()


_DEFAULT_PORTS: t.Final = {"http": 80, "https": 443}
_ESCAPE: t.Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: t.Final = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
)


def normalise_url(url: str) -> str:
    """Return one spelling for all of a web address: what differs only in spelling leads to the same place.

    That is RFC 3986, section 6.2, and what servers do besides: several slashes and one at the end count as none, and
    numbers stand for addresses of IPv4. Who logs in, and the fragment, are no part of the place.
    """
    parts = urlsplit(url)
    scheme, host = parts.scheme.lower(), normalise_host(parts.hostname or "")
    try:
        port = parts.port
    except ValueError:
        port = None
    number = "" if port in {None, _DEFAULT_PORTS.get(scheme)} else f":{port}"
    segments: list[str] = []
    for segment in _ESCAPE.sub(_normalise_escape, parts.path).split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in {"", "."}:
            segments.append(segment)
    query = f"?{_ESCAPE.sub(_normalise_escape, parts.query)}" if parts.query else ""
    return f"{scheme}://{format_host(host)}{number}/{'/'.join(segments)}{query}"


def _normalise_escape(match: re.Match[str]) -> str:
    letter = chr(int(match[1], 16))
    return letter if letter in _UNRESERVED else match[0].upper()


def normalise_host(host: str) -> str:
    """Return a host's name in lower case, or its address as it is usually written: 127.1 is 127.0.0.1.

    A name of other letters than ASCII's is that which is asked for in the DNS.
    """
    name = _encode_name(_ESCAPE.sub(_normalise_escape, host).lower()).rstrip(".")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        pass
    else:
        return str(getattr(address, "ipv4_mapped", None) or address)
    try:
        *bytes_, last = [_read_number(part) for part in name.split(".")]
        if len(bytes_) > 3 or any(byte > 255 for byte in bytes_):
            return name
        value = sum(byte << (24 - 8 * index) for index, byte in enumerate(bytes_))
        return str(ipaddress.IPv4Address(value + last)) if last < 256 ** (4 - len(bytes_)) else name
    except ValueError:
        return name


def _encode_name(name: str) -> str:
    try:
        return name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:  # no such name can be asked for
        return name


def _read_number(text: str) -> int:
    """Return a part of an address as the C library reads it: octal after 0, hexadecimal after 0x."""
    if not re.fullmatch(r"0[xX][0-9A-Fa-f]{1,8}|[0-9]{1,16}", text):
        raise ValueError(text)
    if text[:2] in {"0x", "0X"}:
        return int(text, 16)
    return int(text, 8 if text.startswith("0") and len(text) > 1 else 10)


def leads_here(uri: str) -> bool:
    """Return whether a libvirt ``uri`` leads to the machine where this runs, so that files of its host are files here.

    A socket of one's own may be the end of a tunnel.
    """
    return not urlsplit(uri).netloc and "socket=" not in uri


def format_host(host: str) -> str:
    """Return a host's name or address as it stands in a URI: an address of IPv6 in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def add_host_to_uri(uri: str, hostname: t.Callable[[], str]) -> str:
    """Return a libvirt ``uri`` that leads to the same host from elsewhere, by SSH where it names no host.

    ``hostname`` is called for the host's name when it is needed. A host that calls itself localhost, or something that
    cannot stand in a URI, has none, and what libvirt's test driver makes up is in the process alone: these URIs stay as
    they are.
    """
    parts = urlsplit(uri)
    driver = parts.scheme.partition("+")[0]
    if driver == "test" or not leads_here(uri):
        return uri
    name = hostname()
    if not is_host(name) or name.partition(".")[0] == _NAMELESS:
        return uri
    return f"{driver}+ssh://{format_host(name)}{parts.path}"


def strip_own_host(uri: str, own_names: t.Callable[[], t.Iterable[str]]) -> str:
    """Return what add_host_to_uri() was called with, where it was called on a host that has one of these names.

    ``own_names`` is called when they are needed: finding them out may ask a name server.

    A user, a port or a parameter in a URI is somebody's choice of a way; such a URI stays as it is.
    """
    parts = urlsplit(uri)
    driver, _plus, transport = parts.scheme.partition("+")
    if transport != "ssh" or parts.query or parts.netloc not in own_names():
        return uri
    return f"{driver}://{parts.path}"
