# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The rows of an outlook in sentences. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._text import (
    format_count,
    format_duration,
    format_moment,
    join_names,
)

from .runway import FEWEST_SLOTS, SHARE, SLOT_SECONDS

Row = t.Mapping[str, t.Any]

_CASES: t.Final = f"{round(SHARE * 10)} of 10 cases"


def explain_runway(row: Row) -> str:
    """Say when the limit of a row is reached."""
    subject, state = _describe_limit(row)
    if row["reached"]:
        return f"{subject} is {state} already."
    if row["until"] is None:
        needed = format_duration(FEWEST_SLOTS * SLOT_SECONDS[0])
        known = format_duration(row["known_seconds"]) if row["known_seconds"] else "nothing"
        what = f"{subject[:1].lower()}{subject[1:]} is {state}"
        return (
            f"When {what} cannot be foreseen yet: {known} of the {needed} that takes is recorded."
        )
    until = _format_date(row["until"])
    if row["low"] is None:
        return f"{subject} is not {state} by {until}, which is as far as can be foreseen."
    low = _format_date(row["low"])
    if row["median"] is None:
        return f"{subject} is {state} after {until} rather than before, and in {_CASES} not before {low}."
    end = f"after {until}" if row["high"] is None else f"by {_format_date(row['high'])}"
    return (
        f"{subject} is {state} by {_format_date(row['median'])} as likely as not, and in {_CASES} not before {low} and "
        f"{end}."
    )


def _describe_limit(row: Row) -> tuple[str, str]:
    """Return what is limited, as the beginning of a sentence, and how it is once that is reached."""
    if row["kind"] == "fleet":
        return f"The fleet {row['name']}", "at its maximum"
    if row["kind"] == "memory":
        return f"The memory of {row['host']}", "all promised"
    return f"The pool {row['name']} of {row['host']}", "full"


def explain_loss(row: Row) -> str:
    """Say what the loss of a host takes."""
    when = "now" if row["when"] == "now" else f"at the next peak ({_format_date(row['timestamp'])})"
    go = "goes" if row["lost"] == 1 else "go"
    what = f"If {row['host']} is lost {when}, {format_count(row['lost'], 'machine')} of fleets {go} with it"
    rest = _explain_others(row["others"])
    if not row["short"]:
        return f"{what}, and no fleet is short.{rest}"
    if not row["lasting"]:
        return f"{what}; all that are missed come up on other hosts.{rest}"
    return f"{what}, and {row['lasting']} that are needed come up nowhere else.{rest}"


def _explain_others(count: int) -> str:
    if not count:
        return ""
    runs, is_started = ("runs", "is") if count == 1 else ("run", "are")
    return f" {format_count(count, 'other guest')} that {runs} there {is_started} started nowhere else."


def explain_fleet_loss(fleet: Row) -> str:
    """Say what a fleet has without a host."""
    name, lost, serving, short = (fleet[key] for key in ("fleet", "lost", "serving", "short"))
    begin = f"{name} loses {lost} of {format_count(serving, 'machine')}"
    if not short and not fleet["lasting"]:
        return f"{begin} and has enough of them left."
    replaced = sum(fleet["replaced"].values())
    parts = [f"{begin} and is short of {short}"]
    if replaced:
        hosts = join_names(sorted(fleet["replaced"]))
        come = "comes" if replaced == 1 else "come"
        parts.append(f"{replaced} {come} up on {hosts} within {format_duration(fleet['seconds'])}")
    if fleet["lasting"]:
        until = fleet["until"]
        end = "for longer than is foreseen" if until is None else f"until {_format_date(until)}"
        stay = "stays" if fleet["lasting"] == 1 else "stay"
        parts.append(f"{fleet['lasting']} {stay} missing {end}")
    return f"{'; '.join(parts)}."


def _format_date(seconds: float) -> str:
    return f"{format_moment(seconds)} UTC"
