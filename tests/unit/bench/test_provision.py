# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import csv
import json
import math
import random
import typing as t

import pytest

from bench import provision, traces
from bench.__main__ import main
from bench.frame import from_json

if t.TYPE_CHECKING:
    from pathlib import Path


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
            writer.writerow([f"2026-01-{1 + slot // 48:02} {slot % 48 // 2:02}:{slot % 2 * 30:02}:00", max(0, value)])
    return path


def test_a_trace_is_judged_after_its_first_part(trace: Path) -> None:
    read = traces.read(trace)
    assert (read.interval, read.delay, len(read.demand)) == (1800, 1, 336)
    assert read.start == int(0.3 * 336)


def test_rows_are_written_and_name_both_peers(trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "rows.json"
    assert main(["provision", "--quick", "--trace", str(trace), "--json", str(target)]) == 0
    rows = from_json(target.read_text())
    assert {row.peer for row in rows} >= {"reactive", "gap rule"}
    assert all(math.isfinite(row.ratio) for row in rows)
    assert json.loads(target.read_text())[0].keys() == {
        "bench", "case", "n", "subject", "seconds", "peer", "peer_seconds", "ratio",
    }  # fmt: skip
    assert "wave K=20 D=1" in capsys.readouterr().out


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
