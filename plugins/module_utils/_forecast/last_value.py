# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""LastValue, a Forecaster that expects demand to stay where it is, as a reactive autoscaler takes it. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from .trend import Forecast, Growth, Step

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series


@dataclasses.dataclass(frozen=True)
class LastValue:
    """A Forecaster that expects the latest known value, without a margin for errors.

    With a headroom of ``1 / target - 1`` a fleet is what target tracking makes of it (a horizontal pod autoscaler, but
    for its tolerance).
    """

    def forecast(self, series: Series, steps: int, last: int = 1) -> list[Forecast | None]:
        """See Forecaster."""
        forecasts: list[Forecast | None] = []
        values: list[float] = []
        for value in series.values:
            if value is not None:
                values = [*values[-2:], value]
            step = Step(values[-1], values[-1]) if values else None
            forecasts.append(
                None
                if step is None
                else Forecast("last value", (step,) * steps, Growth(tuple(values)))
            )
        return forecasts[-last:]
