# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Which forecasters a plan asks, and how they go on from where the last run left them.

``choose_forecasters`` makes them of the rule and of what a filter has answered, ``resume_forecasters`` gives those that
learn the state that is kept of them, and ``keep_states`` keeps the one after the plan was made.
"""

from __future__ import annotations

import functools
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    InvalidInput,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast import state
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.blend import (
    Blend,
    Continuing,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.registry import (
    is_filter,
    make_forecaster,
)

from .external import ExternalForecaster

if t.TYPE_CHECKING:
    import sqlite3

    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import Database
    from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.trend import Forecaster

    from .request import PlanRequest
    from .rule import Rule

T = t.TypeVar("T")
Warn = t.Callable[[str], None]


def choose_forecasters(rule: Rule, request: PlanRequest) -> list[Forecaster]:
    """Return the forecaster of running machines and, where the rule has one, that of parked ones.

    The request holds a filter's answers; raises InvalidInput where one is missing.
    """
    forecasters = [_make_forecaster(rule, "forecasts", request.forecasts, rule.risk)]
    if rule.has_varying_parked:
        answers = request.parked_forecasts
        forecasters.append(_make_forecaster(rule, "parked_forecasts", answers, rule.parked_risk))
    return forecasters


def resume_forecasters(
    fleet: str, forecasters: t.Sequence[Forecaster], database: Database, warn: Warn
) -> list[Forecaster]:
    """Return the ``forecasters``, those that learn with the state that ``database`` has of the fleet.

    This and ``keep_states`` are short transactions, so that the forecasts of many fleets don't wait for each other.
    """
    return [
        Continuing(forecaster, _transact(database, functools.partial(state.load, fleet=name), warn))
        if isinstance(forecaster, Blend)
        else forecaster
        for name, forecaster in zip(_name_states(fleet), forecasters)
    ]


def keep_states(
    fleet: str, forecasters: t.Sequence[Forecaster], database: Database, warn: Warn
) -> None:
    """Keep the states of the ``forecasters`` that were resumed and have made a plan."""
    for name, forecaster in zip(_name_states(fleet), forecasters):
        if isinstance(forecaster, Continuing) and forecaster.state is not None:
            save = functools.partial(state.save, fleet=name, state=forecaster.state)
            _transact(database, save, warn)


def _make_forecaster(
    rule: Rule, option: str, answers: t.Sequence[t.Any] | None, risk: float
) -> Forecaster:
    if not is_filter(rule.forecaster):
        return make_forecaster(rule.forecaster, risk)
    if answers is None:
        remedy = "Run the task with Ansible, which asks the filter, or hand in what it says."
        problem = f"must be what {rule.forecaster} says"
        raise InvalidInput(option, None, problem, remedy)
    return ExternalForecaster(
        rule.forecaster, option, answers, otherwise=make_forecaster("trend", risk)
    )


def _name_states(fleet: str) -> tuple[str, str]:
    # A fleet's name has no slash, so the second forecast's state is nobody else's.
    return fleet, f"{fleet}/parked"


def _transact(
    database: Database, work: t.Callable[[sqlite3.Connection], T], warn: Warn
) -> T | None:
    """Return what ``work`` returns; None, and a warning, without a usable file: a forecast can begin anew."""
    try:
        result, warnings = database.run(work, time.time())
    except HeadroomError as error:
        warn(f"forecast_state: {error.message} The forecast does not go on from it.")
        return None
    for warning in warnings:
        warn(warning)
    return result
