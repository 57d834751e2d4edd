# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``foresee_loss`` says what the loss of a host would take: which fleets are short, of how much, for how long. Pure.

It plans as the next run of the provisioning would, by the same decision, on the same room, fleets in the same order.
"""

from __future__ import annotations

import dataclasses
import itertools
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import (
    Series,
    slot_start,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import (
    Forecast,
    Growth,
    Step,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import Size
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.model import (
    MAKING,
    STARTING,
    Member,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.plan import decide
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.sharing.ledger import (
    Ledger,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.sharing.loans import (
    find_size,
    list_loans,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.sharing.view import (
    view_from,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.upkeep import Upkeep

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import (
        Forecaster,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._provision.model import (
        Action,
        Observation,
        Plan,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule
    from ansible_collections.headroom.libvirt.plugins.module_utils._provision.sharing.allowance import (
        Allowance,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._provision.sharing.ledger import (
        Standpoint,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._provision.sharing.loans import (
        Loan,
    )

_LOST: t.Final = "it is lost"


@dataclasses.dataclass(frozen=True)
class Path:
    """The highest demand that is expected in each of the next ``steps`` of so many ``seconds``, from ``start`` on."""

    start: float = 0.0
    seconds: int = 3600
    steps: tuple[Step, ...] = ()

    def find_index(self, moment: float) -> int:
        """Return the step that is under way at ``moment``: the first before it, and the last after it."""
        return max(0, min(len(self.steps) - 1, int((moment - self.start) // self.seconds)))

    def list_moments(self) -> list[float]:
        """Return when each step begins."""
        return [self.start + index * self.seconds for index in range(len(self.steps))]


@dataclasses.dataclass(frozen=True)
class Situation:
    """A fleet, what is known of it, and by what it is planned for.

    ``path`` is what is expected of the next day; nothing while too little is known. ``forecasters`` are those of the
    demand and, for a rule that varies what is parked, of that.
    """

    observed: Observation
    rule: Rule
    standpoint: Standpoint
    forecasters: tuple[Forecaster, ...]
    path: Path = Path()
    upkeep: Upkeep = dataclasses.field(default_factory=Upkeep)
    allowance: Allowance | None = None

    @property
    def acts(self) -> bool:
        """Whether anything is done for it: a rule in shadow mode only tells."""
        return self.rule.mode != "shadow"

    def count_at(self, moment: float) -> int:
        """Return how many machines the demand that is expected at ``moment`` asks for."""
        return self.rule.count_machines(self.path.steps[self.path.find_index(moment)].upper)


@dataclasses.dataclass(frozen=True)
class FleetLoss:
    """What a fleet has without the host.

    Of ``serving`` machines ``lost`` go, where ``needed`` are. The next run brings ``replaced`` others up, by host, for
    which it takes ``seconds``. Of ``lasting`` machines it is short even then, until ``until`` (epoch seconds), when no
    more are needed; None: for longer than demand is forecast, or nothing is forecast.
    """

    fleet: str
    serving: int
    lost: int
    needed: int
    replaced: t.Mapping[str, int]
    seconds: float
    lasting: int = 0
    until: float | None = None
    reasons: tuple[str, ...] = ()

    @property
    def short(self) -> int:
        """Of how many machines it is short at once."""
        return max(0, self.needed - (self.serving - self.lost))


@dataclasses.dataclass(frozen=True)
class HostLoss:
    """What the loss of ``host`` at ``moment`` (epoch seconds) takes of each fleet that it would touch."""

    host: str
    moment: float
    fleets: tuple[FleetLoss, ...]


def foresee_loss(situations: t.Sequence[Situation], host: str, now: float) -> HostLoss:
    """Return what the loss of ``host`` takes ``now``."""
    return HostLoss(host, now, _lose(situations, host, now))


def foresee_loss_at_peak(situations: t.Sequence[Situation], host: str, moment: float) -> HostLoss:
    """Return what its loss takes at ``moment``, when fleets have what they need by then, as far as there is room."""
    later = [_advance(situation, moment) for situation in situations]
    plans, ledger = _plan_all(later)
    # what lesser fleets lend is theirs again to lend
    taken = Ledger(entries=ledger.entries)
    removed = _list_removed(later, plans)
    grown = [
        _carry_out(situation, plans[situation.observed.fleet], taken, removed)
        for situation in later
    ]
    return HostLoss(host, moment, _lose(grown, host, moment))


def find_peak(situations: t.Sequence[Situation]) -> float | None:
    """Return when, within what is forecast, the fleets need the most memory together; None where nothing is."""
    ahead = [situation for situation in situations if situation.path.steps]
    if not ahead:
        return None
    finest = min(ahead, key=lambda situation: situation.path.seconds)
    moments = finest.path.list_moments()
    return max(moments, key=lambda moment: (_sum_memory(ahead, moment), -moment))


def _sum_memory(situations: t.Iterable[Situation], moment: float) -> int:
    return sum(
        situation.count_at(moment) * max(1, situation.observed.size.memory_bytes)
        for situation in situations
    )


def _lose(situations: t.Sequence[Situation], host: str, moment: float) -> tuple[FleetLoss, ...]:
    without = [_remove_host(situation, host) for situation in situations]
    plans, _ledger = _plan_all(without)
    losses = (
        _compare(situation, host, plans[situation.observed.fleet], moment)
        for situation in situations
    )
    return tuple(loss for loss in losses if loss.lost or loss.short or loss.lasting)


def _compare(situation: Situation, host: str, plan: Plan, moment: float) -> FleetLoss:
    observed, rule = situation.observed, situation.rule
    serving = len(observed.running)
    lost = sum(member.host == host for member in observed.running)
    needed = plan.requirement.machines
    replaced: dict[str, int] = {}
    for action in plan.actions if situation.acts else ():
        if action.action in STARTING:
            replaced[action.host] = replaced.get(action.host, 0) + 1
    needed = serving if needed is None else needed
    lasting = max(0, needed - (plan.target if situation.acts else serving - lost))
    return FleetLoss(
        fleet=observed.fleet,
        serving=serving,
        lost=lost,
        needed=needed,
        replaced=replaced,
        seconds=rule.interval + _estimate_ready_seconds(observed, rule),
        lasting=lasting,
        until=_find_relief(situation, needed - lasting, moment) if lasting else None,
        reasons=tuple(plan.reasons),
    )


def _estimate_ready_seconds(observed: Observation, rule: Rule) -> float:
    """Return what a new machine takes until it is of use: as it was measured, else as the rule says."""
    measured = observed.calibration.ready_seconds
    return rule.steps * rule.interval if measured is None else measured


def _find_relief(situation: Situation, machines: int, moment: float) -> float | None:
    """Return from when on ``machines`` are enough again, at ``moment`` or later."""
    later = [start for start in situation.path.list_moments() if start >= moment]
    return next((start for start in later if situation.count_at(start) <= machines), None)


def _plan_all(situations: t.Sequence[Situation]) -> tuple[dict[str, Plan], Ledger]:
    """Return the plan of each fleet, and what they take: the more important ones first, the others of what is left."""
    highest = max((situation.standpoint.priority for situation in situations), default=0)
    loans = itertools.chain.from_iterable(_lend(situation, highest) for situation in situations)
    ledger = Ledger(loans=tuple(loans))
    plans: dict[str, Plan] = {}
    for situation in sorted(situations, key=_sort_important_first):
        standpoint = situation.standpoint
        observed = view_from(standpoint, situation.observed, situation.allowance, ledger)
        plans[observed.fleet] = decide(
            observed,
            situation.rule,
            situation.forecasters[0],
            situation.forecasters[1] if situation.rule.has_varying_parked else None,
            upkeep=situation.upkeep,
            claims=ledger.yields.get(observed.fleet, {}),
        )
        if situation.acts:
            ledger = ledger.add(observed, plans[observed.fleet], standpoint)
    return plans, ledger


def _sort_important_first(situation: Situation) -> int:
    return -situation.standpoint.priority


def _lend(situation: Situation, highest: int) -> tuple[Loan, ...]:
    rule, priority = situation.rule, situation.standpoint.priority
    if not situation.standpoint.best_effort or priority >= highest:
        return ()
    may_park = bool(rule.scale_in_limit) and rule.mode == "act"
    return list_loans(situation.observed, rule, priority, may_park=may_park)


def _remove_host(situation: Situation, host: str) -> Situation:
    observed = situation.observed
    without = dataclasses.replace(
        observed,
        members=tuple(member for member in observed.members if member.host != host),
        rooms=tuple(room for room in observed.rooms if room.name != host),
        peers={
            name: peer for name, peer in observed.peers.items() if host not in (name, peer.host)
        },
        unknown={**observed.unknown, host: _LOST},
    )
    return dataclasses.replace(situation, observed=without)


class _Constant:
    """A Forecaster of a demand that stays as it is."""

    def __init__(self, step: Step) -> None:
        self._step = step

    def forecast(self, series: Series, steps: int, last: int = 1) -> list[Forecast | None]:
        """See Forecaster."""
        forecast = Forecast("peak", (self._step,) * steps, Growth((self._step.value,)))
        return [forecast] * min(last, len(series.values))


def _advance(situation: Situation, moment: float) -> Situation:
    """Return the fleet as it is at ``moment``, when only the demand has changed; by then no limit holds it up."""
    if not situation.path.steps:
        return situation
    observed, rule = situation.observed, situation.rule
    step = situation.path.steps[situation.path.find_index(moment)]
    count = rule.slots_looked_at
    start = slot_start(moment, rule.interval) - (count - 1) * rule.interval
    return dataclasses.replace(
        situation,
        observed=dataclasses.replace(
            observed, now=moment, series=Series(rule.interval, start, (step.value,) * count)
        ),
        rule=dataclasses.replace(
            rule, scale_out_limit=None, scale_in_limit=rule.scale_in_limit and rule.max
        ),
        forecasters=tuple(_Constant(step) for _unused in situation.forecasters),
        upkeep=Upkeep(),
    )


def _carry_out(
    situation: Situation, plan: Plan, taken: Ledger, removed: t.Mapping[str, Size]
) -> Situation:
    """Return the fleet once its plan has been carried out, and those of all fleets take and free room on the hosts."""
    observed = situation.observed
    actions = {action.name: action for action in plan.actions} if situation.acts else {}
    members = [
        _change_member(member, actions.get(member.name))
        for member in observed.members
        if member.name not in actions or actions[member.name].action != "remove"
    ]
    members += [
        Member(action.name, action.host, version=action.appliance, size=_trim(observed.size))
        for action in actions.values()
        if action.action in STARTING & MAKING
    ]
    rooms = [
        dataclasses.replace(
            room,
            free=room.free + removed.get(room.name, Size()),
            members=sum(member.host == room.name for member in members),
        )
        for room in taken.subtract(observed.rooms, situation.standpoint)
    ]
    return dataclasses.replace(
        situation,
        observed=dataclasses.replace(observed, members=tuple(members), rooms=tuple(rooms)),
    )


def _change_member(member: Member, action: Action | None) -> Member:
    if action is None:
        return member
    if action.action == "park":
        return dataclasses.replace(member, state="saved", parked_for=action.parked_for)
    return dataclasses.replace(
        member, state="running", in_service=True, healthy=None, awaited=False, parked_for=None
    )


def _list_removed(
    situations: t.Iterable[Situation], plans: t.Mapping[str, Plan]
) -> dict[str, Size]:
    """Return what the machines that go leave on their hosts; what of a pool that is is not known."""
    freed: dict[str, Size] = {}
    for situation in situations:
        members = {member.name: member for member in situation.observed.members}
        for action in plans[situation.observed.fleet].actions if situation.acts else ():
            if action.action == "remove":
                size = find_size(members[action.name], situation.observed)
                freed[action.host] = freed.get(action.host, Size()) + size
    return freed


def _trim(size: Size) -> Size:
    return dataclasses.replace(size, disk_bytes=0)
