# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import dataclasses
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.evaluate import (
    MemberSample,
    PreviousSample,
    compute_load,
    compute_rates,
    evaluate,
    uses_rates,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Sample
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._query import (
    InvalidQuery,
    compile_query,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.sample import (
    DomainSample,
    parse_record,
)

CORES = "sum(domains[].rates.cpu.used_cores)"
RUNNING, PAUSED, OFF = 1, 3, 5


def machine(
    name: str,
    seconds: float = 0,
    *,
    at: float = 110,
    state: int = RUNNING,
    run: int | None = 1,
    created: float | None = 0,
    busy: bool = False,
) -> MemberSample:
    """A machine that has used so many seconds of CPU, of 4096 bytes of memory, with one disk and one NIC."""
    record: dict[str, t.Any] = {"state.state": state, "balloon.current": 4}
    if state != OFF:
        record |= {
            "cpu.time": int(seconds * 1e9),
            "block.count": 1,
            "block.0.name": "vda",
            "block.0.path": "/a",
        }
        record |= (
            {}
            if busy
            else {"balloon.rss": 2, "block.0.rd.reqs": int(seconds), "block.0.rd.bytes": 0}
        )
    return MemberSample(
        DomainSample(name, f"uuid {name}", None if state == OFF else run, at, parse_record(record)),
        created,
    )


def previous(*machines: MemberSample, at: float = 100) -> PreviousSample:
    return PreviousSample(at, [one.sample for one in machines])


def known(value: float) -> Sample:
    return Sample(110, value)


def missing(reason: str) -> Sample:
    return Sample(110, None, reason=reason)


def demand(
    expression: str,
    *machines: MemberSample,
    before: PreviousSample | None = None,
    interval: int = 10,
) -> Sample:
    return evaluate(compile_query("demand", expression), list(machines), before, interval, now=110)


def test_rates_are_against_the_sample_before() -> None:
    before = previous(machine("a", 5, at=100), machine("b", 1, at=100))
    assert demand(CORES, machine("a", 10), machine("b", 16), before=before) == known(2.0)


def test_what_is_no_rate_needs_no_sample_before() -> None:
    assert demand("length(domains)", machine("a"), machine("b")) == known(2.0)
    assert demand("totals.memory.current_bytes", machine("a")) == known(4096.0)


def test_the_first_rates_are_missing_and_not_zero() -> None:
    found = demand(CORES, machine("a", 10))
    assert found.value is None
    assert "first sample" in (found.reason or "")


def test_a_sample_before_that_is_too_old_is_none() -> None:
    found = demand(CORES, machine("a", 10), before=previous(machine("a", 5, at=60), at=60))
    assert found == missing("the sample before is 50 s old: rates are known from the next one on")


def test_a_machine_of_which_not_even_the_state_is_known_leaves_the_sample_missing() -> None:
    for others in ([], [machine("b", 5)], [machine("b", state=OFF)]):
        found = demand("length(domains)", machine("a", state=99), *others)
        assert (found.value, found.reason) == (None, "a did not tell: not even whether it runs")


def test_no_machine_is_no_demand_whether_or_not_there_was_a_sample() -> None:
    for expression in (CORES, "length(domains)", "max(domains[].cpu.time_seconds)"):
        assert demand(expression).value == 0
        assert demand(expression, machine("a", state=OFF), machine("b", 3, state=PAUSED)).value == 0


def test_a_new_machine_counts_from_its_start() -> None:
    before = previous(machine("a", 5, at=100))
    new = machine("b", 20, created=105)
    assert demand(CORES, machine("a", 10), new, before=before) == known(2.5)
    assert demand(CORES, machine("a", 10), machine("b", 20, created=99.5), before=before) == known(
        2.5
    )


def test_the_first_machine_of_a_fleet_counts_from_its_start() -> None:
    assert demand(CORES, machine("a", 10, created=105), before=previous()) == known(1.0)


def test_a_machine_that_was_started_again_or_woken_counts_from_then() -> None:
    assert demand(CORES, machine("a", 4, run=2), before=previous(machine("a", 5, at=100))) == known(
        0.4
    )
    assert demand(
        CORES, machine("a", 4, run=2), before=previous(machine("a", state=OFF, at=100))
    ) == known(0.4)


@pytest.mark.parametrize("created", [0, None])
def test_a_machine_that_came_from_elsewhere_leaves_one_sample_missing(
    created: float | None,
) -> None:
    before = previous(machine("a", 5, at=100))
    found = demand(CORES, machine("a", 10), machine("b", 99999, created=created), before=before)
    assert found == missing("there are no rates yet of b")


def test_a_busy_machine_leaves_the_sample_missing_and_the_next_one_too() -> None:
    busy = machine("a", 10, busy=True)
    assert busy.sample.stats["timed_out"]
    assert demand(CORES, busy, before=previous(machine("a", 5, at=100))).value is None
    assert demand("length(domains)", busy).value is None
    before = previous(machine("a", 5, at=100, busy=True))
    assert (
        demand(
            "sum(domains[].rates.block.total.rd_reqs_per_second)", machine("a", 10), before=before
        ).value
        is None
    )


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("domains[0].name", "yields a string ('a') instead of a number"),
        ("domains[0].nmae", "yields null (no member has what it names) instead of a number"),
        ("domains[].cpu", "yields a list"),
        ("totals", "yields an object"),
        ("domains[0].timed_out", "yields a boolean"),
        ("'12'", "yields a string ('12')"),
        ("`-1`", "yields -1, which is not a demand"),
        ("`NaN`", "yields nan, which is not a demand"),
    ],
)
def test_what_is_no_demand_is_an_error_that_names_the_expression(
    expression: str, words: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        demand(expression, machine("a", 1))
    assert words in caught.value.message
    assert repr(expression) in caught.value.message
    assert caught.value.details["option"] == "demand"
    assert "for example sum(" in caught.value.details["remedy"]


def test_a_function_that_gets_a_wrong_type_says_where() -> None:
    with pytest.raises(InvalidQuery, match=r"at column 1: the function sum\(\) needs array-number"):
        demand("sum(domains[].name)", machine("a", 1))


def test_rates_are_found_wherever_they_stand() -> None:
    assert uses_rates(
        compile_query(
            "demand", "length(domains) && sum(domains[?name!='x'].[rates][].cpu.used_cores)"
        )
    )
    assert not uses_rates(compile_query("demand", "sum(domains[].cpu.time_seconds) || 'rates'"))


def with_vcpus(name: str, seconds: float, vcpus: int, **more: t.Any) -> MemberSample:
    one = machine(name, seconds, **more)
    stats = {**one.sample.stats, "vcpu": {"current": vcpus, "maximum": 8}}
    return dataclasses.replace(one, sample=dataclasses.replace(one.sample, stats=stats))


def test_the_load_is_what_the_machines_used_that_ran() -> None:
    machines = [with_vcpus("a", 10, 2), with_vcpus("b", 16, 4), with_vcpus("c", 0, 1, state=OFF)]
    before = previous(machine("a", 5, at=100), machine("b", 1, at=100))
    assert compute_load(machines, compute_rates(before, machines)) == (2.0, 6)
    assert compute_load([], {}) == (0.0, 0)


def test_the_load_is_not_known_where_one_machine_did_not_tell() -> None:
    told = with_vcpus("a", 10, 2)
    before = previous(machine("a", 5, at=100))
    for other in (machine("b", 5, state=99), machine("b", 5), with_vcpus("b", 5, 2, created=None)):
        machines = [told, other]
        assert compute_load(machines, compute_rates(before, machines)) is None
    assert compute_load([told], compute_rates(None, [told])) is None


def without(one: MemberSample, *path: str) -> MemberSample:
    """The machine, of which something is not known."""
    stats = copy.deepcopy(dict(one.sample.stats))
    part: t.Any = stats
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = None
    return dataclasses.replace(one, sample=dataclasses.replace(one.sample, stats=stats))


@pytest.mark.parametrize(
    ("expression", "path", "name"),
    [
        (CORES, ("cpu",), "cpu"),
        (CORES, ("cpu", "time_seconds"), "used_cores"),
        ("totals.rates.cpu.used_cores", ("cpu",), "used_cores"),
        ("sum(domains[].block.total.rd_reqs)", ("block", "total", "rd_reqs"), "rd_reqs"),
        ("totals.block.rd_reqs", ("block", "total", "rd_reqs"), "rd_reqs"),
        ("max(domains[?state=='running'].cpu.time_seconds)", ("cpu",), "cpu"),
        ("length(domains) && sum(domains[].cpu.time_seconds)", ("cpu",), "cpu"),
        ("sum(values(domains[1].{a: cpu.time_seconds}) | [?@])", ("cpu",), "cpu"),
    ],
)
def test_a_sum_over_a_part_of_the_machines_is_missing(
    expression: str, path: tuple[str, ...], name: str
) -> None:
    before = previous(machine("a", 5, at=100), machine("b", 1, at=100))
    whole = demand(expression, machine("a", 10), machine("b", 16), before=before)
    assert whole.is_measured
    found = demand(expression, machine("a", 10), without(machine("b", 16), *path), before=before)
    assert found.value is None
    assert f"not every machine that runs tells {name}," in (found.reason or "")


@pytest.mark.parametrize(
    "expression",
    [
        "sum(domains[].[cpu.time_seconds || `0`][])",
        "sum(domains[].not_null(cpu.time_seconds, `0`))",
        "sum(domains[?cpu].cpu.time_seconds)",
        "sum(domains[?cpu.time_seconds > `0`].cpu.time_seconds)",
    ],
)
def test_who_says_what_counts_in_place_of_what_is_missing_gets_that(expression: str) -> None:
    assert demand(expression, machine("a", 10), without(machine("b", 16), "cpu")) == known(10)


def test_machines_that_do_not_run_may_tell_nothing() -> None:
    off = without(machine("b", 16, state=OFF), "cpu")
    before = previous(machine("a", 5, at=100), off)
    for expression in (CORES, "totals.rates.cpu.used_cores"):
        assert demand(expression, machine("a", 10), off, before=before) == known(0.5)


@pytest.mark.parametrize(
    "expression", ["sum(domains[].cpu.tiem_seconds)", "length(domains[].nmae)"]
)
def test_a_name_that_no_machine_has_is_no_demand_of_0(expression: str) -> None:
    with pytest.raises(InvalidInput, match=r"names (tiem_seconds|nmae), which no member has"):
        demand(expression, machine("a", 10), machine("b", 16))
