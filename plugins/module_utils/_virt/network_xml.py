# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Read what a virtual network's XML says of DHCP, and build the XML of a reservation. Pure."""

from __future__ import annotations

import copy
import dataclasses
import ipaddress
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError

from .element_xml import parse_element, serialise

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree

Address = t.Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Interface = t.Union[ipaddress.IPv4Interface, ipaddress.IPv6Interface]


@dataclasses.dataclass(frozen=True)
class Reservation:
    """A ``<host>``: the address that DHCP keeps for who has this MAC address or calls itself by this name.

    ``rest`` is the element with all else that it says, such as a lease or a DUID, None where it says no more.
    """

    mac: str | None = None
    address: str | None = None
    name: str | None = None
    rest: str | None = None

    def __str__(self) -> str:
        who = " ".join(part for part in (self.name, self.mac) if part)
        return (
            f"{self.address or 'no address'} for {who or 'a machine without name and MAC address'}"
        )

    def collides_with(self, other: Reservation) -> bool:
        """Return whether the two cannot stand in one subnet: libvirt allows each MAC, name and address there once."""
        pairs = ((self.mac, other.mac), (self.address, other.address), (self.name, other.name))
        return any(mine is not None and mine == theirs for mine, theirs in pairs)

    def as_dict(self) -> dict[str, str | None]:
        """Return who has which address as JSON-able data."""
        return {"mac": self.mac, "address": self.address, "name": self.name}


@dataclasses.dataclass(frozen=True)
class Subnet:
    """An ``<ip>``: ``interface`` is the host's own address in it. ``index`` is its place among the network's."""

    index: int
    interface: Interface
    ranges: tuple[tuple[Address, Address], ...] = ()
    reservations: tuple[Reservation, ...] = ()

    @property
    def has_dhcp(self) -> bool:
        """Whether dnsmasq serves it."""
        return bool(self.ranges or self.reservations)

    def gives_out(self, address: Address) -> bool:
        """Return whether the address lies in a range that DHCP gives out from."""
        return any(_lies_between(address, low, high) for low, high in self.ranges)


def _lies_between(address: Address, low: Address, high: Address) -> bool:
    return address.version == low.version and low <= address <= high  # type: ignore[operator]


@dataclasses.dataclass(frozen=True)
class Network:
    """What the collection reads of a ``<network>`` to reserve addresses in it."""

    name: str
    subnets: tuple[Subnet, ...] = ()

    @property
    def reservations(self) -> tuple[tuple[Subnet, Reservation], ...]:
        """Every reservation, with the subnet that it stands in."""
        pairs: list[tuple[Subnet, Reservation]] = []
        for subnet in self.subnets:
            pairs += [(subnet, reservation) for reservation in subnet.reservations]
        return tuple(pairs)

    def list_reservations(self, version: int) -> list[tuple[Subnet, Reservation]]:
        """Return those of one family of addresses, 4 or 6: one that has an entry in each is at odds with neither."""
        return [pair for pair in self.reservations if pair[0].interface.version == version]


def parse(text: str) -> Network:
    """Return the Network of its XML; raises HeadroomError."""
    root = parse_element(text)
    name, elements = root.findtext("name") or "", enumerate(root.iterfind("ip"))
    try:
        return Network(name, tuple(_read_subnet(index, element) for index, element in elements))
    except ValueError as error:  # it names the address or the mask
        raise HeadroomError(f"XML: the network {name[:40]!r}: {str(error)[:200]}") from None


def build_host_xml(reservation: Reservation) -> str:
    """Return the ``<host>`` that stands for a reservation, with what else it says."""
    attributes = {"mac": reservation.mac, "name": reservation.name, "ip": reservation.address}
    element = parse_element(reservation.rest or "<host/>")
    element.attrib.update({name: value for name, value in attributes.items() if value is not None})
    return serialise(element)


def _read_subnet(index: int, element: etree._Element) -> Subnet:
    return Subnet(
        index=index,
        interface=_read_interface(element),
        ranges=tuple(
            (ipaddress.ip_address(span.get("start", "")), ipaddress.ip_address(span.get("end", "")))
            for span in element.iterfind("dhcp/range")
        ),
        reservations=tuple(_read_reservation(host) for host in element.iterfind("dhcp/host")),
    )


def _read_interface(element: etree._Element) -> Interface:
    address = ipaddress.ip_address(element.get("address", ""))
    prefix = element.get("prefix") or element.get("netmask") or _choose_prefix(address)
    return ipaddress.ip_interface(f"{address}/{prefix}")


def _choose_prefix(address: Address) -> int:
    """Return what libvirt takes where neither is said: 64 for IPv6, for IPv4 what the address had before CIDR."""
    if address.version == 6:
        return 64
    classes = (("0.0.0.0/1", 8), ("128.0.0.0/2", 16))
    return next((size for block, size in classes if address in ipaddress.ip_network(block)), 24)


def _read_reservation(element: etree._Element) -> Reservation:
    rest = copy.deepcopy(element)
    mac, address, name = (rest.attrib.pop(key, None) for key in ("mac", "ip", "name"))
    rest.tail = None
    says_more = len(rest) or rest.attrib
    return Reservation(
        mac.lower() if mac else None, address, name, serialise(rest) if says_more else None
    )
