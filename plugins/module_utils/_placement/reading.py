# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""From what host_info returned on the hosts to what moves are planned with. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import Value
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
        host["name"]: Value(f"hosts[{index}].facts", host["facts"], _REMEDY)
        for index, host in enumerate(hosts)
        if host.get("facts") is not None
    }
    views = tuple(_host(name, facts) for name, facts in answered.items())
    return Estate(views, tuple(sorted(set(names) - set(answered))))


def _host(name: str, facts: Value) -> HostView:
    allowed, mark = facts["allowed"], facts["maintenance"]
    return HostView(
        name=name,
        vcpus=allowed["vcpus"].require_count(),
        memory_bytes=allowed["memory_bytes"].require_count(),
        guests=tuple(
            _guest(guest) for guest in facts["guests"].require_items() if not guest["helper"].value
        ),
        pools=tuple(
            _pool(pool)
            for pool in facts["pools"].require_items()
            if pool["available_bytes"].value is not None
        ),
        bases=frozenset(
            volume.require_text() for volume in facts["appliance_volumes"].require_items()
        ),
        networks=frozenset(
            one["name"].require_text()
            for one in facts["networks"].require_items()
            if one["active"].value
        ),
        maintenance=None
        if mark.value is None
        else mark["reason"].read_optional(Value.require_text) or "maintenance",
        remembered=()
        if mark.value is None
        else tuple(_remembered(guest) for guest in mark["guests"].require_items()),
    )


def _guest(guest: Value) -> Guest:
    return Guest(
        uuid=guest["uuid"].require_text(),
        name=guest["name"].require_text(),
        vcpus=guest["vcpus"].require_count(),
        memory_bytes=guest["memory_bytes"].require_count(),
        running=bool(guest["running"].value),
        fleet=guest["fleet"].read_optional(Value.require_text),
        tags=tuple(tag.require_text() for tag in guest["tags"].require_items()),
        networks=tuple(network.require_text() for network in guest["networks"].require_items()),
        disks=tuple(_disk(disk) for disk in guest["disks"].require_items()),
        busy=guest["busy"].read_optional(Value.require_text),
        machine=guest["machine"].read_optional(Value.require_machine),
    )


def _disk(disk: Value) -> Disk:
    return Disk(
        target=disk["target"].require_text(),
        path=disk["path"].require_text(),
        pool=disk["pool"].read_optional(Value.require_text),
        bytes=disk["bytes"].require_count(),
        base=disk["base"].read_optional(Value.require_text),
        base_bytes=disk["base_bytes"].require_count(),
    )


def _pool(pool: Value) -> Pool:
    return Pool(
        name=pool["name"].require_text(),
        path=pool["path"].read_optional(Value.require_text),
        free_bytes=pool["available_bytes"].require_count(),
        source=pool["source"].read_optional(Value.require_text),
    )


def _remembered(guest: Value) -> Remembered:
    return Remembered(guest["uuid"].require_text(), guest["name"].require_text())
