# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Ends: both hosts of a migration that was cut off, either of which may not answer, and what they say of the guest."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    NotFound,
    TimedOut,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import chain
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains, migration
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt

from . import settlement
from .endpoints import Endpoints, SeenState, find_domain, read_state

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Record
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

    from .intent import Intent
    from .settlement import Disks, Rule, Situation

# Twice the same, so long apart: libvirt is at neither side then.
_STANDS_STILL_SECONDS: t.Final = 0.5


@dataclasses.dataclass(frozen=True)
class Ends:
    """The hosts of one migration that is recovered; None is one that does not answer, and ``failures`` say why."""

    source: Connection | None
    destination: Connection | None
    intent: Intent
    record: Record
    clock: Clock
    failures: tuple[HeadroomError, ...] = ()

    @property
    def sides(self) -> Endpoints:
        """Both hosts; raises Conflict when one does not answer."""
        if self.source is None or self.destination is None:
            raise Conflict(f"a host of the migration of {self.intent.name!r} does not answer")
        return Endpoints(self.source, self.destination, self.intent.uuid, self.clock)

    def read_situation(self) -> Situation:
        """Return what both hosts say of the guest now."""
        intent, switched = self.intent, has_switched(self.record)
        source, destination = self._find(self.source), self._find(self.destination)
        at_source = None if self.source is None else read_state(source)
        at_destination = None if self.destination is None else read_state(destination)
        return settlement.Situation(
            settlement.classify_source(at_source, intent),
            settlement.classify_destination(at_destination, intent),
            _read_disks(destination, intent, at_destination, switched=switched),
            job=_has_job(source, at_source) or _has_job(destination, at_destination),
            switched=switched,
        )

    def await_rule(self, seconds: float, hurry: t.Callable[[], None] = lambda: None) -> Rule:
        """Return the rule for what the hosts say once libvirt is at neither of them, or after so many seconds.

        ``hurry`` is called while it is.
        """
        deadline = self.clock.now() + seconds
        earlier: Situation | None = None
        while True:
            situation = self.read_situation()
            rule = settlement.decide(situation)
            if self.clock.now() >= deadline:
                return rule
            if rule.course == "wait":
                hurry()
            elif situation == earlier:
                return rule
            earlier = situation
            self.clock.sleep(_STANDS_STILL_SECONDS)

    def explain(self, rule: Rule) -> HeadroomError:
        """Return the error for a rule that leaves it to somebody else what comes next."""
        text = settlement.describe_reason(rule, self.intent)
        for failure in self.failures:  # what keeps a host from answering comes first
            failure.message = f"{failure.message.rstrip('.')}. {text}"
            return failure
        if rule.course == "wait":
            return TimedOut(f"the migration of {self.intent.name!r} has not come to an end. {text}")
        return Conflict(text, name=self.intent.name)

    def _find(self, connection: Connection | None) -> libvirt.virDomain | None:
        return None if connection is None else find_domain(connection, self.intent.uuid)


def has_switched(record: Record) -> bool:
    """Return whether the journal has seen the guest switch over. Pure."""
    return any(
        step.name in ("settle", "complete") or (step.name, step.state) == ("migrate", "done")
        for step in record.steps
    )


def _read_disks(
    domain: libvirt.virDomain | None, intent: Intent, seen: SeenState | None, *, switched: bool
) -> Disks:
    if seen is None:
        return "none"
    try:
        text = None if domain is None or seen.state is None else domains.read_live_xml(domain)
    except NotFound:  # gone since it was looked at: the next look says so
        text = None
    chains = None if text is None else chain.read_chains(text)
    return settlement.classify_disks(chains, intent, active=seen.is_active, switched=switched)


def _has_job(domain: libvirt.virDomain | None, seen: SeenState | None) -> bool:
    """Return whether libvirt is still at the migration of the domain. What else it does there is not our concern."""
    if domain is None or seen is None or not seen.is_active or seen.reason == "postcopy_failed":
        return False
    if (seen.state, seen.reason) == ("paused", "starting_up"):
        return True
    try:
        if migration.read_job_type(domain) == libvirt.VIR_DOMAIN_JOB_NONE:
            return False
        operation = migration.read_job_stats(domain).get("operation")
    except HeadroomError as error:
        # of a guest that is just arriving libvirt gives no figures
        return (
            seen.is_arriving
            and error.details.get("libvirt_code") == libvirt.VIR_ERR_OPERATION_INVALID
        )
    return operation in (
        libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN,
        libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT,
    )
