# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``evaluate`` turns the statistics of a fleet's members into one sample of their demand. Pure.

``compute_rates`` and ``compute_load`` say what else is known of the interval between two samples.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._stats import rates
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.totals import (
    GROUPS,
    summarise_domains,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._text import (
    format_duration,
    join_names,
)

from .amount import require_amount
from .series import Sample
from .trace import trace_query

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._query import Query
    from ansible_collections.headroom.libvirt.plugins.module_utils._stats.sample import DomainSample

RUNNING: t.Final = frozenset({"running", "blocked"})
_REMEDY: t.Final = (
    "Write an expression that yields a number of 0 or more, for example sum(domains[].rates.cpu.used_cores); "
    "headroom.libvirt.domain_stats_info with `query` shows what one yields."
)
# Rates over a longer time say little about the interval that ends now.
_OLDEST_PREVIOUS_INTERVALS: t.Final = 3
# Times of creation are kept in whole seconds.
_CREATED_PRECISION: t.Final = 1.0


@dataclasses.dataclass(frozen=True)
class MemberSample:
    """A member as it was just read; ``created`` are epoch seconds."""

    sample: DomainSample
    created: float | None = None

    @property
    def runs(self) -> bool:
        """Whether it serves."""
        return self.sample.stats["state"] in RUNNING


@dataclasses.dataclass(frozen=True)
class PreviousSample:
    """The sample before: when it was taken (epoch seconds) and the counters of the members of then."""

    taken_at: float
    counters: t.Sequence[DomainSample]


def compute_rates(
    previous: PreviousSample | None, machines: t.Sequence[MemberSample]
) -> dict[str, t.Any]:
    """Return the rates of each machine by UUID, None where nothing says what they are.

    A machine that was started after the previous sample has counted from 0 since then: its counters are its part
    of the interval, so demand does not dip whenever the fleet grows. One that came from elsewhere has none yet.
    """
    if previous is None:
        return {machine.sample.uuid: None for machine in machines}
    past = {sample.uuid: sample for sample in previous.counters}
    return {
        machine.sample.uuid: rates.compute_rates(
            _choose_base(previous, past.get(machine.sample.uuid), machine), machine.sample
        )
        for machine in machines
    }


def compute_load(
    machines: t.Sequence[MemberSample], changes: t.Mapping[str, t.Any]
) -> tuple[float, int] | None:
    """Return what the ``machines`` that run used by their rates, in cores, and of how many vCPUs.

    None where one of them did not tell.
    """
    used = 0.0
    vcpus = 0
    for machine in machines:
        if machine.sample.stats["state"] == "unknown":
            return None
        if machine.runs:
            rates, count = changes[machine.sample.uuid], machine.sample.stats["vcpu"]
            if (
                rates is None
                or rates["cpu"] is None
                or rates["cpu"]["used_cores"] is None
                or count is None
            ):
                return None
            used += rates["cpu"]["used_cores"]
            vcpus += count["current"]
    return used, vcpus


def evaluate(
    query: Query,
    machines: t.Sequence[MemberSample],
    previous: PreviousSample | None,
    interval: int,
    now: float,
) -> Sample:
    """Return what ``query`` yields at ``now`` over ``{domains, totals}`` of the members, as domain_stats_info has them.

    Raises InvalidInput, naming the expression and what came out, for anything but a number of 0 or more.
    """
    silent = [
        machine.sample.name for machine in machines if machine.sample.stats["state"] == "unknown"
    ]
    if silent:
        reason = f"{join_names(silent)} did not tell: not even whether it runs"
        return Sample(now, None, reason=reason)
    if not any(machine.runs for machine in machines):
        # Measured by nobody, so it is one only beside what others measured.
        return Sample(now, 0.0, reason="no member runs on this host")
    changes = compute_rates(previous, machines)
    unknown = (
        _explain_missing_rates(machines, changes, previous, interval, now)
        if uses_rates(query)
        else _explain_busy(machines)
    )
    if unknown:
        return Sample(now, None, reason=unknown)
    return _measure(query, machines, changes, now)


def _measure(
    query: Query, machines: t.Sequence[MemberSample], changes: t.Mapping[str, t.Any], now: float
) -> Sample:
    """Return what the expression yields, missing where a machine that runs has not all that it looks at."""
    domains = [
        {**machine.sample.as_dict(), "rates": changes[machine.sample.uuid]} for machine in machines
    ]
    running = [domain for machine, domain in zip(machines, domains) if machine.runs]
    others = [domain for machine, domain in zip(machines, domains) if not machine.runs]
    totals = _hide_partial_totals(summarise_domains(domains), running)
    result, trace = trace_query(query, {"domains": domains, "totals": totals}, others)
    if trace.partial:
        names = join_names(trace.partial)
        return Sample(
            now,
            None,
            reason=f"not every machine that runs tells {names}, which the demand is made of",
        )
    value = _check_result(query, result)
    if trace.unheard:
        names = join_names(trace.unheard)
        raise InvalidInput(query.option, query.text, f"names {names}, which no member has", _REMEDY)
    return Sample(now, value)


def _hide_partial_totals(
    totals: dict[str, t.Any], running: t.Sequence[t.Mapping[str, t.Any]]
) -> dict[str, t.Any]:
    """Return ``totals`` without the sums of what one of the ``running`` machines has not told."""
    rates = totals["rates"]
    return {
        **totals,
        **{group: _hide_partial(group, totals[group], running) for group in GROUPS},
        "rates": rates
        and {
            group: _hide_partial(group, rates[group], [domain["rates"] or {} for domain in running])
            for group in GROUPS
        },
    }


def _hide_partial(
    group: str, sums: t.Mapping[str, t.Any] | None, parts: t.Sequence[t.Mapping[str, t.Any]]
) -> dict[str, t.Any] | None:
    if sums is None:
        return None
    own = [part.get(group) or {} for part in parts]
    figures = [{**values, **(values.get("total") or {})} for values in own]
    return {
        name: None if any(known.get(name) is None for known in figures) else value
        for name, value in sums.items()
    }


def uses_rates(query: Query) -> bool:
    """Return whether the expression looks at rates, which need a sample before."""
    pending = [query.compiled.parsed]
    while pending:
        node = pending.pop()
        if node["type"] == "field" and node["value"] == "rates":
            return True
        pending.extend(child for child in node["children"] if isinstance(child, dict))
    return False


def _choose_base(
    previous: PreviousSample, before: DomainSample | None, machine: MemberSample
) -> DomainSample | None:
    """Return the counters that the machine's are measured against."""
    now = machine.sample
    if before is None:
        started_since = (
            machine.created is not None
            and machine.created + _CREATED_PRECISION >= previous.taken_at
        )
    elif before.stats["timed_out"]:
        return None
    else:
        started_since = before.id != now.id
    if not started_since:
        return before
    return dataclasses.replace(now, taken_at=previous.taken_at, stats=_zero(now.stats))


def _zero(stats: t.Any) -> t.Any:
    """Return ``stats`` with every number 0, except what tells devices apart."""
    if isinstance(stats, dict):
        return {
            name: value if name in ("index", "layer") else _zero(value)
            for name, value in stats.items()
        }
    if isinstance(stats, list):
        return [_zero(item) for item in stats]
    return 0 if isinstance(stats, (int, float)) and not isinstance(stats, bool) else stats


def _explain_missing_rates(
    machines: t.Sequence[MemberSample],
    changes: t.Mapping[str, t.Any],
    previous: PreviousSample | None,
    interval: int,
    now: float,
) -> str | None:
    """Return why the rates of the members that run are not known; None when they are."""
    if previous is None:
        return "this is the first sample: rates are known from the next one on"
    if now - previous.taken_at > _OLDEST_PREVIOUS_INTERVALS * interval:
        age = format_duration(now - previous.taken_at)
        return f"the sample before is {age} old: rates are known from the next one on"
    unrated = [m.sample.name for m in machines if m.runs and changes[m.sample.uuid] is None]
    if unrated:
        return f"there are no rates yet of {join_names(unrated)}"
    return _explain_busy(machines)


def _explain_busy(machines: t.Sequence[MemberSample]) -> str | None:
    busy = [
        machine.sample.name
        for machine in machines
        if machine.runs and machine.sample.stats["timed_out"]
    ]
    return f"{join_names(busy)} did not tell: busy with another job of libvirt" if busy else None


def _check_result(query: Query, value: t.Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidInput(
            query.option, query.text, f"yields {_describe_kind(value)} instead of a number", _REMEDY
        )
    try:
        return require_amount(float(value))
    except ValueError as error:
        raise InvalidInput(
            query.option,
            query.text,
            f"yields {value}, which is not a demand: it must be {error}",
            _REMEDY,
        ) from None


def _describe_kind(value: t.Any) -> str:
    if value is None:
        return "null (no member has what it names)"
    names = {bool: "a boolean", str: "a string", list: "a list", dict: "an object"}
    return f"{names.get(type(value), type(value).__name__)} ({str(value)[:60]!r})"
