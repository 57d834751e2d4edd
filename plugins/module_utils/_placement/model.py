# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Hosts and guests as moves are planned for them, the policy, and the plan of moves. Data only. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

Strength = t.Literal["hard", "soft"]
Kind = t.Literal["affinity", "anti_affinity"]
NPlusOne = t.Literal["ignore", "soft", "hard"]


@dataclasses.dataclass(frozen=True)
class PlacementDisk:
    """A disk that comes along. ``pool`` is None for one that lies in no pool, ``base`` the appliance's volume below.

    ``bytes`` is what it holds itself, ``base_bytes`` what it stands on holds, which has to come along to a host that
    has no such volume.
    """

    target: str
    path: str
    pool: str | None = None
    bytes: int = 0
    base: str | None = None
    base_bytes: int = 0


@dataclasses.dataclass(frozen=True)
class PlacementGuest:
    """A guest. ``memory_bytes`` is the most that its memory may grow to.

    ``busy`` says in words why it cannot be moved now: a disk of it is being copied, or a part of one is elsewhere.
    ``machine`` is what names it on any host, where its host tells that.
    """

    uuid: str
    name: str
    vcpus: int = 1
    memory_bytes: int = 0
    running: bool = True
    fleet: str | None = None
    tags: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    bridges: tuple[str, ...] = ()
    disks: tuple[PlacementDisk, ...] = ()
    busy: str | None = None
    machine: t.Mapping[str, t.Any] | None = dataclasses.field(default=None, hash=False)


@dataclasses.dataclass(frozen=True)
class PlacementPool:
    """A pool that runs. ``source`` names storage that other hosts may have too; None for the host's own.

    ``type`` is libvirt's word for its kind, where its host tells that.
    """

    name: str
    path: str | None
    free_bytes: int
    source: str | None = None
    type: str | None = None


@dataclasses.dataclass(frozen=True)
class RememberedGuest:
    """A guest that a drained host had."""

    uuid: str
    name: str


@dataclasses.dataclass(frozen=True)
class HostView:
    """A host that answered.

    ``vcpus`` and ``memory_bytes`` are what it may promise in all: overcommitted, less its reserves. ``bases`` are the
    appliances' volumes that it has, ``cards`` its bridges and network cards (None where it does not tell them).
    ``maintenance`` is the reason of its mark, None without one; ``remembered`` the guests that it had before it was
    drained, and ``refuges`` the hosts on which these may be.
    """

    name: str
    vcpus: int
    memory_bytes: int
    guests: tuple[PlacementGuest, ...] = ()
    pools: tuple[PlacementPool, ...] = ()
    bases: frozenset[str] = frozenset()
    networks: frozenset[str] = frozenset()
    cards: frozenset[str] | None = None
    maintenance: str | None = None
    remembered: tuple[RememberedGuest, ...] = ()
    refuges: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class InFlight:
    """A guest on its way, which counts on both hosts until it has arrived, or one whose move ``failed``."""

    guest: str
    source: str
    destination: str
    failed: bool = False


@dataclasses.dataclass(frozen=True)
class AffinityRule:
    """Guests that shall be together or apart. Selectors are patterns, and guests that match any of them are meant.

    With ``each``, every fleet (or tag) that matches is a group of its own.
    """

    kind: Kind
    strength: Strength
    fleets: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    each: bool = False


@dataclasses.dataclass(frozen=True)
class PlacementPolicy:
    """How to plan.

    ``minimum_gain`` is the share of a host by which a rebalance must bring the loads together. ``moves_per_host`` and
    ``moves_per_link`` limit the moves that go at once: all that a host sends and receives, and those between two hosts.
    """

    rules: tuple[AffinityRule, ...] = ()
    n_plus_one: NPlusOne = "soft"
    pool_reserve_bytes: int = 0
    shared_pools: frozenset[str] = frozenset()
    destination_pool: str | None = None
    count_stopped: bool = True
    include_stopped: bool = False
    minimum_gain: float = 0.1
    most_moves: int | None = None
    moves_per_host: int = 4
    moves_per_link: int = 2


@dataclasses.dataclass(frozen=True)
class Move:
    """One move of a plan, in the order in which they are to be carried out."""

    guest: str
    uuid: str
    source: str
    destination: str
    reason: str
    fleet: str | None = None
    vcpus: int = 0
    memory_bytes: int = 0
    disk_bytes: int = 0
    machine: t.Mapping[str, t.Any] | None = dataclasses.field(default=None, hash=False)


@dataclasses.dataclass(frozen=True)
class Refusal:
    """A guest that has nowhere to go; ``shortages`` says of each host why not."""

    guest: str
    uuid: str
    host: str
    shortages: t.Mapping[str, str]

    def __str__(self) -> str:
        """Say it in one sentence."""
        if not self.shortages:
            return f"{self.guest} cannot leave {self.host}: there is no other host that answers and takes guests."
        reasons = "; ".join(f"{host} {why}" for host, why in self.shortages.items())
        return f"{self.guest} cannot leave {self.host}: {reasons}."


@dataclasses.dataclass(frozen=True)
class MovePlan:
    """What to move. Nothing is to be moved when anything is refused.

    ``notes`` are sentences on what else is to be known. ``remember`` are the guests of each drained host.
    """

    moves: tuple[Move, ...] = ()
    refused: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    remember: t.Mapping[str, tuple[RememberedGuest, ...]] = dataclasses.field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def is_possible(self) -> bool:
        """Whether it can be carried out."""
        return not self.refused and not self.problems
