# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is on this host: all that a clone could leave."""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t
from pathlib import Path

import libvirt
from lxml import etree

_FOLDERS = (
    Path("/var/lib/libvirt/images"),
    Path("/var/lib/libvirt/qemu/nvram"),
    Path("/etc/libvirt/qemu"),
)


@dataclasses.dataclass(frozen=True)
class Inventory:
    """Names alone: what is chosen anew for each clone is not in it."""

    domains: dict[str, str]
    volumes: frozenset[str]
    files: frozenset[str]
    reservations: tuple[str, ...]

    def differences(self, expected: Inventory) -> list[str]:
        """What is other than expected, in words."""
        found: list[str] = []
        for field in dataclasses.fields(self):
            mine, other = getattr(self, field.name), getattr(expected, field.name)
            if mine != other:
                more, less = _items(mine) - _items(other), _items(other) - _items(mine)
                found += [f"stray in {field.name}: {item}" for item in sorted(more)]
                found += [f"missing in {field.name}: {item}" for item in sorted(less)]
        return found


def take() -> Inventory:
    """What is here now."""
    connection = libvirt.open("qemu:///system")
    try:
        pools = [pool for pool in connection.listAllStoragePools(0) if pool.isActive()]
        for pool in pools:
            pool.refresh(0)
        return Inventory(
            domains={domain.name(): _situation(domain) for domain in connection.listAllDomains(0)},
            volumes=frozenset(
                f"{pool.name()}/{volume.name()}"
                for pool in pools
                for volume in pool.listAllVolumes(0)
            ),
            files=frozenset(
                str(path) for folder in _FOLDERS for path in folder.glob("*") if path.is_file()
            ),
            reservations=tuple(sorted(_reservations(connection))),
        )
    finally:
        connection.close()


def free_addresses(number: int) -> list[str]:
    """So many addresses of the network of the guests, from its end."""
    connection = libvirt.open("qemu:///system")
    try:
        own = etree.fromstring(connection.networkLookupByName("default").XMLDesc(0)).find("ip")
        assert own is not None
        network = ipaddress.ip_interface(
            f"{own.get('address')}/{own.get('prefix') or own.get('netmask')}"
        ).network
        return [str(network.broadcast_address - distance) for distance in range(2, 2 + number)]
    finally:
        connection.close()


def _situation(domain: t.Any) -> str:
    running = "running" if domain.isActive() else "off"
    disks = etree.fromstring(domain.XMLDesc(0)).findall("devices/disk/source")
    # that of an image in Ceph is among the volumes
    there = all(disk.get("protocol") or Path(disk.get("file", "")).exists() for disk in disks)
    return f"{running}, {'persistent' if domain.isPersistent() else 'transient'}, disks {'there' if there else 'gone'}"


def _reservations(connection: t.Any) -> t.Iterator[str]:
    for network in connection.listAllNetworks(0):
        for flags in (0, libvirt.VIR_NETWORK_XML_INACTIVE):
            for host in etree.fromstring(network.XMLDesc(flags)).iterfind("ip/dhcp/host"):
                yield f"{network.name()} {host.get('name')} {host.get('ip')}"


def _items(value: t.Any) -> set[t.Any]:
    return set(value.items()) if isinstance(value, dict) else set(value)
