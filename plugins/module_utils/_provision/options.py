# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The options of a rule: ``read_rule`` makes a Rule of them, ``vary_rule`` another, ``compare_rules`` compares two."""

from __future__ import annotations

import dataclasses
import math
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.registry import (
    METHODS,
    is_filter,
)

from . import schedule
from .rule import Rule, validate

Spec = dict[str, dict[str, t.Any]]

EVENT: t.Final[Spec] = {
    "name": {"type": "str", "required": True},
    "start": {"type": "str", "required": True},
    "end": {"type": "str", "required": True},
    "timezone": {"type": "str"},
    "every": {"type": "str", "choices": ["day", "week"]},
    "machines": {"type": "int"},
    "demand": {"type": "float"},
}

RULE: t.Final[Spec] = {
    "capacity": {"type": "float", "required": True},
    "measure_capacity": {"type": "bool", "default": False},
    "utilization": {"type": "float", "default": 0.7},
    "max": {"type": "int", "required": True},
    "min": {"type": "int", "default": 1},
    "interval": {"type": "int", "default": 300},
    "horizon": {"type": "str"},
    "forecaster": {"type": "str", "default": "auto"},
    "headroom": {"type": "float", "default": 0.1},
    "risk": {"type": "float", "default": 0.05},
    "cooldown": {"type": "int", "default": 900},
    "hysteresis": {"type": "float", "default": 0.0},
    "scale_out_limit": {"type": "int"},
    "scale_in_limit": {"type": "int", "default": 1},
    "alert_growth": {"type": "float", "default": 2.0},
    "parked": {"type": "int", "default": 0},
    "parked_max": {"type": "int"},
    "parked_risk": {"type": "float", "default": 0.01},
    "parked_as": {"type": "str", "choices": ["saved", "paused"], "default": "saved"},
    "unit": {"type": "str", "default": ""},
    "n_plus_one": {"type": "bool", "default": False},
    "spread": {"type": "str", "choices": ["even", "pack"], "default": "even"},
    "max_per_host": {"type": "int"},
    "protected": {"type": "list", "elements": "str", "default": []},
    "on_missing_data": {
        "type": "str",
        "choices": ["forecast", "hold", "max"],
        "default": "forecast",
    },
    "mode": {"type": "str", "choices": ["act", "shadow", "scale_out_only"], "default": "act"},
    "schedule": {"type": "list", "elements": "dict", "default": [], "options": EVENT},
}


def read_rule(options: t.Mapping[str, t.Any]) -> Rule:
    """Return the Rule of options that Ansible has checked; raises InvalidInput for one that cannot be meant."""
    method = options["forecaster"]
    if method not in METHODS and not is_filter(method):
        remedy = f"Write one of {', '.join(METHODS)}, or a filter with its collection: namespace.collection.name."
        raise InvalidInput("rule.forecaster", method, "is not a forecaster", remedy)
    read = {
        "horizon": _read_horizon(options["horizon"]),
        "protected": tuple(options["protected"]),
        "schedule": schedule.read(options["schedule"]),
    }
    return validate(Rule(**{**options, **read}))


def _read_horizon(value: str | int | None) -> int | t.Literal["auto"] | None:
    if value is None:
        return None
    if value == "auto":
        return "auto"
    try:
        return math.ceil(float(value))
    except (ValueError, OverflowError):  # the latter of infinity
        remedy = (
            "Write the seconds that a new machine takes to be ready, or auto, which measures it."
        )
        raise InvalidInput("rule.horizon", value, "must be a number of seconds", remedy) from None


def vary_rule(option: str, options: t.Mapping[str, t.Any], change: t.Mapping[str, t.Any]) -> Rule:
    """Return the Rule of the options ``options`` with ``change`` put over them; ``option`` is where the change stands.

    Raises InvalidInput, naming ``option``, for what is no option of a rule.
    """
    checked = ArgumentSpecValidator(RULE).validate({**options, **change})
    if checked.error_messages:
        remedy = "Write options of `rule` and their values; what is left out is as in `rule`."
        raise InvalidInput(
            option,
            dict(change),
            f"does not vary the rule ({checked.error_messages[0]})",
            remedy,
        )
    try:
        return read_rule(checked.validated_parameters)
    except InvalidInput as error:
        raise InvalidInput(
            option, dict(change), f"does not lead to a valid rule ({error.message})", "Change it."
        ) from None


def compare_rules(rule: Rule, other: Rule) -> dict[str, t.Any]:
    """Return the options in which ``other`` differs from ``rule``; of its schedule the names of the events."""
    names = [field.name for field in dataclasses.fields(Rule)]
    changes = {
        name: getattr(other, name) for name in names if getattr(rule, name) != getattr(other, name)
    }
    if "schedule" in changes:
        changes["schedule"] = [event.name for event in other.schedule]
    return changes
