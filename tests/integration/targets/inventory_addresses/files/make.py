# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the guests of a table of cases on this host, paused, with what the host says of their addresses.

What DHCP gave out is written where libvirt's helper of dnsmasq keeps it, what the host has heard into its table of
neighbours. Prints what each guest is to be reached by, as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path
from xml.sax.saxutils import escape

import libvirt

Case = dict[str, t.Any]


def write_domain(prefix: str, case: Case) -> str:
    """Return the XML of a case's guest: small, without a disk."""
    sources = {
        "n": f"<interface type='network'><source network='{prefix}'/>",
        "b": f"<interface type='bridge'><source bridge='{prefix}'/>",
        "u": "<interface type='user'>",
    }
    devices = "".join(
        f"{sources[kind]}<mac address='{mac}'/><model type='virtio'/></interface>"
        for kind, mac in case["cards"]
    )
    return (
        f"<domain type='qemu'><name>{escape(case['name'])}</name><title>{prefix}</title><memory unit='MiB'>16</memory>"
        f"<vcpu>1</vcpu><os><type arch='x86_64' machine='q35'>hvm</type></os><devices>{devices}</devices></domain>"
    )


def make_network(connection: libvirt.virConnect, name: str, block: str, hosts: str) -> None:
    network = connection.networkDefineXML(
        f"<network><name>{name}</name><bridge name='{name}'/><ip address='{block}.1' netmask='255.255.255.0'><dhcp>"
        f"<range start='{block}.200' end='{block}.250'/>{hosts}</dhcp></ip></network>"
    )
    network.create()


def say(prefix: str, cases: list[Case]) -> None:
    """Have the host hear its neighbours, and the networks know their leases."""
    leases: dict[str, list[dict[str, object]]] = {prefix: [], f"{prefix}o": []}
    for case in cases:
        for source, mac, address, ends in case["rows"]:
            if source == "arp":
                neighbour = ["ip", "neigh", "replace", address, "lladdr", mac, "dev", prefix]
                subprocess.run([*neighbour, "nud", "permanent"], check=True)
            elif source != "reservation":
                lease = {
                    "ip-address": address,
                    "mac-address": mac,
                    "client-id": mac,
                    "expiry-time": ends,
                }
                leases[prefix if source == "lease" else f"{prefix}o"].append(lease)
    for bridge, rows in leases.items():
        Path(f"/var/lib/libvirt/dnsmasq/{bridge}.status").write_text(json.dumps(rows))


def write_reservations(cases: list[Case]) -> str:
    hosts = ""
    for case in cases:
        for source, mac, address, _ends in case["rows"]:
            hosts += f"<host mac='{mac}' ip='{address}'/>" if source == "reservation" else ""
    return hosts


def main(prefix: str, block: str, table: str) -> None:
    """Make all of a table under a prefix, in a block of addresses; print {guest: address}."""
    cases: list[Case] = json.loads(Path(table).read_text())
    connection = libvirt.open("qemu:///system")
    make_network(connection, prefix, block, write_reservations(cases))
    make_network(connection, f"{prefix}o", "10.99.99", "")
    for case in cases:
        domain = connection.defineXMLFlags(write_domain(prefix, case), 0)
        if case["is_on"]:
            domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
    say(prefix, cases)
    print(json.dumps({case["name"]: case["right"] for case in cases}))


main(*sys.argv[1:])
