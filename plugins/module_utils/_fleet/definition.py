# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""A fleet as the role describes it: ``FLEETS`` are the options of modules that take many, ``outline`` what they need.

``read_options`` checks one part of such a description by itself, so that what is wrong with one fleet is told of that
fleet and does not cost the others.
"""

from __future__ import annotations

import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import prometheus
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

Options = t.Mapping[str, t.Any]
Spec = t.Mapping[str, t.Mapping[str, t.Any]]

# What of a machine's description says what it takes of a host. The rest is only for who makes it, and may be secret.
_SIZE: t.Final = (
    "vcpus",
    "memory",
    "disk",
    "pool",
    "appliance_pool",
    "network",
    "mode",
    "source_uri",
)
_OUTLINE: t.Final = (
    "name",
    "appliance",
    "tenant",
    "demand",
    "rule",
    "health",
    "rollout",
    "priority",
    "best_effort",
    "expected_digest",
)

# How a fleet gets on with the others of a run.
SHARING: t.Final[dict[str, dict[str, t.Any]]] = {
    "priority": {"type": "int", "default": 0},
    "best_effort": {"type": "bool", "default": False},
}

DEMAND: t.Final[dict[str, dict[str, t.Any]]] = {
    "query": {"type": "str"},
    "scale": {"type": "float", "default": 1.0},
    "value": {"type": "float"},
    "prometheus": {"type": "dict", "options": prometheus.OPTIONS},
    "window": {"type": "int", "default": 86_400},
}

# Only what must be hidden is said of what is nested: the rest is checked fleet by fleet.
FLEETS: t.Final[dict[str, t.Any]] = {
    "type": "list",
    "elements": "dict",
    "options": {
        "name": {"type": "str", "required": True},
        "appliance": {"type": "str"},
        "tenant": {"type": "str"},
        "demand": {
            "type": "dict",
            "options": {
                **{option: {"type": "raw"} for option in DEMAND},
                "prometheus": {
                    "type": "dict",
                    "options": {
                        **{option: {"type": "raw"} for option in prometheus.OPTIONS},
                        "headers": {"type": "dict", "no_log": True},
                    },
                },
            },
        },
        "rule": {"type": "dict"},
        "health": {"type": "dict"},
        "rollout": {"type": "dict"},
        "machine": {"type": "dict"},
        **{option: {"type": "raw"} for option in SHARING},
        "expected_digest": {"type": "str"},
    },
}


def outline(fleet: t.Any) -> t.Any:
    """Return what modules that observe or plan need to know of a fleet; what is no description is returned as it is."""
    if not isinstance(fleet, dict):
        return fleet
    machine = fleet.get("machine")
    size = {"machine": _pick(machine, _SIZE)} if isinstance(machine, dict) else {}
    return {**_pick(fleet, _OUTLINE), **size}


def _pick(options: Options, names: t.Iterable[str]) -> dict[str, t.Any]:
    return {name: options[name] for name in names if options.get(name) is not None}


def read_options(option: str, spec: Spec, options: Options | None) -> dict[str, t.Any]:
    """Return the options with their types and defaults; raises InvalidInput, naming ``option``, for what they are not.

    What is None counts as not said.
    """
    said = _drop_unsaid(spec, options or {})
    checked = ArgumentSpecValidator({name: dict(part) for name, part in spec.items()}).validate(
        said
    )
    if checked.error_messages:
        remedy = f"Its options are {', '.join(sorted(spec))}."
        raise InvalidInput(
            option, sorted(said), f"cannot be used: {checked.error_messages[0]}", remedy
        )
    return t.cast("dict[str, t.Any]", checked.validated_parameters)


def _drop_unsaid(spec: Spec, options: Options) -> dict[str, t.Any]:
    """Return the options without those that are None, those of nested ones likewise."""
    said = {name: value for name, value in options.items() if value is not None}
    return {
        name: _drop_unsaid(nested, value)
        if isinstance(value, dict) and (nested := spec.get(name, {}).get("options"))
        else value
        for name, value in said.items()
    }
