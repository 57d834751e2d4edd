# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.frame import Contender, Race, Row, from_json, rows, table, to_json


class Track:
    """A clock that only the runners move, and the order in which they ran."""

    def __init__(self) -> None:
        self.time = 0.0
        self.order: list[str] = []

    def now(self) -> float:
        return self.time

    def runner(self, name: str, *laps: float) -> Contender:
        left = list(laps)

        def run() -> None:
            self.order.append(name)
            self.time += left.pop(0)

        return run


def test_contenders_take_turns_and_the_start_goes_round() -> None:
    track = Track()
    race = Race({name: track.runner(name, *[1.0] * 4) for name in "abc"}, track.now)
    race.medians(3)
    assert "".join(track.order) == "abc" + "abc" + "bca" + "cab"


def test_the_median_leaves_the_warm_up_and_an_outlier_out() -> None:
    track = Track()
    ours, theirs = track.runner("ours", 50, 1, 1, 9), track.runner("theirs", 50, 2, 90, 2)
    race = Race({"ours": ours, "theirs": theirs}, track.now)
    assert race.medians(3) == {"ours": 1, "theirs": 2}


def test_a_row_for_each_peer() -> None:
    assert rows("stats", "all", 20, {"ours": 0.5, "one": 1.0, "two": 0.25}, "ours") == [
        Row("stats", "all", 20, "ours", 0.5, "one", 1.0, 0.5),
        Row("stats", "all", 20, "ours", 0.5, "two", 0.25, 2.0),
    ]


def test_the_table_is_aligned() -> None:
    assert table(rows("stats", "all", 20, {"ours": 0.5, "one": 1.0}, "ours")).splitlines() == [
        "bench  case   n  subject     ms  peer  peer ms  ratio",
        "stats  all   20  ours     500.0  one    1000.0   0.50",
    ]


def test_bytes_are_shown_as_such_and_survive_as_json() -> None:
    row = Row(
        "clone", "linked, disk", 20, "ours", 4 * 1024**2, "peer", 80 * 1024**2, 0.05, unit="bytes"
    )
    assert "4.0 MiB" in table([row])
    assert from_json(to_json([row])) == [row]


def test_what_is_tidied_up_is_not_timed() -> None:
    track = Track()
    race = Race({"ours": track.runner("ours", 1.0)}, track.now, tidy=track.runner("tidy", 100.0))
    assert race.medians(1, warm_up=False) == {"ours": 1.0}
    assert track.order == ["ours", "tidy"]


def test_a_contender_that_fails_ends_the_race() -> None:
    def fail() -> None:
        raise RuntimeError("no such guest")

    with pytest.raises(RuntimeError, match="no such guest"):
        Race({"ours": fail}).medians(1)


SECONDS = st.floats(1e-6, 1e6)


@given(
    st.builds(
        Row, st.text(), st.text(), st.integers(), st.text(), SECONDS, st.text(), SECONDS, SECONDS
    )
)
def test_rows_survive_as_json(row: Row) -> None:
    assert from_json(to_json([row])) == [row]
