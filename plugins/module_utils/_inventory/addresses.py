# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``AddressBook``: the addresses of guests, out of what hosts and guests say. Pure.

``read_address`` and ``read_reservations`` read what survey.py puts into it.
"""

from __future__ import annotations

import collections
import ipaddress
import itertools
import math
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_xml import Interface

Source = t.Literal["lease", "reservation", "arp", "agent"]

_THIS_NETWORK: t.Final = ipaddress.ip_network("0.0.0.0/8")

# A reservation holds whether the guest runs or not; any other address of one that is off is of the past.
_LASTING: t.Final = frozenset({"reservation"})


class GuestAddress(t.NamedTuple):
    """An address that a MAC address has, by ``source``: in one network, of one domain, where that is known.

    ``hostname`` is what the guest called itself, ``expiry`` the time that a lease ends, in seconds since 1970;
    0 if it never does.
    """

    source: str
    mac: str
    address: str
    network: str | None = None
    uuid: str | None = None
    hostname: str | None = None
    expiry: int = 0

    @property
    def is_ipv6(self) -> bool:
        """Whether this is an IPv6 address."""
        return ":" in self.address


def read_address(raw: t.Mapping[str, t.Any]) -> GuestAddress | None:
    """Return the address in a row of the reader's; None for what cannot be one to reach a guest by.

    A guest's agent may say anything. What is not an IP address must not become ``ansible_host``.
    """
    mac, text = raw.get("mac"), raw.get("address")
    if not isinstance(mac, str) or not isinstance(text, str) or "%" in text:
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if address.version == 6 and address.ipv4_mapped is not None:
        return None  # a notation of the IPv4 address, which only its own machine understands
    if (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or address.is_reserved  # the broadcast address is one of these
        or address in _THIS_NETWORK
    ):
        return None
    return GuestAddress(
        source=raw["source"],
        mac=mac.lower(),
        address=str(address),
        network=raw.get("network"),
        uuid=raw.get("uuid"),
        hostname=raw.get("hostname") or None,
        expiry=raw.get("expiry") or 0,
    )


def read_reservations(network: str, text: str) -> t.Iterator[GuestAddress]:
    """Yield the addresses that the network's XML keeps for MAC addresses."""
    for host in parse_element(text).iterfind("ip/dhcp/host"):
        raw = {
            "source": "reservation",
            "network": network,
            "mac": host.get("mac"),
            "address": host.get("ip"),
        }
        address = read_address(raw | {"hostname": host.get("name")})
        if address is not None:
            yield address


class AddressBook:
    """Addresses by MAC address, those of the first of ``sources`` first."""

    def __init__(self, addresses: t.Iterable[GuestAddress], sources: t.Sequence[str]) -> None:
        self._rank = {source: rank for rank, source in enumerate(sources)}
        self._by_mac: dict[str, list[GuestAddress]] = collections.defaultdict(list)
        for address in addresses:
            self._by_mac[address.mac].append(address)

    def find(self, interface: Interface, uuid: str | None, *, active: bool) -> list[GuestAddress]:
        """Return the interface's addresses, each once: the longest-lived lease first, then as the source has them.

        One that a network gave out counts for an interface on that network, one that a domain reported for that domain.
        """
        addresses = [
            address
            for address in self._by_mac.get((interface.mac or "").lower(), ())
            if (active or address.source in _LASTING)
            and (address.uuid is None or address.uuid == uuid)
            and (
                address.network is None
                or interface.type != "network"
                or address.network == interface.source
            )
        ]
        # The sort is stable: a source's own order stays, in which a guest's own address precedes floating ones.
        addresses.sort(
            key=lambda address: (self._rank[address.source], -(address.expiry or math.inf))
        )
        unique: dict[str, GuestAddress] = {}
        for address in addresses:
            unique.setdefault(address.address, address)
        return list(unique.values())

    def choose(self, held: t.Iterable[t.Sequence[GuestAddress]]) -> str | None:
        """Return the address to reach a guest by, of those that its interfaces hold.

        The first source that has any decides; of its addresses the first IPv4 one, else the first.
        """
        best = min(
            itertools.chain.from_iterable(held),
            key=lambda address: (self._rank[address.source], address.is_ipv6),
            default=None,
        )
        return None if best is None else best.address
