# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""When a rise is worth a person's look. Pure."""

from __future__ import annotations

import dataclasses
import statistics
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._provision.words import number, quantity

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule
    from ansible_collections.headroom.libvirt.plugins.module_utils._provision.series import Series

_WINDOW: t.Final = 48
_FEWEST_GAPS: t.Final = 8


@dataclasses.dataclass(frozen=True)
class Alert:
    """Whether demand jumped. ``growth`` is the latest value as a multiple of the one before, None from 0 or unknown."""

    raised: bool = False
    reason: str | None = None
    growth: float | None = None


def judge(series: Series, rule: Rule) -> Alert:
    """Return the alert of the latest slot; without a value there is nothing to judge."""
    known = [value for value in series.values if value is not None]
    if series.current is None or len(known) < 2:
        return Alert()
    before, now = known[-2], known[-1]
    if before == 0:
        return _from_nothing(now, rule)
    growth = now / before
    if growth < rule.alert_growth or not _unusual(known):
        return Alert(growth=growth)
    times = "doubled" if growth == 2 else f"grew {number(growth)}-fold"
    jump = f"{number(before)} → {quantity(now, rule.unit)}"
    return Alert(True, f"Demand {times} from one interval to the next ({jump}).", growth)


def _from_nothing(now: float, rule: Rule) -> Alert:
    """No factor leads away from 0, so the work of one whole machine out of nothing is the measure."""
    if now < rule.capacity:
        return Alert()
    return Alert(True, f"Demand appeared within one interval (0 → {quantity(now, rule.unit)}).")


def _unusual(known: list[float]) -> bool:
    """Whether the last gap stands out from those before; with too few of them every jump does."""
    earlier = known[-(_WINDOW + 2) : -1]
    gaps = [abs(after - before) for before, after in zip(earlier, earlier[1:])]
    return len(gaps) < _FEWEST_GAPS or known[-1] - known[-2] > 2 * statistics.median(gaps)
