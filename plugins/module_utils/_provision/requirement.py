# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``assess`` says how many machines demand asks for, now and during the cooldown. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import (
    bridge_gaps,
    slot_start,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._text import (
    format_count,
    format_duration,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
    from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import (
        Forecast,
        Forecaster,
    )

    from .rule import Rule
    from .schedule import Event

_MOST_REASONS: t.Final = 3


@dataclasses.dataclass(frozen=True)
class Requirement:
    """What demand asks for, within the rule's limits.

    ``now`` is None while no demand is known, and ``missing`` says why. ``is_current`` says whether that of the latest
    slot is. ``keep`` is the most that any slot of the cooldown asked for: what stays at least; None when that is not
    known, and ``blind_reason`` says why. ``forecast`` was made after the latest slot, ``before`` after the one before.
    ``scheduled`` machines are required for ``events`` whatever the demand.
    """

    now: int | None = None
    is_current: bool = False
    keep: int | None = None
    forecast: Forecast | None = None
    blind_reason: str | None = None
    before: Forecast | None = None
    scheduled: int = 0
    events: tuple[Event, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def machines(self) -> int | None:
        """What demand and events ask for; None while neither says anything."""
        if self.now is None and not self.events:
            return None
        return max(self.now or 0, self.scheduled)


def assess(series: Series, rule: Rule, forecaster: Forecaster, now: float) -> Requirement:
    """Return the Requirement that follows from ``series`` under ``rule`` at ``now`` (epoch seconds).

    Each slot of the cooldown is forecast again with what was known then, so that "fewer were enough for this long"
    needs no memory of earlier runs.
    """
    now = slot_start(now, rule.interval)
    continuous = bridge_gaps(series)
    all_forecasts = forecaster.forecast(continuous, rule.steps, last=rule.slots_looked_at)
    forecasts = all_forecasts[-rule.cooldown_slots :]
    counts = [
        rule.count_machines(max(value or 0.0, forecast.steps[forecast.peak].upper))
        for value, forecast in zip(continuous.values[-rule.cooldown_slots :], forecasts)
        if forecast is not None
    ]
    latest = forecasts[-1] if forecasts else None
    blind_reason = _explain_blindness(series, rule)
    scheduled, events = rule.count_scheduled(now)
    past = [
        rule.count_scheduled(now - ago * rule.interval)[0] for ago in range(rule.cooldown_slots)
    ]
    return Requirement(
        now=None if latest is None else counts[-1],
        is_current=series.current is not None,
        keep=max(counts + past) if counts and blind_reason is None else None,
        forecast=latest,
        before=all_forecasts[-2] if len(all_forecasts) > 1 else None,
        blind_reason=blind_reason,
        scheduled=scheduled,
        events=events,
        missing=()
        if latest
        else tuple(series.explain_missing(rule.slots_looked_at))[:_MOST_REASONS],
    )


def _explain_blindness(series: Series, rule: Rule) -> str | None:
    """Return why nothing says that fewer machines were enough; a slot that is bridged for a forecast is not known."""
    values = series.values[-rule.cooldown_slots :]
    missing = sum(value is None for value in values)
    if missing:
        reasons = "; ".join(series.explain_missing(len(values))[:_MOST_REASONS])
        why = f" ({reasons})" if reasons else ""
        return f"the demand of {missing} of the last {format_count(len(values), 'interval')} is not known{why}"
    if len(values) < rule.cooldown_slots:
        have = format_duration(max(0, len(values) - 1) * rule.interval)
        return f"the history covers {have} of the {format_duration(rule.cooldown)} of cooldown"
    return None
