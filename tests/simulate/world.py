# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts, machines and runs of the provisioning, as the role does them: lease, sample, plan, apply.

Planned by `decide`, excluded by `lease`: the code that runs on real hosts. The hosts and what goes wrong with them are
simulated.
"""

from __future__ import annotations

import dataclasses
import itertools
import sqlite3
import typing as t
from collections import Counter
from dataclasses import dataclass, field

from ansible_collections.headroom.libvirt.plugins.module_utils import _sqlite
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import database, lease
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.rollouts import (
    RolloutMemory,
    build_memory,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Sample, merge
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.blend import (
    Blend,
    Continuing,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.registry import (
    make_forecaster,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import Forecaster
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import (
    HostRoom,
    Size,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.model import (
    RUNNING,
    Claim,
    Member,
    Observation,
    Plan,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.plan import decide
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.sharing.ledger import (
    Ledger,
    Standpoint,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.sharing.loans import (
    Loan,
    list_loans,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.upkeep import (
    Rollout,
    Share,
    Upkeep,
)

from simulate.weather import Fault

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule

ALONE: t.Final = Standpoint("web", "default")
CLONE: t.Final = Size(vcpus=1, memory_bytes=2**30, disk_bytes=2**30)
MAKING: t.Final = ("create", "prepare")
_LEASE_SECONDS: t.Final = 900
# One version of so many never passes its health check.
_BAD_VERSIONS: t.Final = 3
_GRACE_SLOTS: t.Final = 1
_MOST_SLOTS_HUNG: t.Final = 24
_PET: t.Final = "pet"


@dataclass
class SimulatedHost:
    """A host with `room` for so many machines of any fleet, of which others have `taken` some."""

    name: str
    room: int
    taken: int = 0
    dead: bool = False
    history: list[Sample] = field(default_factory=list)


@dataclass
class Log:
    """What happened: `running` machines and demand after each slot, what was done, and promises that were broken."""

    running: list[int] = field(default_factory=list)
    demand: list[float] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


def _kept(method: str, risk: float) -> Forecaster:
    """A forecaster as the role keeps it from one run to the next, be they of one controller or two."""
    forecaster = make_forecaster(method, risk)
    return Continuing(forecaster, None) if isinstance(forecaster, Blend) else forecaster


def _is_bad(version: str | None) -> bool:
    return version is not None and int(version.partition(":")[2]) % _BAD_VERSIONS == 0


class World:
    """A fleet under `rule` on hosts with `rooms`; one slot after the other passes with `tick`."""

    def __init__(
        self,
        rule: Rule,
        rooms: Sequence[int],
        faults: Sequence[Fault],
        standpoint: Standpoint = ALONE,
    ) -> None:
        self.rule = rule
        self.standpoint = standpoint
        # Fleets on the same hosts, each of which is a world with the same faults.
        self.neighbours: list[World] = []
        self.hosts = [SimulatedHost(f"kvm{number}", room) for number, room in enumerate(rooms, 1)]
        # Somebody has labelled a guest into the fleet.
        self.machines: dict[str, Member] = {
            _PET: Member(_PET, "kvm1", labelled=True, created=0.0, since=0.0)
        }
        self.version = 1
        self.memory = RolloutMemory()
        # In which slot each machine that hangs began to.
        self.hung: dict[str, int] = {}
        self.log = Log()
        self._forecaster, self._unlikely = (
            _kept(rule.forecaster, risk) for risk in (rule.risk, rule.parked_risk)
        )
        self._faults = faults
        self._slot = 0
        self._stale: Plan | None = None
        # Each host keeps its own leases; they are all there or all gone here, so one database stands for all.
        self._leases = sqlite3.connect(":memory:", isolation_level=None)
        _sqlite.migrate(self._leases, ":memory:", database.SCHEMA)

    def close(self) -> None:
        """Close the database of leases."""
        self._leases.close()

    @property
    def now(self) -> float:
        """The middle of the present slot in epoch seconds."""
        return (self._slot + 0.5) * self.rule.interval

    def tick(self, demand: float) -> None:
        """Let a slot pass with this demand on the whole fleet: what happens to hosts, then one run or two.

        Of fleets on the same hosts the more important one comes first.
        """
        self._happen()
        self._sample(demand)
        if self._now("slow run"):
            self._stall()
        else:
            self._run("first", self.now)
        self._judge_hosts()
        self.log.running.append(len(self._serving()))
        self.log.demand.append(demand)
        self._slot += 1

    # What happens

    def _now(self, kind: str) -> list[Fault]:
        return [fault for fault in self._faults if fault.kind == kind and fault.at(self._slot)]

    def _happen(self) -> None:
        self.log.faults.update(fault.kind for fault in self._faults if fault.slot == self._slot)
        dead = {self._host(fault).name for fault in self._now("dead host")}
        taken = Counter(self._host(fault).name for fault in self._now("room taken"))
        for host in self.hosts:
            if host.name in dead:
                self._change(lambda member, name=host.name: member.host == name, state="shutoff")
            host.dead = host.name in dead
            host.taken = host.room // 2 * min(2, taken[host.name])
        for fault in self._now("lost history"):
            self._host(fault).history.clear()
        for kind, change in (
            ("crashed machine", {"state": "crashed"}),
            ("protected machine", {"protected": True}),
        ):
            names = sorted(self.machines)
            for fault in self._now(kind) if names else []:
                name = names[fault.pick % len(names)]
                self.machines[name] = dataclasses.replace(self.machines[name], **change)
        for fault in self._now("hung machine"):
            self.hung.setdefault(sorted(self.machines)[fault.pick % len(self.machines)], self._slot)
        # What is not replaced is seen to by somebody.
        self.hung = {
            name: since
            for name, since in self.hung.items()
            if name in self.machines and self._slot - since < _MOST_SLOTS_HUNG
        }
        # Nor does anybody protect for long what does not serve.
        self._change(
            lambda member: _is_bad(member.version) and self._slot % _MOST_SLOTS_HUNG == 0,
            protected=False,
        )
        self.version += len([f for f in self._now("new version") if f.slot == self._slot])

    def _host(self, fault: Fault) -> SimulatedHost:
        return self.hosts[fault.pick % len(self.hosts)]

    def _change(self, chosen: t.Callable[..., bool], **change: t.Any) -> None:
        for name, member in self.machines.items():
            if chosen(member):
                self.machines[name] = dataclasses.replace(member, **change)

    def _serving(self) -> list[Member]:
        return [member for member in map(self._look, self.machines.values()) if member.serves]

    def _look(self, member: Member) -> Member:
        """Return the member with what its health check shows."""
        if member.state not in RUNNING:
            return member
        if member.name not in self.hung and not _is_bad(member.version):
            return dataclasses.replace(member, healthy=True, health_kind="passed", has_passed=True)
        age = self._slot - (member.since or 0) // self.rule.interval
        is_young = _is_bad(member.version) and age <= _GRACE_SLOTS
        return dataclasses.replace(
            member,
            healthy=None if is_young else False,
            awaited=is_young,
            health_kind="failing" if _is_bad(member.version) else "hung",
            health_reason="it does not serve",
            has_passed=not _is_bad(member.version),
        )

    def _sample(self, demand: float) -> None:
        """Each host measures its share: as many parts of the demand as it has of the machines that serve."""
        serving = self._serving()
        lost = {self._host(fault).name for fault in self._now("lost sample")}
        for host in self.hosts:
            if not host.dead:
                share = sum(member.host == host.name for member in serving) / max(1, len(serving))
                host.history.append(Sample(self.now, None if host.name in lost else demand * share))

    # What the role does

    def _run(self, holder: str, now: float) -> None:
        taken = self._lease(holder, now)
        if taken.holder != holder:
            self.log.done["runs that yielded"] += 1
            return
        plan = self._plan()
        if holder == "first" and self._now("two runs at once"):
            self._run("second", now + 1)
        self._apply_if_still_held(self._record(plan), taken, now + 2)
        lease.release(self._leases, self.standpoint.fleet, holder)

    def _stall(self) -> None:
        """A run plans and then hangs for longer than its lease; the next one goes on, and the first wakes up late."""
        taken = self._lease("slow", self.now)
        plan = self._plan()
        late = self.now + _LEASE_SECONDS + 1
        self._run("first", late)
        self._apply_if_still_held(plan, taken, late + 3)
        lease.release(self._leases, self.standpoint.fleet, "slow")

    def _record(self, plan: Plan) -> Plan:
        """Keep what the plan remembers; of a run that is killed only some of the rest is done, or nothing at all."""
        killed = self._now("killed run")
        if killed and killed[0].pick % 4 == 0:
            return dataclasses.replace(plan, actions=(), claims=())
        self.memory = build_memory(plan.memory.as_dict())
        if killed:
            return dataclasses.replace(plan, actions=plan.actions[: killed[0].pick % 3])
        return plan

    def _lease(self, holder: str, now: float) -> lease.Lease:
        return lease.acquire(self._leases, self.standpoint.fleet, holder, _LEASE_SECONDS, now)

    def _apply_if_still_held(self, plan: Plan, taken: lease.Lease, now: float) -> None:
        """Whoever held the lease without a break can act; for others the fleet may have changed since they looked."""
        if self._lease(taken.holder, now).since == taken.since:
            self._apply(plan)
        else:
            self.log.done["stale plans refused"] += 1

    def _plan(self) -> Plan:
        observed = self._observed()
        ledger = Ledger(loans=self._list_loans())
        observed = dataclasses.replace(
            observed,
            rooms=ledger.subtract(observed.rooms, self.standpoint),
            best_effort=bool(ledger.loans) and self.standpoint.best_effort,
        )
        plan = decide(observed, self.rule, self._forecaster, self._unlikely, upkeep=self.upkeep)
        claims = ledger.add(observed, plan, self.standpoint).list_claims_of(self.standpoint.fleet)
        plan = dataclasses.replace(plan, claims=claims)
        self.log.done["decisions"] += 1
        self._judge_plan(observed, plan)
        return plan

    def _list_loans(self) -> tuple[Loan, ...]:
        worlds = [self, *self.neighbours] if self.neighbours else []
        lent = [
            list_loans(
                world._observed(), world.rule, world.standpoint.priority, may_park=world is not self
            )
            for world in worlds
            if world.standpoint.best_effort
        ]
        return tuple(itertools.chain(*lent))

    @property
    def upkeep(self) -> Upkeep:
        """How members are looked after: a bad version, or a good one, two machines at a time."""
        rollout = Rollout(surge=Share(2), bake=2 * self.rule.interval)
        return Upkeep(appliance=f"web:{self.version}", rollout=rollout)

    def _observed(self) -> Observation:
        left_out = {self._host(fault).name for fault in self._now("limited run")}
        alive = [host for host in self.hosts if not host.dead and host.name not in left_out]
        names = {host.name for host in alive}
        return Observation(
            fleet=self.standpoint.fleet,
            now=self.now,
            series=merge([host.history for host in alive], self.rule.interval, self.now),
            size=CLONE,
            members=tuple(
                self._look(member) for member in self.machines.values() if member.host in names
            ),
            rooms=tuple(
                HostRoom(host.name, self._free(host), self._members(host)) for host in alive
            ),
            unknown={
                host.name: "it did not answer" for host in self.hosts if host.name not in names
            },
            left_out=frozenset(left_out),
            memory=self.memory,
        )

    def _members(self, host: SimulatedHost) -> int:
        return sum(member.host == host.name for member in self.machines.values())

    def _free(self, host: SimulatedHost) -> Size:
        others = sum(world._members(host) for world in self.neighbours)
        clones = host.room - host.taken - self._members(host) - others
        # What is parked for others keeps its disk, of which there is enough then.
        disks = host.room if self.neighbours else clones
        return Size(clones * CLONE.vcpus, clones * CLONE.memory_bytes, disks * CLONE.disk_bytes)

    def _apply(self, plan: Plan) -> None:
        failing = {self._host(fault).name for fault in self._now("failing clones")}
        hooked = not self._now("failing hooks")
        self._park(plan.claims)
        for action in plan.actions:
            if action.action in MAKING and action.host in failing:
                self.log.done["clones that failed"] += 1
                continue
            self.log.done[action.action] += 1
            if action.action in MAKING:
                state = "running" if action.action == "create" else "saved"
                self.machines[action.name] = Member(
                    action.name,
                    action.host,
                    state,
                    created=self.now,
                    version=action.appliance,
                    in_service=hooked and state == "running",
                    since=self.now,
                )
            elif action.action == "remove":
                del self.machines[action.name]
            else:
                state = "saved" if action.action == "park" else "running"
                self.machines[action.name] = dataclasses.replace(
                    self.machines[action.name],
                    state=state,
                    in_service=hooked and state == "running",
                    since=self.now,
                    parked_for=None,
                )
        self._judge_fleet(plan, failed=bool(failing))

    def _park(self, claims: Sequence[Claim]) -> None:
        """Park what makes room for the fleet, as its neighbours do before it takes that."""
        for claim in claims:
            world = next(w for w in self.neighbours if w.standpoint.fleet == claim.fleet)
            member = world.machines[claim.name]
            if member.protected or member.labelled:
                self._broke(f"{claim.name} was to be parked, and is protected or labelled")
            world.machines[claim.name] = dataclasses.replace(
                member, state="saved", in_service=False, parked_for=claim.claimant
            )
            self.log.done["parked for another fleet"] += 1

    # What was promised

    def _judge_hosts(self) -> None:
        """No host runs more than it has room for, what others keep parked there included."""
        for host in self.hosts:
            held = [
                member
                for world in (self, *self.neighbours)
                for member in world.machines.values()
                if member.host == host.name
                and (member.state in RUNNING or not world.standpoint.best_effort)
            ]
            if len(held) > host.room:
                self._broke(
                    f"{len(held)} machines are on {host.name}, which has room for {host.room}"
                )

    def _judge_plan(self, observed: Observation, plan: Plan) -> None:
        """Removals leave at least the minimum, no protected machine, and nothing while a host is silent."""
        leaving = {action.name for action in plan.actions if action.action in ("park", "remove")}
        taken = sum(member.name in leaving for member in observed.running)
        if taken and plan.running - taken < self.rule.min:
            self._broke(f"{taken} of {plan.running} running machines were to go")
        if any(member.name in leaving and member.protected for member in observed.members):
            self._broke("a protected machine was to go")
        if any(action.name == _PET for action in plan.actions):
            self._broke("something was to be done to a guest that somebody labelled")
        required = plan.requirement.machines or 0
        if taken and plan.running - taken < min(plan.running, required):
            self._broke(f"{taken} of {plan.running} were to go, and {required} are required")
        if any(member.name in leaving and member.is_lent for member in observed.members):
            self._broke("a machine was to go that is parked for another fleet")
        if leaving and observed.unknown:
            self._broke("machines were to go while a host was silent")
        for room in observed.rooms:
            made = sum(
                action.host == room.name for action in plan.actions if action.action in MAKING
            )
            most = (room.free + room.claimable).count_fits(CLONE)
            if made > most:
                self._broke(
                    f"{made} clones were to be made on {room.name}, which has room for {most}"
                )

    def _judge_fleet(self, plan: Plan, *, failed: bool) -> None:
        """The fleet is within its limits, and below them only for want of room or for a clone that failed."""
        serving = len(self._serving())
        most = self.rule.max + self.upkeep.rollout.find_surge(self.rule.max)
        if serving > (
            self.rule.max if plan.phase == "none" and self.memory.failed is None else most
        ):
            self._broke(f"{serving} machines run, more than rule.max")
        scarce = any("not made" in why or "not woken" in why for why in plan.reasons)
        failed = failed or bool(self._now("failing hooks") or self._now("killed run") or self.hung)
        if serving < self.rule.min and not (failed or scarce):
            self._broke(f"{serving} machines run, fewer than rule.min")

    def _broke(self, what: str) -> None:
        self.log.broken.append(f"slot {self._slot}: {what}")
