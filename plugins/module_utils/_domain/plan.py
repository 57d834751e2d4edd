# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What will happen to a domain that is to be in a state, from what a survey says of it. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict

from .labels import describe_change

if t.TYPE_CHECKING:
    from .model import DomainSurvey, Observed, Situation, Step, TargetState
    from .request import DomainRequest

# A paused guest cannot answer a shutdown request, so it runs again first. A saved machine is off for all who look at
# it, so `shutdown` leaves it alone: removing its memory would be a loss that nobody asked for.
_STEPS: t.Final[t.Mapping[Situation, t.Mapping[TargetState, tuple[Step, ...]]]] = {
    "running": {
        "running": (),
        "shutdown": ("shut down",),
        "paused": ("pause",),
        "saved": ("save",),
        "absent": ("shut down", "undefine"),
    },
    "paused": {
        "running": ("resume",),
        "shutdown": ("resume", "shut down"),
        "paused": (),
        "saved": ("save",),
        "absent": ("resume", "shut down", "undefine"),
    },
    "saved": {
        "running": ("start",),
        "shutdown": (),
        "paused": ("start paused",),
        "saved": (),
        "absent": ("undefine",),
    },
    "shutdown": {
        "running": ("start",),
        "shutdown": (),
        "paused": ("start paused",),
        "absent": ("undefine",),
    },
    "shutting down": {
        "running": ("await power-off", "start"),
        "shutdown": ("await power-off",),
        "paused": ("await power-off", "start paused"),
        "absent": ("await power-off", "undefine"),
    },
    "crashed": {
        "running": ("power off", "start"),
        "shutdown": ("power off",),
        "paused": ("power off", "start paused"),
        "absent": ("power off", "undefine"),
    },
    "suspended by the guest": {
        "running": ("wake",),
        "shutdown": ("wake", "shut down"),
        "paused": ("wake", "pause"),
        "absent": ("wake", "shut down", "undefine"),
    },
    "absent": {"absent": ()},
}


@dataclasses.dataclass(frozen=True)
class DomainPlan:
    """What will happen to one domain. Check mode returns it, a real run carries it out."""

    request: DomainRequest
    survey: DomainSurvey
    steps: tuple[Step, ...]
    changes: Changes

    @property
    def name(self) -> str:
        """The domain's name."""
        return self.survey.observed.name

    @property
    def enters_service(self) -> bool:
        """Whether it is recorded as in service, which it is not yet."""
        return self.changes.diff["after"].get("in_service") is True

    @property
    def changes_claim(self) -> bool:
        """Whether another fleet, or none any more, is recorded as the one that it is parked for."""
        return "parked_for" in self.changes.diff["after"]

    @property
    def leaves_service(self) -> bool:
        """Whether it is recorded as out of service, which it is not yet."""
        return self.changes.diff["after"].get("in_service") is False

    def as_row(self, uri: str) -> dict[str, t.Any]:
        """Return the domain's row of the result; ``uri`` leads to its host from elsewhere."""
        observed, volumes = self.survey.observed, self.survey.volumes
        return {
            "name": observed.name,
            "uuid": observed.uuid,
            "machine": {"uri": uri, "name": observed.name, "uuid": observed.uuid},
            "state_before": observed.situation,
            "state": self.request.state or observed.situation,
            "changed": self.changes.changed,
            "steps": list(self.steps),
            "removed_volumes": [ref._asdict() for ref in volumes.remove],
            "kept_volumes": [
                {**ref._asdict(), "reason": reason} for ref, reason in volumes.keep.items()
            ],
            "removed_reservations": [ref._asdict() for ref in self.survey.reservations],
        }


def plan_domain(survey: DomainSurvey, request: DomainRequest) -> DomainPlan:
    """Return what the request does to the domain; raises Conflict when its state cannot be reached."""
    observed, changes = survey.observed, Changes()
    if request.protected is not None:
        changes.add("protected", observed.protected, request.protected)
        observed = dataclasses.replace(observed, protected=request.protected)
    if request.autostart is not None:
        changes.add("autostart", survey.autostart, request.autostart)
    _add_description(changes, survey, request)
    steps = () if request.state is None else find_steps(request.state, observed)
    if steps:
        changes.add("state", observed.situation, request.state)
    changes.add("volumes", [f"{ref.pool}/{ref.name}" for ref in survey.volumes.remove], [])
    changes.add("reservations", [f"{ref.network}/{ref.address}" for ref in survey.reservations], [])
    changes.add("exports", [ref.helper for ref in survey.exports], [])
    return DomainPlan(request, survey, steps, changes)


def _add_description(changes: Changes, survey: DomainSurvey, request: DomainRequest) -> None:
    """Add what is said of the domain, and whether it is in service."""
    if survey.description is None:
        return
    if request.labels is not None:
        before, after = describe_change(survey.description, request.labels)
        for name in after:
            changes.add(name, before[name], after[name])
    if request.in_service is not None:
        standing = survey.description.metadata.standing
        changes.add("in_service", standing and standing.in_service, request.in_service)
    if request.parked_for is not None:
        parked_for = survey.description.metadata.parked_for
        changes.add("parked_for", parked_for, request.parked_for or None)


def find_steps(target: TargetState, observed: Observed) -> tuple[Step, ...]:
    """Return the steps to ``target``; raises Conflict when no step leads there."""
    if target == "absent" and observed.protected:
        raise Conflict(
            f"{observed.name!r} is protected and will not be removed. Set protected: false first if it really may go.",
            name=observed.name,
        )
    steps = _STEPS[observed.situation].get(target)
    if steps is None:
        raise Conflict(
            f"{observed.name!r} is {observed.situation} and cannot become {target}. Bring it to state: running first.",
            name=observed.name,
            situation=observed.situation,
        )
    # A transient domain has no definition that could stay behind.
    return steps if observed.persistent else tuple(step for step in steps if step != "undefine")


def combine_changes(plans: t.Sequence[DomainPlan]) -> Changes:
    """Return all plans' changes as one, each property under its domain's name."""
    combined = Changes()
    for plan in plans:
        diff = plan.changes.diff
        combined.add(plan.name, diff["before"], diff["after"])
    return combined
