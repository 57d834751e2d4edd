# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a self-test speaks in: what a look at a host gives, and the findings that are judged from it. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

Status = t.Literal["pass", "warn", "fail"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """What one check says of one thing: ``subject`` is a guest, pool, file …, nothing for the host itself.

    A finding that is no pass has a ``remedy``: what to write or to run.
    """

    check: str
    status: Status
    detail: str
    subject: str = ""
    remedy: str = ""


@dataclasses.dataclass(frozen=True)
class Certificate:
    """A file with an X.509 certificate: how many seconds it is still valid, None with the ``problem`` of reading it."""

    path: str
    seconds_left: float | None
    problem: str = ""


@dataclasses.dataclass(frozen=True)
class Store:
    """A database or folder of the collection's own, and what is in the way of using it; nothing where it is sound."""

    path: str
    problem: str = ""


@dataclasses.dataclass(frozen=True)
class Machine:
    """The machine under libvirt, known only where the module runs on the host.

    ``addresses`` are those to which its own name leads. ``boots`` says of each unit that listens for libvirt whether it
    starts with the machine. ``listeners`` are ports on which anybody may connect, ``settings`` what files of libvirt's
    configuration say, as (file, name, value). ``is_removed`` says that it was taken out of its cluster.
    """

    python: tuple[int, int]
    user_id: int
    addresses: tuple[str, ...] = ()
    machine_id: str | None = None
    firmware_uuid: str | None = None
    has_kvm: bool = True
    missing_programs: tuple[str, ...] = ()
    missing_libraries: tuple[str, ...] = ()
    boots: t.Mapping[str, bool] = dataclasses.field(default_factory=dict)
    active_daemons: tuple[str, ...] = ()
    listeners: tuple[int, ...] = ()
    settings: tuple[tuple[str, str, str], ...] = ()
    forwards: bool = True
    certificates: tuple[Certificate, ...] = ()
    stores: tuple[Store, ...] = ()
    full_folders: t.Mapping[str, float] = dataclasses.field(default_factory=dict)
    read_only_folders: tuple[str, ...] = ()
    open_folders: tuple[str, ...] = ()
    is_removed: bool = False


@dataclasses.dataclass(frozen=True)
class Guest:
    """What is judged of a domain. ``written`` names the files that it alone should write, ``missing`` those not there.

    ``problems`` are those that domain_info tells, ``dependency`` is what it still reads from another host.
    """

    name: str
    uuid: str
    running: bool
    autostart: bool
    persistent: bool = True
    helper: bool = False
    machine: str | None = None
    type: str = "kvm"
    macs: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    bridges: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    dependency: t.Mapping[str, t.Any] | None = None
    transactions: int = 0


@dataclasses.dataclass(frozen=True)
class Peer:
    """Another host as this one reaches it: its libvirt's UUID, or the problem."""

    uri: str
    uuid: str | None = None
    problem: str = ""


@dataclasses.dataclass(frozen=True)
class Network:
    """A virtual network's DHCP: how many addresses it can lease and has leased, and the MACs that it keeps some for."""

    name: str
    capacity: int = 0
    leases: int = 0
    reservations: t.Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Look:
    """All that one look at a host gives. ``host`` is as host_info returns it.

    ``machine`` is None where the module does not run on the host. ``volumes`` are {path: why it is a leftover},
    ``appliances`` {name:version: digest of its disks}, ``unsound`` {appliance: problem}.
    """

    host: t.Mapping[str, t.Any]
    machine: Machine | None = None
    guests: t.Sequence[Guest] = ()
    networks: t.Sequence[Network] = ()
    transactions: t.Sequence[t.Mapping[str, t.Any]] = ()
    exports: t.Sequence[t.Mapping[str, t.Any]] = ()
    expired_leases: t.Sequence[t.Mapping[str, t.Any]] = ()
    volumes: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    appliances: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    unsound: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    peers: t.Sequence[Peer] = ()
    machine_types: frozenset[str] | None = None
    problems: t.Mapping[str, str] = dataclasses.field(default_factory=dict)

    def as_shared(self) -> dict[str, t.Any]:
        """Return what is compared with other hosts, JSON-able."""
        machine = self.machine
        return {
            "hostname": self.host["hostname"],
            "uuid": self.host["uuid"],
            "machine_id": None if machine is None else machine.machine_id,
            "libvirt_version": self.host["libvirt_version"],
            "hypervisor_version": self.host["hypervisor_version"],
            "cpu": self.host["cpu"],
            "pools": [pool["name"] for pool in self.host["pools"]],
            "networks": [network["name"] for network in self.host["networks"]],
            "appliances": dict(self.appliances),
            "guests": [
                {
                    "name": guest.name,
                    "uuid": guest.uuid,
                    "running": guest.running,
                    "autostart": guest.autostart,
                    "macs": list(guest.macs),
                    "networks": list(guest.networks),
                    "pools": list(guest.pools),
                }
                for guest in self.guests
                if not guest.helper
            ],
        }
