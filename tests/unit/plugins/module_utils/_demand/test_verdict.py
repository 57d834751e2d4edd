# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._demand import verdict
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.verdict import (
    Finding,
    HealthCheck,
    HealthRecord,
    Kind,
    Verdict,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

CHECK = HealthCheck(port=80, path="/health", failures=2, grace=100)
BEGAN = 1000.0
SILENT = Finding("silent", "it does not answer")


def look(*kinds: Kind, start: float = 2000.0, step: float = 300.0) -> list[Verdict]:
    """The verdicts on a member that was made at BEGAN and shows ``kinds``, one a run."""
    record, verdicts = HealthRecord(CHECK.identity), []
    for number, kind in enumerate(kinds):
        now = start + number * step
        judged, record = verdict.judge(CHECK, Finding(kind, kind), record, BEGAN, now)
        record = verdict.read_record(json.loads(json.dumps(record.as_dict())), CHECK)
        verdicts.append(judged)
    return verdicts


def test_one_failure_is_a_blip_and_two_are_unhealthy() -> None:
    passed, blip, second, well = look("passed", "refused", "refused", "passed")
    assert (passed.healthy, blip.healthy, second.healthy, well.healthy) == (True, None, False, True)
    assert not blip.awaited
    assert (second.kind, second.reason, second.has_passed) == ("refused", "refused", True)


def test_failures_count_only_in_a_row() -> None:
    assert [each.healthy for each in look("passed", "silent", "passed", "silent")][-1] is None


def test_a_new_member_is_awaited_during_its_grace_however_often_it_fails() -> None:
    verdicts = look("refused", "refused", "refused", "refused", start=BEGAN + 10, step=30)
    assert [each.healthy for each in verdicts] == [None, None, None, False]
    assert [each.awaited for each in verdicts] == [True, True, True, False]


def test_one_that_has_passed_has_no_grace_left() -> None:
    assert [each.healthy for each in look("passed", "hung", "hung", start=BEGAN + 5, step=20)] == [
        True,
        None,
        False,
    ]


@pytest.mark.parametrize("kind", ["io error", "crashed", "stopped"])
def test_what_the_hypervisor_is_certain_of_needs_no_second_look(kind: Kind) -> None:
    assert look(kind, start=BEGAN + 1)[0].healthy is False


@pytest.mark.parametrize("kind", ["off", "unknown"])
def test_what_says_nothing_changes_nothing(kind: Kind) -> None:
    assert look("passed", "refused", kind, "refused")[-1].healthy is False
    assert look(kind)[0].healthy is None


def test_two_looks_at_once_are_one() -> None:
    assert look("passed", "silent", "silent", step=1.0)[-1].healthy is None


def test_a_clock_that_went_back_gives_no_grace_for_ever() -> None:
    record = HealthRecord(CHECK.identity, failures=1, failed=50.0)
    assert verdict.judge(CHECK, SILENT, record, BEGAN, 60.0)[0].healthy is False


def test_another_question_starts_anew() -> None:
    record = HealthRecord("http 81 /old False", failures=7, failed=1.0, passed=1.0)
    assert verdict.read_record(record.as_dict(), CHECK) == HealthRecord(CHECK.identity)


@given(
    st.none()
    | st.integers()
    | st.text()
    | st.dictionaries(
        st.sampled_from(["format", "check", "failures", "failed", "passed", "x"]),
        st.none() | st.integers() | st.text(),
    )
)
def test_any_record_can_be_read(data: t.Any) -> None:
    record = verdict.read_record(data, CHECK)
    assert verdict.judge(CHECK, SILENT, record, None, 1.0)[1].check == CHECK.identity


@pytest.mark.parametrize("wrong", [{"failures": None}, {"failed": ""}, {"passed": "long ago"}])
def test_a_record_of_this_check_that_holds_nonsense_counts_for_nothing(
    wrong: dict[str, t.Any],
) -> None:
    data = {**HealthRecord(CHECK.identity, 1, 5.0, 4.0).as_dict(), **wrong}
    assert verdict.read_record(data, CHECK) == HealthRecord(CHECK.identity)


@pytest.mark.parametrize(
    ("state", "reason", "kind"),
    [
        ("paused", "ioerror", "io error"),
        ("paused", "crashed", "crashed"),
        ("crashed", "panicked", "crashed"),
        ("crashed", "unknown", "crashed"),
        ("shutoff", "crashed", "crashed"),
        ("paused", "watchdog", "stopped"),
        ("paused", "user", "off"),
        ("paused", "migration", "off"),
        ("saved", None, "off"),
        ("shutoff", "shutdown", "off"),
    ],
)
def test_what_stopped_a_machine_is_told_apart(state: str, reason: str | None, kind: str) -> None:
    finding = verdict.judge_state(state, reason)
    assert finding is not None
    assert finding.kind == kind


def test_what_runs_has_to_be_asked() -> None:
    assert verdict.judge_state("running", "booted") is None


@pytest.mark.parametrize(
    ("status", "kind"), [(200, "passed"), (302, "passed"), (404, "failing"), (500, "failing")]
)
def test_a_status_below_400_passes(status: int, kind: str) -> None:
    assert verdict.judge_status(CHECK, status).kind == kind


OPTIONS = {
    "port": 80,
    "path": "/health",
    "scheme": "http",
    "agent": False,
    "timeout": 5.0,
    "failures": 2,
    "grace": 120,
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"port": 0}, "health.port: 0 must be a number from 1 to 65535"),
        ({"port": None}, "health.path: '/health' needs a port"),
        ({"path": "health"}, "must begin with /"),
        ({"path": "/a b"}, "must begin with / and have no spaces"),
        ({"path": "/a\r\nX: y"}, "must begin with /"),
        ({"timeout": 0.0}, "health.timeout: 0.0 must be a positive number of seconds"),
        ({"failures": 0}, "health.failures: 0 must be at least 1 checks"),
        ({"grace": -1}, "health.grace: -1 must be at least 0 seconds"),
    ],
)
def test_a_check_that_cannot_be_meant_is_refused(change: dict[str, t.Any], words: str) -> None:
    assert verdict.read_check(OPTIONS).identity == "http 80 /health False"
    with pytest.raises(InvalidInput) as caught:
        verdict.read_check({**OPTIONS, **change})
    assert words in caught.value.message
