# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Read from a web server that may not be friendly: no other schemes than http and https, bounded sizes and times."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import ipaddress
import os
import socket
import typing as t
import urllib.error
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from ansible.module_utils.urls import open_url
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK, Clock

from .errors import TooLarge, TransferFailed, Truncated

CHUNK_BYTES: t.Final = 1024 * 1024
_LONGEST_LENGTH: t.Final = (
    20  # digits of a number of bytes; Python refuses to read thousands of them
)

_MOST_REDIRECTIONS: t.Final = 5
_SCHEMES: t.Final = frozenset({"http", "https"})
# A server that keeps a connection barely alive would hold the task for ever otherwise.
_LEAST_BYTES_PER_SECOND: t.Final = 4096
_NETWORK_ERRORS = (OSError, http.client.HTTPException, urllib.error.URLError)


@dataclasses.dataclass(frozen=True)
class Web:
    """How to reach web servers. ``timeout`` is how long one may be silent, in seconds.

    ``public_hosts`` are the names that have led to an address of the public internet: what they lead to is the choice
    of whoever owns them, at any time, and none of them leads to this host or its own network any more.
    """

    timeout: float = 30.0
    ca_path: str | None = None
    validate_certs: bool = True
    clock: Clock = SYSTEM_CLOCK
    public_hosts: set[str] = dataclasses.field(default_factory=set, compare=False)


class Answer(t.Protocol):
    """What open_url returns, as far as it is used."""

    status: int
    headers: t.Mapping[str, str]

    def read(self, amount: int) -> bytes:
        """Return up to ``amount`` bytes, nothing at the end."""

    def close(self) -> None:
        """Drop the connection."""


class Missing(TransferFailed):
    """The server says that there is no such file."""

    kind = "not_found"


class NotSatisfiable(TransferFailed):
    """The server has nothing of the range that was asked for."""


def check_url(option: str, url: str) -> str:
    """Return an address of a web server; raises InvalidInput naming ``option``."""
    if not _is_web_address(url):
        raise InvalidInput(
            option,
            mask_uri(url),
            "is not the address of a web server",
            "Write http://… or https://…",
        )
    return url


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets in which no address of IPv6 is
        return False
    return (
        parts.scheme in _SCHEMES
        and bool(parts.hostname)
        and not any(ord(letter) <= 32 for letter in url)
        and "\\" not in parts.netloc
    )


@contextlib.contextmanager
def open_answer(
    web: Web, url: str, headers: t.Mapping[str, str] | None = None
) -> t.Iterator[Answer]:
    """Yield the server's answer, after redirections; raises TransferFailed."""
    answer = _follow(web, url, {"Accept-Encoding": "identity", **(headers or {})})
    try:
        yield answer
    finally:
        answer.close()


def get(web: Web, url: str, limit: int) -> bytes:
    """Return a whole small file; raises TooLarge past ``limit`` bytes, Truncated when it ends too early."""
    with open_answer(web, url) as answer:
        return b"".join(read_chunks(web, answer, url, limit))


def get_head(web: Web, url: str, count: int) -> tuple[bytes, int | None]:
    """Return the first ``count`` bytes of a file, or all it has, and its length where the server says it."""
    with open_answer(web, url) as answer:
        length = read_length(answer)
        needed_bytes = count if length is None else min(count, length)
        content = b""
        for chunk in read_chunks(web, answer, url, None):
            content += chunk
            if len(content) >= needed_bytes:
                break
        return content[:count], length


def read_chunks(web: Web, answer: Answer, url: str, limit: int | None) -> t.Iterator[bytes]:
    """Yield the body in pieces; raises TooLarge, Truncated, or TransferFailed for a server that is too slow."""
    expected, received, started = read_length(answer), 0, web.clock.now()
    if limit is not None and expected is not None and expected > limit:
        raise TooLarge(
            f"{mask_uri(url)} is {expected} bytes long, but at most {limit} are expected. It was not fetched."
        )
    while True:
        try:
            chunk = answer.read(CHUNK_BYTES)
        except _NETWORK_ERRORS as error:
            raise _describe_truncation(
                url, received, expected, str(error) or type(error).__name__
            ) from error
        if not chunk:
            break
        received += len(chunk)
        if limit is not None and received > limit:
            raise TooLarge(
                f"{mask_uri(url)} is longer than the {limit} bytes that are expected. The rest was not fetched."
            )
        yield chunk
        if web.clock.now() - started > web.timeout + received / _LEAST_BYTES_PER_SECOND:
            raise TransferFailed(
                f"{mask_uri(url)} arrives at less than {_LEAST_BYTES_PER_SECOND} bytes a second. Try again later."
            )
    if expected is not None and received < expected:
        raise _describe_truncation(url, received, expected, "the server closed the connection")


def read_length(answer: Answer) -> int | None:
    """Return how many bytes of body the server announces, None when it does not."""
    text = answer.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() and len(text) <= _LONGEST_LENGTH else None


