# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Names and addresses of hosts: what they mean to a resolver, and whether they may stand in a URI. Pure."""

from __future__ import annotations

import ipaddress
import re
import typing as t
import unicodedata

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

# What resolvers take for the machine itself, beside its addresses.
_LOOPBACK_NAMES: t.Final = frozenset(
    {"localhost", "localhost.localdomain", "localhost6", "ip6-localhost", "ip6-loopback"}
)
_ADDRESS_PARTS: t.Final = 4
_LARGEST_BYTE: t.Final = 255
# The names of DNS, and underscores, which some sites have in theirs. One that begins with a dash is an option of ssh.
_NAME: t.Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}")
_ZONE: t.Final = re.compile(r"[A-Za-z0-9_.-]{1,15}")
# Letters of any alphabet, and what names of domains bring along (DOMAIN\user, user@domain).
_USER: t.Final = re.compile(r"[\w.+@\\][\w.+@\\-]{0,127}")
_PORT: t.Final = re.compile(r"[0-9]{1,5}")
_HIGHEST_PORT: t.Final = 65535


def check_host(option: str, value: object) -> str:
    """Return the name or address of a host when it can stand in a URI or a command of ssh; raises InvalidInput.

    An address of IPv6 may be in brackets, and is returned without.
    """
    host = str(value)
    if isinstance(value, str) and is_host(host):
        return host[1:-1] if host.startswith("[") else host
    raise InvalidInput(
        option,
        host,
        "is not the name or the address of a host",
        "Write a name of letters, digits, '.', '_' and '-', an address of IPv4, or one of IPv6.",
    )


def check_user(option: str, value: object) -> str:
    """Return the name of a user when it can stand in a URI or a command of ssh; raises InvalidInput."""
    user = str(value)
    if isinstance(value, (str, int)) and _USER.fullmatch(user):
        return user
    raise InvalidInput(
        option,
        user,
        "is not the name of a user",
        "Write letters, digits, '.', '_', '-', '+' and '@'.",
    )


def check_port(option: str, value: object) -> int:
    """Return the number of a port, which may be written as a text; raises InvalidInput."""
    digits = str(value)
    if _PORT.fullmatch(digits) and 0 < int(digits) <= _HIGHEST_PORT:
        return int(digits)
    raise InvalidInput(
        option, digits, "is not the number of a port", f"Write a number from 1 to {_HIGHEST_PORT}."
    )


def is_host(value: str) -> bool:
    """Return whether a text is the name or the address of a host, of IPv6 with or without brackets."""
    if value.startswith("[") and value.endswith("]"):
        return _is_ipv6(value[1:-1])
    return _NAME.fullmatch(value) is not None or _is_ipv6(value)


def _is_ipv6(host: str) -> bool:
    address, percent, zone = host.partition("%")
    if percent and not _ZONE.fullmatch(zone):
        return False
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return True


def fold_host(name: str) -> str:
    """Return a name as a resolver compares it."""
    if not name.isascii():
        name = unicodedata.normalize("NFKC", name)
    return name.strip().rstrip(".").casefold()


def leads_to_controller(host: str) -> bool:
    """Return whether a name or address is every machine's own, in any of the notations of inet_aton()."""
    name = fold_host(host)
    if name in _LOOPBACK_NAMES:
        return True
    if not (name[:1].isdigit() or ":" in name):  # most names, of thousands of guests
        return False
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        value = _read_short_address(name)
        if value is None:
            return False
        address = ipaddress.IPv4Address(value)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    address = mapped or address
    return address.is_loopback or address.is_unspecified


def _read_short_address(name: str) -> int | None:
    """Return the IPv4 address that inet_aton() reads, such as ``127.1`` or ``0x7f000001``; None where it reads none."""
    parts = name.split(".")
    if len(parts) > _ADDRESS_PARTS or not all(part.isascii() and part.isalnum() for part in parts):
        return None
    try:
        numbers = [int(part, _read_base(part)) for part in parts]
    except ValueError:
        return None
    value = numbers[-1]
    room = 256 ** (_ADDRESS_PARTS + 1 - len(numbers))
    if value >= room or any(number > _LARGEST_BYTE for number in numbers[:-1]):
        return None
    for position, number in enumerate(numbers[:-1]):
        value += number * 256 ** (_ADDRESS_PARTS - 1 - position)
    return value


def _read_base(part: str) -> int:
    if part.startswith("0x"):
        return 16
    return 8 if part.startswith("0") and part != "0" else 10
