# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The steps that bring a network's reservations to what is desired, called by apply.py. Pure.

``compute_reserve_steps`` and ``compute_release_steps`` are for one side of a network, as it runs or as it is defined.
"""

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
class ReservationStep:
    """One change of a network. ``index`` says in which subnet; ``before`` undoes a modification."""

    command: Command
    index: int
    reservation: Reservation
    before: Reservation | None = None


def normalise_reservation(desired: Reservation) -> Reservation:
    """Return the reservation in libvirt's spelling; raises InvalidInput naming the option that cannot be used."""
    mac = None if desired.mac is None else desired.mac.lower().replace("-", ":")
    if mac is not None and (not _MAC.fullmatch(mac) or int(mac[:2], 16) & 1):
        raise InvalidInput(
            "mac",
            desired.mac,
            "is not the MAC address of a network card",
            "Write it as 52:54:00:12:34:56.",
        )
    if desired.name is not None and not can_be_named(desired.name):
        raise InvalidInput(
            "name",
            desired.name,
            "cannot be a host name in DHCP",
            "Write letters, digits, '-' and '.', beginning with a letter, 63 at most.",
        )
    address = None if desired.address is None else str(_parse_address(desired.address))
    return Reservation(mac, address, desired.name)


def can_be_named(name: str) -> bool:
    """Return whether libvirt takes ``name`` as a name in DHCP."""
    return _NAME.fullmatch(name) is not None


def compute_reserve_steps(
    network: Network, desired: Reservation, *, force: bool
) -> list[ReservationStep]:
    """Return the steps after which ``desired`` stands in the network; raises Taken when somebody is in its way.

    The entry of the same MAC address is the machine's own, and so is one without MAC address and with its name. With
    ``force`` those of others go. Entries of the other family of addresses are in nobody's way.
    """
    subnet, after = find_subnet(network, desired), merge_with_own(network, desired)
    touching = [
        (subnet_of_entry, entry)
        for subnet_of_entry, entry in network.list_reservations(subnet.interface.version)
        if entry.collides_with(after)
    ]
    others = [entry for _subnet, entry in touching if not _is_of(entry, desired)]
    if others and not force:
        raise _build_taken(network, desired, others)
    if [entry for _subnet, entry in touching] == [after]:
        return []
    if len(touching) == 1 and not others and touching[0][0].index == subnet.index:
        return [ReservationStep("modify", subnet.index, after, touching[0][1])]
    return [
        *(
            ReservationStep("delete", subnet_of_entry.index, entry)
            for subnet_of_entry, entry in touching
        ),
        ReservationStep("add", subnet.index, after),
    ]


def merge_with_own(network: Network, desired: Reservation) -> Reservation:
    """Return ``desired`` with what the machine's own entries say and ``desired`` leaves open."""
    version = _parse_address(desired.address or "").version
    own = [entry for _subnet, entry in network.list_reservations(version) if _is_of(entry, desired)]
    own.sort(key=lambda entry: entry.mac is None)  # what is said of its card goes before its name
    for entry in own:
        desired = dataclasses.replace(
            desired,
            name=desired.name or entry.name,
            mac=desired.mac or entry.mac,
            rest=desired.rest or entry.rest,
        )
    if len({entry.rest for entry in own if entry.rest}) > 1:
        raise Conflict(
            f"{' and '.join(map(str, own))} are one machine's in the network {network.name!r}, and each says something "
            "that the other one does not, such as a lease or an identifier. Remove one of them (virsh net-update).",
            network=network.name,
        )
    return desired


def compute_release_steps(network: Network, desired: Reservation) -> list[ReservationStep]:
    """Return the steps after which no reservation has all that ``desired`` names.

    One of IPv6, which nobody could make anew with what is desired, goes only if its address is named.
    """
    criteria = {key: value for key, value in desired.as_dict().items() if value is not None}
    version = 4 if desired.address is None else _parse_address(desired.address).version
    return [
        ReservationStep("delete", subnet.index, entry)
        for subnet, entry in network.list_reservations(version)
        if criteria.items() <= entry.as_dict().items()
    ]


def compute_restore_steps(
    network: Network, entries: t.Iterable[Reservation]
) -> list[ReservationStep]:
    """Return the steps after which the entries stand in the network again, but where somebody is in their way."""
    return [
        ReservationStep("add", find_subnet(network, entry).index, entry)
        for entry in entries
        if not any(held.collides_with(entry) for _subnet, held in network.list_reservations(4))
    ]


def find_subnet(network: Network, desired: Reservation) -> Subnet:
    """Return the subnet that the address lies in; raises InvalidInput or Unsupported where it cannot be reserved."""
    address = _parse_address(desired.address or "")
    if not network.subnets:
        raise Unsupported(
            f"network: {network.name!r} has no addresses of its own, so libvirt gives none out in it. Reserve the "
            "address where the DHCP server of that network is, or say it in network_config.",
            network=network.name,
        )
    subnet = next(
        (subnet for subnet in network.subnets if address in subnet.interface.network), None
    )
    if subnet is None:
        blocks = ", ".join(str(subnet.interface.network) for subnet in network.subnets)
        raise InvalidInput(
            "address",
            desired.address,
            f"is not in the network {network.name!r} ({blocks})",
            "Choose an address of the network.",
        )
    _check_usable(network, subnet, address)
    return subnet


def describe_reservation(network: Network, desired: Reservation) -> list[str]:
    """Return in sentences what a reader of the result should know of the reservation."""
    if find_subnet(network, desired).gives_out(_parse_address(desired.address or "")):
        return [
            f"{desired.address} lies in the range that DHCP gives out; from now on it goes to nobody else."
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
        (
            candidate
            for candidate in network.subnets
            if candidate.has_dhcp and candidate.interface.version == 4
        ),
        subnet,
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
            "address",
            str(address),
            "is the host's own address in that network",
            "Choose another address.",
        )
    block = subnet.interface.network
    if block.prefixlen < 31 and address in {block.network_address, block.broadcast_address}:
        raise InvalidInput(
            "address",
            str(address),
            f"is the network or broadcast address of {block}",
            "Choose another address.",
        )


def _is_of(entry: Reservation, desired: Reservation) -> bool:
    if entry.mac is None or desired.mac is None:
        return entry.name is not None and entry.name == desired.name
    return entry.mac == desired.mac


def _build_taken(network: Network, desired: Reservation, others: t.Sequence[Reservation]) -> Taken:
    return Taken(
        f"{desired} cannot be reserved in the network {network.name!r}, which already has "
        f"{' and '.join(map(str, others))}. Choose another address, remove that reservation, or set force: true.",
        network=network.name,
        wanted=desired.as_dict(),
        holders=[entry.as_dict() for entry in others],
    )


def _parse_address(address: str) -> Address:
    try:
        return ipaddress.ip_address(address)
    except ValueError as error:
        raise InvalidInput(
            "address", address, "is not an IP address", "Write it as 192.168.122.50."
        ) from error
