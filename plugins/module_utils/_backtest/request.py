# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The option ``backtest``: ``read_series`` reads a file, ``run_backtest`` replays a history under rules."""

from __future__ import annotations

import pathlib
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_between
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import csv
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import (
    Series,
    check_span,
    merge,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.registry import METHODS
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.options import (
    Spec,
    compare_rules,
    read_rule,
    vary_rule,
)

from .comparison import RULE, TUNED, Comparison, Settings, compare, format_table, measure

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule

_OPTION: t.Final = "backtest.csv"
_PEERS: t.Final = frozenset({RULE, TUNED, "perfect", "reactive"})

BACKTEST: t.Final[Spec] = {
    "csv": {"type": "path"},
    "rules": {"type": "list", "elements": "dict", "default": []},
    "tune": {"type": "bool", "default": False},
    "most_short": {"type": "float", "default": 0.05},
    "training_share": {"type": "float", "default": 0.6},
    "warm_up_share": {"type": "float", "default": 0.1},
    "reactive_target": {"type": "float", "default": 0.7},
    "slots": {"type": "bool", "default": False},
}


def read_series(path: str, interval: int) -> Series:
    """Return the demand in the CSV file at ``path`` in slots of ``interval`` seconds."""
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        remedy = "Write the path of a CSV file on the machine where the task runs (the controller with `delegate_to`)."
        raise InvalidInput(_OPTION, path, f"cannot be read: {why}", remedy) from error
    samples = csv.read(_OPTION, text)
    if not samples:
        raise InvalidInput(
            _OPTION, path, "has no row below its header", "Write a line for each interval."
        )
    last = samples[-1].timestamp
    check_span(_OPTION, [samples], interval, last)
    return merge([samples], interval, last)


def run_backtest(
    series: Series, rule: t.Mapping[str, t.Any], options: t.Mapping[str, t.Any]
) -> dict[str, t.Any]:
    """Return the value ``backtest`` of the result: what the ``rule`` (its options) and others would have done."""
    rules = {RULE: read_rule(rule), **_read_variations(rule, options["rules"])}
    for name, compared in rules.items():
        if compared.forecaster not in METHODS:
            where = "rule.forecaster" if name == RULE else f"backtest.rules ({name})"
            remedy = f"Replay one of {', '.join(METHODS)}: a filter is asked only for what a plan looks at."
            raise InvalidInput(where, compared.forecaster, "cannot be replayed", remedy)
    comparison = compare(series, _read_settings(rules, options))
    if comparison.tuned is not None:
        rules[TUNED] = comparison.tuned
    return {
        "start": series.start + comparison.start * series.interval,
        "end": series.start + len(series.values) * series.interval,
        "interval": series.interval,
        "known_share": series.count_known() / max(1, len(series.values)),
        "rules": [
            _build_row(name, comparison, rules, series, slots=options["slots"])
            for name in comparison.outcomes
        ],
        "demand": list(series.values[comparison.start :]) if options["slots"] else None,
        "tuned": None if comparison.tuned is None else compare_rules(rules[RULE], comparison.tuned),
        "table": format_table(comparison, series.interval),
    }


def _read_variations(
    rule: t.Mapping[str, t.Any], variations: t.Sequence[t.Mapping[str, t.Any]]
) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    for index, options in enumerate(variations):
        change = dict(options)
        option, name = f"backtest.rules[{index}]", change.pop("name", None)
        if not isinstance(name, str) or not name or name in rules or name in _PEERS:
            remedy = f"Give each rule a name of its own, other than {', '.join(sorted(_PEERS))}."
            raise InvalidInput(f"{option}.name", name, "is not a name for a row", remedy)
        if "interval" in change:
            remedy = "Leave it out: all rules replay the same intervals."
            raise InvalidInput(
                f"{option}.interval", change["interval"], "is not the rule's to change", remedy
            )
        rules[name] = vary_rule(option, rule, change)
    return rules


def _read_settings(rules: t.Mapping[str, Rule], options: t.Mapping[str, t.Any]) -> Settings:
    for name, lowest, highest in (
        ("most_short", 0.0, 1.0),
        ("training_share", 0.1, 0.9),
        ("warm_up_share", 0.0, 0.9),
        ("reactive_target", 0.05, 1.0),
    ):
        check_between(f"backtest.{name}", options[name], lowest, highest, "Write 0.5 for a half.")
    return Settings(
        rules=rules,
        warm_up=options["warm_up_share"],
        tune=options["tune"],
        training=options["training_share"],
        most_short=options["most_short"],
        target=options["reactive_target"],
    )


def _build_row(
    name: str, comparison: Comparison, rules: t.Mapping[str, Rule], series: Series, *, slots: bool
) -> dict[str, t.Any]:
    outcome = comparison.outcomes[name]
    return {
        "name": name,
        "changes": compare_rules(rules[RULE], rules[name]) if name in rules else None,
        **measure(outcome, series.interval),
        "machines": [slot.ready for slot in outcome.slots] if slots else None,
    }
