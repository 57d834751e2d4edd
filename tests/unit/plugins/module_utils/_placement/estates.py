# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts and guests to plan for, made up by hypothesis, and what becomes of them when a plan is carried out."""

from __future__ import annotations

import dataclasses
import typing as t

from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._placement.model import (
    AffinityRule,
    HostView,
    Move,
    PlacementDisk,
    PlacementGuest,
    PlacementPolicy,
    PlacementPool,
)

GIB = 1024**3
IMAGES = "/var/lib/libvirt/images"


def guest(
    name: str, memory: int = 1, vcpus: int = 1, disk: int = 0, **known: t.Any
) -> PlacementGuest:
    """A guest of so many GiB, with one disk if that holds anything."""
    disks = (PlacementDisk("vda", f"{IMAGES}/{name}.qcow2", "default", disk * GIB),) if disk else ()
    return PlacementGuest(
        uuid=f"uuid-{name}", name=name, vcpus=vcpus, memory_bytes=memory * GIB, disks=disks, **known
    )


def host(
    name: str,
    *guests: PlacementGuest,
    memory: int = 16,
    vcpus: int = 64,
    space: int = 100,
    **known: t.Any,
) -> HostView:
    """A host of so many GiB of memory, and so many in its pool."""
    pools = (PlacementPool("default", IMAGES, space * GIB),)
    return HostView(name, vcpus, memory * GIB, guests, **{"pools": pools, **known})


RULES = (
    AffinityRule("anti_affinity", "soft", fleets=("*",), each=True),
    AffinityRule("anti_affinity", "hard", tags=("ha",)),
    AffinityRule("affinity", "hard", tags=("pair",)),
    AffinityRule("affinity", "soft", names=("g1", "g2")),
)


@st.composite
def estates(
    draw: st.DrawFn, most_guests: int = 9, fewest_hosts: int = 2, most_memory: int = 16
) -> list[HostView]:
    """Two to four hosts, with guests of all sorts; one may be in maintenance, and some are over-committed."""
    names = ["a", "b", "c", "d"][: draw(st.integers(fewest_hosts, 4))]
    guests = [
        guest(
            f"g{number}",
            draw(st.integers(1, 5)),
            draw(st.integers(1, 4)),
            draw(st.integers(0, 5)),
            running=draw(st.integers(0, 4)) > 0,
            fleet=draw(st.sampled_from([None, "web", "db"])),
            tags=draw(st.sampled_from([(), (), ("ha",), ("pair",)])),
        )
        for number in range(draw(st.integers(0, most_guests)))
    ]
    places = {one.uuid: draw(st.sampled_from(names)) for one in guests}
    return [
        host(
            name,
            *(one for one in guests if places[one.uuid] == name),
            memory=draw(st.integers(4, most_memory)),
            vcpus=draw(st.integers(4, most_memory)),
            space=draw(st.integers(0, 20)),
            maintenance=draw(st.sampled_from([None, None, None, None, "firmware"])),
        )
        for name in names
    ]


POLICIES = st.builds(
    PlacementPolicy,
    rules=st.lists(st.sampled_from(RULES), unique=True).map(tuple),
    n_plus_one=st.sampled_from(["ignore", "soft", "hard"]),
    include_stopped=st.booleans(),
    count_stopped=st.booleans(),
    minimum_gain=st.sampled_from([0.0, 0.1, 0.3]),
    moves_per_host=st.integers(1, 4),
    moves_per_link=st.integers(1, 3),
)


def carried_out(hosts: t.Sequence[HostView], moves: t.Sequence[Move]) -> list[HostView]:
    """The hosts afterwards."""
    found = {one.name: one for one in hosts}
    for move in moves:
        source, target = found[move.source], found[move.destination]
        moved = next(one for one in source.guests if one.uuid == move.uuid)
        found[move.source] = dataclasses.replace(
            source, guests=tuple(one for one in source.guests if one.uuid != move.uuid)
        )
        pools = tuple(
            dataclasses.replace(pool, free_bytes=pool.free_bytes - move.disk_bytes)
            for pool in target.pools
        )
        found[move.destination] = dataclasses.replace(
            target, guests=(*target.guests, moved), pools=pools
        )
    return [found[one.name] for one in hosts]
