# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``judge_libvirt``: what is wrong with libvirt's own objects but its guests: versions, pools, networks, room. Pure."""

from __future__ import annotations

import itertools
import typing as t

from .model import Finding

if t.TYPE_CHECKING:
    from .model import Look, Network, Status

Findings = t.Iterator[Finding]

_OLDEST_LIBVIRT: t.Final = (8, 0)
# A network that has leased more of its addresses than this has none for the next peak.
_MOST_LEASED_SHARE: t.Final = 0.9
_STATUSES: t.Final[t.Mapping[str, Status]] = {"ok": "pass", "warning": "warn", "error": "fail"}
_REMEDIES: t.Final = {
    "cpu": "Move guests away with headroom.libvirt.rebalance, or raise `cpu_overcommit`.",
    "memory": "Move guests away with headroom.libvirt.rebalance, or lower `memory_reserve`.",
    "pool": "Run: virsh pool-start {name}; where it runs and is full, remove what is not needed or enlarge it.",
    "network": "Run: virsh net-start {name}",
    "storage": "Look at: systemctl status libvirtd virtstoraged",
    "networks": "Look at: systemctl status libvirtd virtnetworkd",
    "maintenance": "Give the file back to root alone. One that is damaged is put aside by the next task that writes.",
}


def judge_libvirt(look: Look) -> Findings:
    """Yield what each check of the host's libvirt says."""
    yield _judge_version(look.host["libvirt_version"])
    yield from _judge_health(look)
    yield from _judge_autostart(look)
    yield from _judge_places(look)
    macs = set(itertools.chain.from_iterable(guest.macs for guest in look.guests))
    for network in look.networks:
        yield from _judge_dhcp(network, macs)
    yield from _judge_appliances(look)
    yield from _judge_peers(look)
    for check, problem in look.problems.items():
        yield Finding(
            check, "fail", problem, remedy="Mend what it names, and run the self-test again."
        )


def _judge_version(version: str) -> Finding:
    if tuple(map(int, version.split(".")[:2])) < _OLDEST_LIBVIRT:
        remedy = "Install libvirt 8.0 or newer: that of a newer release of the distribution."
        return Finding("libvirt_version", "fail", f"libvirt {version} is too old", remedy=remedy)
    return Finding("libvirt_version", "pass", f"libvirt {version}")


def _judge_health(look: Look) -> Findings:
    for row in look.host["health"]:
        status = _STATUSES[row["status"]]
        name = row["name"] or ""
        remedy = "" if status == "pass" else _REMEDIES[row["check"]].format(name=name)
        yield Finding(row["check"], status, row["detail"], name, remedy)


def _judge_autostart(look: Look) -> Findings:
    for kind, command in (("pool", "pool"), ("network", "net")):
        for row in look.host[f"{kind}s"]:
            if not row["autostart"]:
                yield Finding(
                    "autostart",
                    "warn",
                    f"the {kind} does not start with the host",
                    row["name"],
                    f"Run: virsh {command}-autostart {row['name']}",
                )


def _judge_places(look: Look) -> Findings:
    """Two pools in one place tell free space twice, and each deletes what the other has."""
    places: dict[str, str] = {}
    for pool in look.host["pools"]:
        path = (pool["path"] or "").rstrip("/")
        if not path or path.startswith("/dev"):
            continue
        if path in places:
            yield Finding(
                "pool_places",
                "warn",
                f"the pools {places[path]} and {pool['name']} are both {path}",
                pool["name"],
                f"Take one of them away: virsh pool-destroy {pool['name']}; virsh pool-undefine {pool['name']}",
            )
        places[path] = pool["name"]


def _judge_dhcp(network: Network, macs: t.AbstractSet[str]) -> Findings:
    if network.capacity and network.leases >= network.capacity * _MOST_LEASED_SHARE:
        yield Finding(
            "dhcp",
            "warn",
            f"{network.leases} of its {network.capacity} addresses are leased",
            network.name,
            f"Widen its range: virsh net-edit {network.name}",
        )
    for mac, address in network.reservations.items():
        if mac not in macs:
            yield Finding(
                "reservation",
                "warn",
                f"it keeps {address} for {mac}, which no guest of this host has",
                network.name,
                f"Where no guest is to come for it, use headroom.libvirt.network_reservation with network: "
                f"{network.name}, mac: {mac} and state: absent.",
            )


def _judge_appliances(look: Look) -> Findings:
    for name, problem in look.unsound.items():
        yield Finding(
            "catalogue",
            "fail",
            problem,
            name,
            "Remove it and take it anew from its feed or from another host: headroom.libvirt.appliance with "
            "state: absent, then with `source`.",
        )
    if look.appliances:
        yield Finding("catalogue", "pass", f"{len(look.appliances)} appliances are whole")


def _judge_peers(look: Look) -> Findings:
    for peer in look.peers:
        if peer.problem:
            yield Finding(
                "peer",
                "fail",
                f"this host does not reach it: {peer.problem}",
                peer.uri,
                "Run the role headroom.libvirt.hypervisor on both, which exchanges their SSH keys; or see what is in "
                f"the way: virsh -c '{peer.uri}' uri",
            )
        elif peer.uuid == look.host["uuid"]:
            yield Finding(
                "host_uuid",
                "fail",
                f"{peer.uri} has the same UUID, so that libvirt takes the two for one host and migrates nothing",
                peer.uri,
                "Run the role headroom.libvirt.hypervisor on all hosts, which gives each a UUID of its own.",
            )
        else:
            yield Finding("peer", "pass", "this host reaches it", peer.uri)
