# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""From what host_info returned on the hosts to what moves are planned with. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import Given
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

from .model import Disk, Guest, HostView, Pool, Remembered

_REMEDY: t.Final = (
    "Hand in the `host` that headroom.libvirt.host_info returned on the host with guests=true, or null if it did not "
    "answer."
)


@dataclasses.dataclass(frozen=True)
class Estate:
    """The hosts that answered, and the names of those that did not."""

    hosts: tuple[HostView, ...]
    silent: tuple[str, ...]


def read_estate(hosts: t.Sequence[t.Mapping[str, t.Any]]) -> Estate:
    """Return what the ``hosts`` (``{name, facts}`` each) say; raises InvalidInput for what is no host or no facts."""
    names = [host["name"] for host in hosts]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise InvalidInput(
                f"hosts[{index}].name", name, "stands there twice", "Name each host once."
            )
    answered = {
        host["name"]: Given(f"hosts[{index}].facts", host["facts"], _REMEDY)
        for index, host in enumerate(hosts)
        if host.get("facts") is not None
    }
    views = tuple(_host(name, facts) for name, facts in answered.items())
    return Estate(views, tuple(sorted(set(names) - set(answered))))


def _host(name: str, facts: Given) -> HostView:
    allowed, mark = facts["allowed"], facts["maintenance"]
    return HostView(
        name=name,
        vcpus=allowed["vcpus"].count(),
        memory_bytes=allowed["memory_bytes"].count(),
        guests=tuple(
            _guest(guest) for guest in facts["guests"].items() if not guest["helper"].value
        ),
        pools=tuple(
            _pool(pool)
            for pool in facts["pools"].items()
            if pool["available_bytes"].value is not None
        ),
        bases=frozenset(volume.text() for volume in facts["appliance_volumes"].items()),
        networks=frozenset(
            one["name"].text() for one in facts["networks"].items() if one["active"].value
        ),
        maintenance=None
        if mark.value is None
        else mark["reason"].optional(Given.text) or "maintenance",
        remembered=()
        if mark.value is None
        else tuple(_remembered(guest) for guest in mark["guests"].items()),
    )


def _guest(guest: Given) -> Guest:
    return Guest(
        uuid=guest["uuid"].text(),
        name=guest["name"].text(),
        vcpus=guest["vcpus"].count(),
        memory_bytes=guest["memory_bytes"].count(),
        running=bool(guest["running"].value),
        fleet=guest["fleet"].optional(Given.text),
        tags=tuple(tag.text() for tag in guest["tags"].items()),
        networks=tuple(network.text() for network in guest["networks"].items()),
        disks=tuple(_disk(disk) for disk in guest["disks"].items()),
        busy=guest["busy"].optional(Given.text),
        machine=guest["machine"].optional(Given.machine),
    )


def _disk(disk: Given) -> Disk:
    return Disk(
        target=disk["target"].text(),
        path=disk["path"].text(),
        pool=disk["pool"].optional(Given.text),
        bytes=disk["bytes"].count(),
        base=disk["base"].optional(Given.text),
        base_bytes=disk["base_bytes"].count(),
    )


def _pool(pool: Given) -> Pool:
    return Pool(
        name=pool["name"].text(),
        path=pool["path"].optional(Given.text),
        free_bytes=pool["available_bytes"].count(),
        source=pool["source"].optional(Given.text),
    )


def _remembered(guest: Given) -> Remembered:
    return Remembered(guest["uuid"].text(), guest["name"].text())
