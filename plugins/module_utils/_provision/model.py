# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The things that a plan is made of (Observation, Member) and consists of (Plan, Action). Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.rollouts import RolloutMemory

from .calibration import Calibration

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.roster import RosterEntry
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
    from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import (
        HostRoom,
        Size,
    )

    from .alert import Alert
    from .requirement import Requirement
    from .sharing.allowance import Allowance

# "prepare" makes a machine before it is required and parks it once it is up.
# "serve" puts a machine into service that runs already.
Verb = t.Literal["create", "wake", "serve", "prepare", "park", "remove"]

# What makes one more machine serve.
STARTING: t.Final = frozenset({"create", "wake"})

# What makes a machine that was not there.
MAKING: t.Final = frozenset({"create", "prepare"})

RUNNING: t.Final = frozenset({"running", "blocked"})
PARKED: t.Final = frozenset({"paused", "saved", "pmsuspended"})
# For these reasons libvirt or QEMU stopped a machine that is paused: waking it makes it no use.
BROKEN_REASONS: t.Final = frozenset(
    {"ioerror", "watchdog", "crashed", "postcopy_failed", "api_error"}
)
# For any other reason a machine that is paused is in the middle of something, such as a migration or a snapshot.
_PARKED_REASONS: t.Final = frozenset({None, "unknown", "user", "from_snapshot"})
# In the order in which they wake: the quickest first, then those that are off although nobody parked them.
SPARE: t.Final = ("paused", "pmsuspended", "saved", "shutoff", "crashed")


@dataclasses.dataclass(frozen=True)
class Member:
    """A machine of the fleet. ``created`` are epoch seconds; ``activity`` orders machines by how busy they are.

    ``state`` is libvirt's, and ``saved`` for one that is off with its memory saved. ``machine`` is what names it on any
    host, where its sample tells that. ``double`` says that another host has one of its name: it serves, and is not
    to be touched. ``version`` is the appliance that it is a clone of, as ``name:version``; None of a machine that no
    clone task made for the fleet, which is ``labelled``: it counts, and nothing is done to it. ``in_service`` says
    whether it has been put into service, ``since`` when (epoch seconds) that is so. ``healthy`` is what its health
    check says, for the ``health_reason`` (a verdict.Kind is the ``health_kind``); None where nobody asked, or it is
    not certain yet. While it is ``awaited`` it is expected to pass for the first time since it came up, and
    ``has_passed`` says that it has ever passed this check. ``size`` is what it takes of its host, where that is known.
    ``parked_for`` is the fleet that needed its room when it was parked.
    """

    name: str
    host: str
    state: str = "running"
    uuid: str | None = None
    protected: bool = False
    created: float | None = None
    activity: float | None = None
    machine: t.Mapping[str, t.Any] | None = dataclasses.field(default=None, hash=False)
    double: bool = False
    state_reason: str | None = None
    version: str | None = None
    labelled: bool = False
    in_service: bool = True
    healthy: bool | None = None
    health_reason: str | None = None
    health_kind: str | None = None
    awaited: bool = False
    has_passed: bool = False
    since: float | None = None
    size: Size | None = None
    parked_for: str | None = None

    @property
    def is_lent(self) -> bool:
        """Whether it is parked for the sake of another fleet."""
        return self.parked_for is not None and self.state not in RUNNING

    @property
    def serves(self) -> bool:
        """Whether it counts for what the fleet is asked for."""
        is_well = self.healthy is not False and not self.awaited
        return self.state in RUNNING and self.in_service and is_well

    @property
    def is_proven(self) -> bool:
        """Whether its latest health check, if there is one, has passed."""
        return self.health_kind is None or self.healthy is True

    @property
    def is_broken(self) -> bool:
        """Whether it is paused since something failed."""
        return self.state == "paused" and self.state_reason in BROKEN_REASONS

    @property
    def can_wake(self) -> bool:
        """Whether it does not run, and nothing but a start or a resume is needed so that it does."""
        is_parked = self.state != "paused" or self.state_reason in _PARKED_REASONS
        return self.state in SPARE and is_parked and not self.double and not self.labelled


@dataclasses.dataclass(frozen=True)
class Peer:
    """A host that has the ``appliance`` (``name:version``), from which others can have it streamed by ``uri``."""

    host: str
    uri: str
    appliance: str


