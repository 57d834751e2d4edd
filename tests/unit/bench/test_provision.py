# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import csv
import datetime as dt
import json
import math
import random
import typing as t

import pytest

from bench import alerts, goals, provision, traces
from bench.__main__ import main
from bench.frame import from_json

if t.TYPE_CHECKING:
    from pathlib import Path


NOISE = random.Random(2)  # noqa: S311


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A week of half hours with a wave a day."""
    source = random.Random(1)  # noqa: S311
    path = tmp_path / "wave.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["timestamp", "demand"])
        for slot in range(7 * 48):
            value = 100 * (1 + math.sin(slot / 48 * 2 * math.pi)) + source.gauss(20, 3)
            writer.writerow(
                [
                    f"2026-01-{1 + slot // 48:02} {slot % 48 // 2:02}:{slot % 2 * 30:02}:00",
                    max(0, value),
                ]
            )
    return path


def test_a_trace_is_judged_after_its_first_part(trace: Path) -> None:
    read = traces.read(trace)
    assert (read.interval, read.delay, len(read.demand)) == (1800, 1, 336)
    assert read.start == int(0.3 * 336)


def test_rows_are_written_and_name_both_peers(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "rows.json"
    assert main(["provision", "--quick", "--trace", str(trace), "--json", str(target)]) == 0
    rows = from_json(target.read_text())
    assert {row.peer for row in rows} >= {"reactive", "gap rule", "goal"}
    assert all(math.isfinite(row.ratio) for row in rows)
    assert json.loads(target.read_text())[0].keys() == {
        "bench", "case", "n", "subject", "seconds", "peer", "peer_seconds", "ratio",
    }  # fmt: skip
    told = capsys.readouterr().out
    assert "wave K=20 D=1" in told
    assert "short in the first 48 h, % of time, mean" in told


def test_measures_are_read_from_the_line_between_two_settings() -> None:
    swept = [(0.10, 1.0), (0.02, 2.0), (0.0, 3.0)]
    assert provision.cost_at(swept, 0.06) == pytest.approx(1.5)
    assert provision.short_at(swept, 1.5) == pytest.approx(0.06)
    assert provision.short_at(swept, 5.0) == 0
    assert provision.short_at(swept, 0.5) is None
    assert provision.cost_at([(0.2, 1.0)], 0.05) is None


def test_a_quantile_lies_on_the_line_between_two_values() -> None:
    assert traces.quantile([3.0, 1.0, 2.0, 4.0], 0.5) == pytest.approx(2.5)
    assert traces.quantile([1.0], 0.999) == 1


def facts(name: str, **changed: t.Any) -> goals.Facts:
    values: dict[str, t.Any] = {
        "trace": name, "short": {0.1: 0.05, 0.05: 0.02}, "at_equal_cost": 0.01, "reactive": 0.1, "cost": 1.0,
        "first_days": 0.02, "flaps": 2.0, "reactive_flaps": 4.0, "calm_cost": 1.02, "pages": 1,
        "days": 10.0, "events": (1, 2, 1), "cold_seconds": 0.5, "kept_seconds": 0.02,
    }  # fmt: skip
    return goals.Facts(**{**values, **changed})


def test_a_goal_that_one_trace_misses_is_missed() -> None:
    good = {row.case: row for row in goals.rows([facts("one"), facts("two")])}
    assert all(row.ratio <= 1 for row in good.values() if not row.case.startswith("events"))
    bad = list(
        goals.rows(
            [
                facts("one"),
                facts("two", short={0.1: 0.11, 0.05: 0.06}, at_equal_cost=0.2, flaps=9.0),
            ]
        )
    )
    assert {row.case.partition(",")[0] for row in bad if row.ratio > 1} >= {
        "short at a risk of 10%", "short at a risk of 5%", "short / reactive 0.7's at equal cost", "flaps a day"
    }  # fmt: skip


def test_a_trace_on_which_nobody_is_ever_short_says_nothing() -> None:
    assert facts("calm", at_equal_cost=0.0, reactive=0.0).ratio is None
    assert facts("worse", at_equal_cost=0.001, reactive=0.0).ratio == pytest.approx(10)


def test_alerts_of_one_hour_are_one_page_and_events_are_counted_once(tmp_path: Path) -> None:
    begin = dt.datetime(2026, 1, 1)  # noqa: DTZ001
    demand = [float(NOISE.randint(80, 120)) for _unused in range(600)]
    demand[300:303] = [1000.0, 1000.0, 1000.0]
    demand[500] = 5000.0  # a second one of the same height would be no news
    trace = traces.Trace("calls", 300, tuple(demand), 0, begin)
    called = alerts.pages(alerts.raised(trace, 2), 300)
    assert {300, 500} <= set(called)
    assert 301 not in called
    path = tmp_path / "windows.json"
    windows = {
        "calls": [
            ["2026-01-02 00:50:00", "2026-01-02 01:10:00"],
            ["2026-01-01 00:00:00", "2026-01-01 01:00:00"],
        ]
    }
    path.write_text(json.dumps(windows))
    hits, events, false = alerts.verdict(trace, called, alerts.read_windows(path))
    assert (hits, events) == (1, 2)
    assert false == len(called) - 1
