# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""How many machines demand asks for, now and during the cooldown. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import (
    bridged,
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


@dataclasses.dataclass(frozen=True)
class Need:
    """What demand asks for, within the rule's limits.

    ``now`` is None while no demand is known, and ``seen`` says whether the latest slot's is. ``keep`` is the most that
    any slot of the cooldown asked for: what stays at least; None when that is not known, and ``blind`` says why.
    ``forecast`` was made after the latest slot, ``before`` after the one before. ``scheduled`` machines are wanted for
    ``events`` whatever the demand.
    """

    now: int | None = None
    seen: bool = False
    keep: int | None = None
    forecast: Forecast | None = None
    blind: str | None = None
    before: Forecast | None = None
    scheduled: int = 0
    events: tuple[Event, ...] = ()

    @property
    def wanted(self) -> int | None:
        """What demand and events ask for; None while neither says anything."""
        if self.now is None and not self.events:
            return None
        return max(self.now or 0, self.scheduled)


def assess(series: Series, rule: Rule, forecaster: Forecaster, now: float) -> Need:
    """Return the Need that follows from ``series`` under ``rule`` at ``now`` (epoch seconds).

    Each slot of the cooldown is forecast again with what was known then, so that "fewer were enough for this long"
    needs no memory of earlier runs.
    """
    now = slot_start(now, rule.interval)
    whole = bridged(series)
    made = forecaster.forecasts(whole, rule.steps, last=rule.slots_looked_at)
    forecasts = made[-rule.cooldown_slots :]
    values = whole.values[-rule.cooldown_slots :]
    needs = [
        rule.machines_for(max(value or 0.0, forecast.steps[forecast.peak].upper))
        for value, forecast in zip(values, forecasts)
        if forecast is not None
    ]
    latest = forecasts[-1] if forecasts else None
    blind = _blind(values, rule)
    scheduled, events = rule.machines_scheduled(now)
    past = [
        rule.machines_scheduled(now - ago * rule.interval)[0] for ago in range(rule.cooldown_slots)
    ]
    return Need(
        now=None if latest is None else needs[-1],
        seen=series.current is not None,
        keep=max(needs + past) if needs and blind is None else None,
        forecast=latest,
        before=made[-2] if len(made) > 1 else None,
        blind=blind,
        scheduled=scheduled,
        events=events,
    )


def _blind(values: t.Sequence[float | None], rule: Rule) -> str | None:
    missing = sum(value is None for value in values)
    if missing:
        return f"the demand of {missing} of the last {format_count(len(values), 'interval')} is not known"
    if len(values) < rule.cooldown_slots:
        have = format_duration(max(0, len(values) - 1) * rule.interval)
        return f"the history covers {have} of the {format_duration(rule.cooldown)} of cooldown"
    return None