def _describe_truncation(url: str, received: int, expected: int | None, why: str) -> Truncated:
    of_all = "" if expected is None else f" of {expected}"
    return Truncated(
        f"the transfer of {mask_uri(url)} ended after {received}{of_all} bytes: {why}. Run the task again."
    )


def _follow(web: Web, url: str, headers: t.Mapping[str, str]) -> Answer:
    address = url
    for _unused in range(_MOST_REDIRECTIONS + 1):
        try:
            return _judge_peer(web, address, t.cast(Answer, _send_request(web, address, headers)))
        except urllib.error.HTTPError as error:
            with contextlib.closing(error):
                _judge_peer(web, address, t.cast(Answer, error))
            if error.code not in {301, 302, 303, 307, 308}:
                raise _describe_refusal(address, error) from error
            target = resolve_redirect(address, error.headers.get("Location", ""))
            _refuse_way_in(web, address, target)
            address = target
        except _NETWORK_ERRORS as error:
            reason = getattr(error, "reason", None) or error
            raise TransferFailed(
                f"{mask_uri(address)} could not be reached: {reason}. Check the address."
            ) from error
    raise TransferFailed(
        f"{mask_uri(url)} redirects more than {_MOST_REDIRECTIONS} times. Give the final address."
    )


def _send_request(web: Web, url: str, headers: t.Mapping[str, str]) -> t.Any:
    check_url("url", url)  # whatever led here: nothing but http and https is opened
    return open_url(
        url,
        headers=dict(headers),
        timeout=web.timeout,
        follow_redirects="none",
        validate_certs=web.validate_certs,
        ca_path=web.ca_path,
        decompress=False,
        use_netrc=False,  # its passwords are for other purposes, and a redirection could ask for any
        http_agent="headroom.libvirt",
    )


def resolve_redirect(address: str, location: str) -> str:
    """Return where a server at ``address`` sends whoever asks; raises TransferFailed where nobody follows. Pure."""
    try:
        target = urljoin(address, location)
        before, after = urlsplit(address).scheme, urlsplit(target).scheme
    except ValueError:
        target = before = after = ""
    if not location or after not in _SCHEMES or (before == "https" and after == "http"):
        raise TransferFailed(
            f"{mask_uri(address)} redirects to {mask_uri(location)!r}, which is not followed: only http and https "
            "are, and never from https to http. Give the final address, if it can be trusted."
        )
    return target


def _refuse_way_in(web: Web, address: str, target: str) -> None:
    """Raise TransferFailed where a server out there sends this host to an address that only it can reach."""
    if _read_host(address) not in web.public_hosts and _is_inside(address):
        return
    if _is_inside(target):
        raise TransferFailed(
            f"{mask_uri(address)} redirects to {mask_uri(target)}, which is not followed: that is an address of this "
            "host or of its own network, and nobody out there has to know what is there. Give the final address, if "
            "it can be trusted."
        )
    web.public_hosts.add(_read_host(target))


def _judge_peer(web: Web, url: str, answer: Answer) -> Answer:
    """Return the answer; raises TransferFailed, with it closed, where a name that was public leads inside now."""
    peer, host = _read_peer(url, answer), _read_host(url)
    if peer is not None and _is_public(peer):
        web.public_hosts.add(host)
    elif peer is not None and host in web.public_hosts:
        answer.close()
        raise TransferFailed(
            f"{mask_uri(url)} was an address of the public internet, and now leads to {peer}, which is one of this "
            "host or of its own network. What that says is not read. Whoever owns the name may be trying to get in."
        )
    return answer


def _read_peer(url: str, answer: object) -> str | None:
    """Return the address that really answers; None behind a proxy, and where nothing comes any more."""
    proxy = getproxies().get(urlsplit(url).scheme)
    if proxy and not proxy_bypass(_read_host(url)):
        return None
    try:
        with socket.socket(fileno=os.dup(answer.fileno())) as connection:  # type: ignore[attr-defined]
            return str(connection.getpeername()[0])
    except (AttributeError, OSError, ValueError):
        return None


def _read_host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _is_inside(url: str) -> bool:
    """Return whether one of the addresses of a URL's host is not one of the public internet."""
    return any(not _is_public(address) for address in _resolve(_read_host(url)))


def _resolve(host: str) -> list[str]:
    """Return the addresses of a host; none for a name that is not known here, such as behind a proxy."""
    try:
        infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(info[4][0]) for info in infos]


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        within = address.ipv4_mapped or address.sixtofour or _find_translated(address)
        if within is not None:
            return within.is_global and not within.is_multicast
        if address.is_reserved or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast


def _find_translated(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the address of IPv4 that NAT64 (RFC 6052) makes of one of its well-known prefix."""
    if address in ipaddress.IPv6Network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _describe_refusal(url: str, error: urllib.error.HTTPError) -> TransferFailed:
    family = (
        Missing
        if error.code in {404, 410}
        else NotSatisfiable
        if error.code == 416
        else TransferFailed
    )
    return family(
        f"{mask_uri(url)}: the server answers {error.code} {error.reason}. Check the address.",
        status=error.code,
    )
