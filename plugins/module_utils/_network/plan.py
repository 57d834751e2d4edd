# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Which steps bring a network's reservations to what is wanted. Pure."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.networks import Command

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    InvalidInput,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.network_xml import (
    Address,
    Network,
    Reservation,
    Subnet,
)

_MAC: t.Final = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
# libvirt wants a letter first; the rest is what a name in the DNS may be made of.
_NAME: t.Final = re.compile(r"[A-Za-z]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?")


class Taken(Conflict):
    """Somebody else has the address, or goes by the name or MAC address; ``holders`` says who."""

    kind = "taken"


@dataclasses.dataclass(frozen=True)
class Step:
    """One change of a network. ``index`` says in which subnet; ``before`` undoes a modification."""

    command: Command
    index: int
    reservation: Reservation
    before: Reservation | None = None


def checked(wanted: Reservation) -> Reservation:
    """Return the reservation in libvirt's spelling; raises InvalidInput naming the option that cannot be used."""
    mac = None if wanted.mac is None else wanted.mac.lower().replace("-", ":")
    if mac is not None and (not _MAC.fullmatch(mac) or int(mac[:2], 16) & 1):
        raise InvalidInput(
            "mac",
            wanted.mac,
            "is not the MAC address of a network card",
            "Write it as 52:54:00:12:34:56.",
        )
    if wanted.name is not None and not can_be_named(wanted.name):
        raise InvalidInput(
            "name",
            wanted.name,
            "cannot be a name in DHCP",
            "Write letters, digits, '-' and '.', beginning with a letter, 63 at most.",
        )
    address = None if wanted.address is None else str(_parsed(wanted.address))
    return Reservation(mac, address, wanted.name)


def can_be_named(name: str) -> bool:
    """Return whether libvirt takes ``name`` as a name in DHCP."""
    return _NAME.fullmatch(name) is not None


def to_reserve(network: Network, wanted: Reservation, *, force: bool) -> list[Step]:
    """Return the steps after which ``wanted`` stands in the network; raises Taken when somebody is in its way.

    The entry of the same MAC address is the machine's own, and so is one without MAC address and with its name. With
    ``force`` those of others go.
    """
    subnet, after = subnet_of(network, wanted), merged(network, wanted)
    touching = [(place, one) for place, one in network.reservations if one.collides_with(after)]
    others = [one for _place, one in touching if not _is_of(one, wanted)]
    if others and not force:
        raise _taken(network, wanted, others)
    if [one for _place, one in touching] == [after]:
        return []
    if len(touching) == 1 and not others and touching[0][0].index == subnet.index:
        return [Step("modify", subnet.index, after, touching[0][1])]
    return [
        *(Step("delete", place.index, one) for place, one in touching),
        Step("add", subnet.index, after),
    ]


def merged(network: Network, wanted: Reservation) -> Reservation:
    """Return ``wanted`` with what the machine's own entry says and ``wanted`` leaves open."""
    own = next((one for _subnet, one in network.reservations if _is_of(one, wanted)), wanted)
    return dataclasses.replace(wanted, name=wanted.name or own.name, mac=wanted.mac or own.mac)


def to_release(network: Network, wanted: Reservation) -> list[Step]:
    """Return the steps after which no reservation has all that ``wanted`` names."""
    asked = {key: value for key, value in wanted.as_dict().items() if value is not None}
    return [
        Step("delete", subnet.index, one)
        for subnet, one in network.reservations
        if all(one.as_dict()[key] == value for key, value in asked.items())
    ]


def subnet_of(network: Network, wanted: Reservation) -> Subnet:
    """Return the subnet that the address lies in; raises InvalidInput or Unsupported where it cannot be reserved."""
    address = _parsed(wanted.address or "")
    if not network.subnets:
        raise Unsupported(
            f"network: {network.name!r} has no addresses of its own, so libvirt gives none out in it. Reserve the "
            "address where the DHCP server of that network is, or say it in network_config.",
            network=network.name,
        )
    subnet = next((one for one in network.subnets if address in one.interface.network), None)
    if subnet is None:
        there = ", ".join(str(one.interface.network) for one in network.subnets)
        raise InvalidInput(
            "address",
            wanted.address,
            f"is not in the network {network.name!r} ({there})",
            "Choose one that is.",
        )
    _check_usable(network, subnet, address)
    return subnet


def notes(network: Network, wanted: Reservation) -> list[str]:
    """Return in sentences what a reader of the result should know of the reservation."""
    if subnet_of(network, wanted).gives_out(_parsed(wanted.address or "")):
        return [
            f"{wanted.address} lies in the range that DHCP gives out; from now on it goes to nobody else."
        ]
    return []


def _check_usable(network: Network, subnet: Subnet, address: Address) -> None:
    if address.version == 6:
        raise Unsupported(
            f"address: {address} is an IPv6 address, which libvirt reserves by DUID and not by MAC address, and the "
            "DUID is the guest's own choice. Say the address in network_config, or reserve an IPv4 address.",
            address=str(address),
        )
    serving = next(
        (one for one in network.subnets if one.has_dhcp and one.interface.version == 4), subnet
    )
    if serving.index != subnet.index:
        raise InvalidInput(
            "address",
            str(address),
            f"lies in {subnet.interface.network}, but DHCP of {network.name!r} serves {serving.interface.network} only",
            "Choose an address there.",
        )
    if address == subnet.interface.ip:
        raise InvalidInput(
            "address", str(address), "is the host's own in that network", "Choose another one."
        )
    block = subnet.interface.network
    if block.prefixlen < 31 and address in {block.network_address, block.broadcast_address}:
        raise InvalidInput(
            "address",
            str(address),
            f"names the network {block} itself or all of its machines",
            "Choose another one.",
        )


def _is_of(one: Reservation, wanted: Reservation) -> bool:
    if one.mac is None or wanted.mac is None:
        return one.name is not None and one.name == wanted.name
    return one.mac == wanted.mac


def _taken(network: Network, wanted: Reservation, others: t.Sequence[Reservation]) -> Taken:
    return Taken(
        f"{wanted} cannot be reserved in the network {network.name!r}: it has already "
        f"{' and '.join(map(str, others))}. Choose another, remove that one, or set force: true.",
        network=network.name,
        wanted=wanted.as_dict(),
        holders=[one.as_dict() for one in others],
    )


def _parsed(address: str) -> Address:
    try:
        return ipaddress.ip_address(address)
    except ValueError as error:
        raise InvalidInput(
            "address", address, "is not an IP address", "Write it as 192.168.122.50."
        ) from error