@dataclasses.dataclass(frozen=True)
class Observation:
    """What is known at ``now`` (epoch seconds).

    ``series`` is the demand, summed over the hosts whose samples are known. ``size`` is one clone's. ``rooms`` are the
    hosts that could take clones. ``unknown`` maps a host whose machines are not known to the reason, ``left_out`` are
    those of them that have no part in the run, ``absent`` is what the history has on them, and ``notes`` are sentences
    about what else is not known.
    ``calibration`` is what runs before have shown of machines. ``measured_elsewhere`` says that the demand is the whole
    fleet's, and known also while no machine runs. ``memory`` is what the history remembers of rollouts.
    A fleet that is ``best_effort`` gives room to more important ones. ``peers`` says where hosts that lack the
    appliance have it from, and ``allowance`` what its tenant may have on all hosts together.
    """

    fleet: str
    now: float
    series: Series
    size: Size
    members: tuple[Member, ...] = ()
    rooms: tuple[HostRoom, ...] = ()
    unknown: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    absent: tuple[RosterEntry, ...] = ()
    notes: tuple[str, ...] = ()
    calibration: Calibration = dataclasses.field(default_factory=Calibration)
    measured_elsewhere: bool = False
    memory: RolloutMemory = dataclasses.field(default_factory=RolloutMemory)
    best_effort: bool = False
    peers: t.Mapping[str, Peer] = dataclasses.field(default_factory=dict)
    allowance: Allowance | None = None

    @property
    def is_down(self) -> bool:
        """Whether no machine runs, although some are off that nobody parked."""
        return not self.running and any(
            member.state in SPARE and member.state not in PARKED for member in self.members
        )

    @property
    def running(self) -> list[Member]:
        """The machines that serve."""
        return [member for member in self.members if member.serves]

    @property
    def coming(self) -> list[Member]:
        """The machines that run, and will serve once they have been put into service and show that they do."""
        return [
            member
            for member in self.members
            if member.state in RUNNING
            and not member.serves
            and member.healthy is not False
            and not (member.labelled or member.double)
        ]

    @property
    def spare(self) -> list[Member]:
        """The machines that could serve, in the order in which to wake them; none on a host in maintenance."""
        return self._list_wakeable(lent=False)

    @property
    def lent(self) -> list[Member]:
        """Likewise, those that are parked for another fleet."""
        return self._list_wakeable(lent=True)

    def _list_wakeable(self, *, lent: bool) -> list[Member]:
        closed = {room.name for room in self.rooms if room.closed}
        wakeable = [
            member
            for member in self.members
            if member.can_wake
            and member.is_lent is lent
            and member.healthy is not False
            and member.host not in closed
        ]
        return sorted(wakeable, key=lambda member: (SPARE.index(member.state), member.name))


@dataclasses.dataclass(frozen=True)
class Action:
    """One thing to do to one machine; ``appliance`` is what it is or will be a clone of, None: what the fleet says.

    ``parked_for`` is the fleet for which it is parked, None where its own fleet has no need of it.
    """

    action: Verb
    name: str
    host: str
    reason: str
    machine: t.Mapping[str, t.Any] | None = dataclasses.field(default=None, hash=False)
    appliance: str | None = None
    parked_for: str | None = None


@dataclasses.dataclass(frozen=True)
class Claim:
    """A machine of the lesser ``fleet`` that is parked so that the fleet ``claimant`` has its room."""

    name: str
    fleet: str
    host: str
    claimant: str


@dataclasses.dataclass(frozen=True)
class Part:
    """The actions of one direction, and sentences on what was held back."""

    actions: tuple[Action, ...] = ()
    held_back: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to do, and why: ``running`` machines serve now, ``target`` of them after the actions.

    ``phase`` is how far a rollout is, ``memory`` what the next run is to know of it. ``claims`` are machines of lesser
    fleets that are parked for it.
    """

    fleet: str
    running: int
    target: int
    requirement: Requirement
    alert: Alert
    actions: tuple[Action, ...]
    reasons: tuple[str, ...]
    digest: str
    phase: str = "none"
    memory: RolloutMemory = dataclasses.field(default_factory=RolloutMemory)
    claims: tuple[Claim, ...] = ()

    def list_appliances(self) -> dict[str, str]:
        """Return what each machine that is made, woken or put into service is a clone of, where that is said."""
        return {
            action.name: action.appliance
            for action in self.actions
            if action.appliance is not None and action.action not in ("park", "remove")
        }

    def group_by_host(self, verb: Verb) -> dict[str, list[str]]:
        """Return ``{host: [names]}`` of the actions of one kind."""
        names: dict[str, list[str]] = {}
        for action in self.actions:
            if action.action == verb:
                names.setdefault(action.host, []).append(action.name)
        return names
