# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``assess`` says how many machines are kept parked beside those that run. Pure.

A parked machine costs no CPU, and when it is saved no memory either, but is there within a second. So it may be kept
for a demand that is too unlikely to keep a machine running for: the upper value of a forecast at a smaller risk.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import bridge_gaps

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
    from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import Forecaster

    from .rule import Rule


@dataclasses.dataclass(frozen=True)
class ParkedRequirement:
    """How many machines, running and parked, the upper value asks for: ``now``, and at most within the cooldown.

    ``upper`` is that value; None where the number of parked machines does not follow a forecast.
    """

    now: int = 0
    keep: int = 0
    upper: float | None = None

    def count_to_park(self, rule: Rule, running: int) -> int:
        """Return how many machines are to be parked beside ``running`` ones."""
        return _limit(rule, self.now - running, running)

    def count_to_keep(self, rule: Rule, running: int) -> int:
        """Return how many parked machines stay beside ``running`` ones: one goes only after the cooldown."""
        return _limit(rule, self.keep - running, running)


def assess(series: Series, rule: Rule, forecaster: Forecaster | None) -> ParkedRequirement:
    """Return what ``forecaster``, which is one at ``rule.parked_risk``, asks for; without one, nothing."""
    if forecaster is None or not rule.has_varying_parked:
        return ParkedRequirement()
    continuous = bridge_gaps(series)
    forecasts = forecaster.forecast(continuous, rule.steps, last=rule.cooldown_slots)
    uppers = [
        max(value or 0.0, forecast.steps[forecast.peak].upper)
        for value, forecast in zip(continuous.values[-rule.cooldown_slots :], forecasts)
        if forecast is not None
    ]
    if not uppers or forecasts[-1] is None:
        return ParkedRequirement()
    machines = [rule.count_machines(upper) for upper in uppers]
    return ParkedRequirement(machines[-1], max(machines), uppers[-1])


def _limit(rule: Rule, machines: int, running: int) -> int:
    """Return ``machines`` within the rule; what could never run beside the others is not parked either."""
    return max(0, min(max(machines, rule.parked), rule.most_parked, rule.max - running))
