# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What only the controller knows of a plan is put into it before the module runs.

A forecaster of the user's own is a filter, and filters are on the controller. So are the files of tasks that a fleet
names, its hooks. What machines are told at their first boot may be secret, and does not reach the module.
"""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import filter_loader
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    InvalidInput,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._fleet.definition import outline
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.registry import (
    METHODS,
    is_filter,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision import external
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.calibration import (
    apply_calibration,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.fleets import read_fleets
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.request import (
    ARGUMENTS,
    PlanRequest,
    observe_hosts,
    read_request,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._text import format_count

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule

# What an expression of somebody else's may raise.
_ITS_ERRORS: t.Final = (
    AnsibleError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
_HOOKS: t.Final = ("after_create", "before_park", "before_remove")


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    """The action of ``provisioning_plan_info``."""

    _supports_async = True
    _supports_check_mode = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        """Run the module, with what the filter answers where one forecasts."""
        super().run(tmp, task_vars)
        try:
            options = self._prepare()
        except HeadroomError as error:
            # Ansible would tell the cause once more.
            raise AnsibleActionFail(
                f"Failed to plan for the fleet: {error.message}",
                result={"error": error.as_result()},
            ) from None
        result: dict[str, t.Any] = self._execute_module(
            module_args={**self._task.args, **options},
            task_vars=task_vars,
            wrap_async=self._task.async_val and not self._connection.has_native_async,
        )
        return result

    def _prepare(self) -> dict[str, t.Any]:
        """Return the options to put in the place of the task's."""
        fleets = self._task.args.get("fleets")
        if not isinstance(fleets, list):
            return self._ask_for_fleet()
        outlines = [self._outline(fleet) for fleet in fleets]
        # An outlook asks no filter.
        if self._task.args.get("outlook") is not None or not any(map(_find_name, outlines)):
            return {"fleets": outlines}
        self._task.args = {**self._task.args, "fleets": outlines}
        _validated, params = self.validate_argument_spec(argument_spec=ARGUMENTS.options)
        requests = [entry.request for entry in read_fleets(params)]
        moments = [request.now for request in requests if request is not None]
        return {
            "fleets": [
                {**outline, **_ask_for(request)} for outline, request in zip(outlines, requests)
            ],
            # so that all is asked for the very slots that are planned for
            **({"now": moments[0]} if moments else {}),
        }

    def _outline(self, fleet: t.Any) -> t.Any:
        """Return what the module is told of a fleet, with what is wrong with its hooks and its filter."""
        outlined = outline(fleet)
        if not isinstance(fleet, dict):
            return outlined
        problems = [self._find_problem(hook, fleet) for hook in _HOOKS]
        name = _find_name(fleet)
        if name is not None and _load_filter(name) is None:
            problems.append(_describe_absence(name).message)
        sentences = [problem for problem in problems if problem is not None]
        return {**outlined, "problem": " ".join(sentences)} if sentences else outlined

    def _find_problem(self, hook: str, fleet: t.Mapping[str, t.Any]) -> str | None:
        """Return a sentence where the fleet names a file of tasks that is not there."""
        path = fleet.get(hook)
        if path is None:
            return None
        try:
            self._find_needle("tasks", str(path))
        except AnsibleError:
            return (
                f"{hook}: {str(path)!r} is no file on the controller. Write the path of a file of tasks, best by "
                "playbook_dir."
            )
        return None

    def _ask_for_fleet(self) -> dict[str, t.Any]:
        """Return the options to add: none, unless a filter forecasts and has not been asked yet."""
        if _find_name(self._task.args) is None:
            return {}
        # What a backtest asks for is the module's to check.
        spec = {**ARGUMENTS.options, "backtest": {"type": "dict"}}
        _validated, params = self.validate_argument_spec(argument_spec=spec)
        if params["backtest"] is not None or params["forecasts"] is not None:
            return {}
        request = read_request(params)
        return {"now": request.now, **_ask(request)}


def _find_name(options: t.Any) -> str | None:
    """Return the name of the filter that forecasts, None where none does."""
    rule = options.get("rule") if isinstance(options, dict) else None
    name = rule.get("forecaster") if isinstance(rule, dict) else None
    return name if isinstance(name, str) and is_filter(name) else None


def _ask_for(request: PlanRequest | None) -> dict[str, t.Any]:
    """Return the options to add to a fleet of many, whose problems are its own."""
    if request is None or not is_filter(request.rule.forecaster):
        return {}
    try:
        return _ask(request)
    except HeadroomError as error:
        return {"problem": error.message}


def _ask(request: PlanRequest) -> dict[str, t.Any]:
    observed = observe_hosts(request)
    rule, _notes = apply_calibration(request.rule, observed.calibration, observed.size.vcpus)
    return external.ask_all(observed.series, rule, _find_filter(rule.forecaster, rule))


def _load_filter(name: str) -> t.Any:
    try:
        return filter_loader.get(name)
    except _ITS_ERRORS:
        return None


def _describe_absence(name: str) -> InvalidInput:
    remedy = f"Install its collection on the controller, or write one of {', '.join(METHODS)}."
    return InvalidInput("rule.forecaster", name, "is not a filter that the controller has", remedy)


def _find_filter(name: str, rule: Rule) -> external.Ask:
    """Return how the filter is asked; raises InvalidInput when there is none of that name."""
    plugin = _load_filter(name)
    if plugin is None:
        raise _describe_absence(name)

    def ask(history: list[dict[str, t.Any]], risk: float) -> t.Any:
        try:
            return plugin.j2_function(history, interval=rule.interval, steps=rule.steps, risk=risk)
        except _ITS_ERRORS as error:
            problem = f"has failed on {format_count(len(history), 'interval')} ({type(error).__name__}: {error})"
            raise InvalidInput(
                "rule.forecaster", name, problem, "Mend the filter, or name another one."
            ) from error

    return ask
