# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A forecaster of the user's own is a filter, and filters are on the controller: it is asked before the module runs."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import filter_loader
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    InvalidInput,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.registry import (
    METHODS,
    is_filter,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision import external
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.calibration import (
    apply_calibration,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.request import (
    ARGUMENTS,
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
            answers = self._ask_filter()
        except HeadroomError as error:
            # Ansible would tell the cause once more.
            raise AnsibleActionFail(
                f"Failed to plan for the fleet: {error.message}",
                result={"error": error.as_result()},
            ) from None
        result: dict[str, t.Any] = self._execute_module(
            module_args={**self._task.args, **answers},
            task_vars=task_vars,
            wrap_async=self._task.async_val and not self._connection.has_native_async,
        )
        return result

    def _ask_filter(self) -> dict[str, t.Any]:
        """Return the options to add: none, unless a filter forecasts and has not been asked yet."""
        rule = self._task.args.get("rule")
        name = rule.get("forecaster") if isinstance(rule, dict) else None
        if not isinstance(name, str) or not is_filter(name):
            return {}
        # What a backtest asks for is the module's to check.
        spec = {**ARGUMENTS.options, "backtest": {"type": "dict"}}
        _validated, params = self.validate_argument_spec(argument_spec=spec)
        if params["backtest"] is not None or params["forecasts"] is not None:
            return {}
        request = read_request(params)
        observed = observe_hosts(request)
        resolved, _unused = apply_calibration(
            request.rule, observed.calibration, observed.size.vcpus
        )
        return {
            "now": request.now,
            **external.ask_all(observed.series, resolved, _find_filter(name, resolved)),
        }


def _find_filter(name: str, rule: Rule) -> external.Ask:
    """Return how the filter is asked; raises InvalidInput when there is none of that name."""
    try:
        plugin = filter_loader.get(name)
    except _ITS_ERRORS:
        plugin = None
    if plugin is None:
        remedy = f"Install its collection on the controller, or write one of {', '.join(METHODS)}."
        raise InvalidInput(
            "rule.forecaster", name, "is not a filter that the controller has", remedy
        )

    def ask(history: list[dict[str, t.Any]], risk: float) -> t.Any:
        try:
            return plugin.j2_function(history, interval=rule.interval, steps=rule.steps, risk=risk)
        except _ITS_ERRORS as error:
            problem = f"has failed on {format_count(len(history), 'interval')} ({type(error).__name__}: {error})"
            raise InvalidInput(
                "rule.forecaster", name, problem, "Mend the filter, or name another one."
            ) from error

    return ask
