# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime as dt
import itertools
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import MissingDependency
from ansible_collections.headroom.libvirt.plugins.module_utils._text import format_moment
from ansible_collections.headroom.libvirt.plugins.plugin_utils._report import charts
from ansible_collections.headroom.libvirt.plugins.plugin_utils._report.charts import (
    Axis,
    Line,
    Reading,
    choose_ticks,
    draw,
    draw_steps,
    outline_band,
    require_pygal,
    split_at_gaps,
)

DAY = 86_400


def test_lines_are_cut_where_nothing_is_known() -> None:
    assert split_at_gaps([(0, None), (1, 5.0), (2, 6.0), (3, None), (4, None), (5, 0.0)]) == [
        [(1, 5.0), (2, 6.0)],
        [(5, 0.0)],
    ]
    assert split_at_gaps([]) == []


def test_steps_stay_at_a_value_until_the_next() -> None:
    assert draw_steps([(0, 1.0), (1, 1.0), (2, 3.0), (3, 3.0)]) == [
        (0, 1.0),
        (2, 1.0),
        (2, 3.0),
        (3, 3.0),
    ]


def test_a_band_is_the_outline_of_two_lines() -> None:
    assert outline_band([(0, 1.0, 2.0), (1, 3.0, 4.0)]) == [(0, 2.0), (1, 4.0), (1, 3.0), (0, 1.0)]


def test_a_chart_is_only_svg_with_the_classes_of_the_page() -> None:
    lines = [
        Line("band", [[(0, 5.0), (DAY, 9.0), (DAY, 1.0)]], filled=True),
        Line("demand", [[(0, 1.0)], [(60, 2.0), (DAY, 3.0)]]),
    ]
    drawn = draw('a "title" <b>', lines, charts.Axis(0, DAY))
    assert set(drawn) == {"wide", "narrow"}
    for text in drawn.values():
        root = etree.fromstring(text)
        assert root.get("aria-label") == 'a "title" <b>'
        assert {etree.QName(one).localname for one in root.iter()} <= {
            "svg",
            "g",
            "path",
            "rect",
            "text",
        }
        classes = [
            one.get("class") for one in root.iter() if (one.get("class") or "").startswith("series")
        ]
        assert {"series band", "series demand"} <= set(classes)


def test_a_curve_below_0_is_drawn_and_divides_nothing() -> None:
    assert (
        "<svg"
        in draw("Demand", [Line("demand", [[(0, -5.0), (DAY, -1.0)]])], charts.Axis(0, DAY))["wide"]
    )


def test_a_long_curve_keeps_its_peak() -> None:
    points = [(float(second), 1.0) for second in range(5000)]
    points[3333] = (3333.0, 50.0)
    drawn = draw("long", [Line("demand", [points])], charts.Axis(0, 5000))
    assert len(drawn["wide"]) < 15_000
    assert (
        drawn["wide"]
        != draw(
            "long",
            [Line("demand", [[(second, 1.0) for second, _value in points]])],
            charts.Axis(0, 5000),
        )["wide"]
    )


@pytest.mark.parametrize("lines", [[], [Line("demand", [])], [Line("demand", [[(5, 1.0)]])]])
def test_where_there_is_nothing_to_draw_there_is_no_chart(lines: list[Line]) -> None:
    assert set(draw("none", lines, charts.Axis(0, 0)).values()) == {""}


@given(
    st.sampled_from(
        ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
    ),
    st.integers(1_700_000_000, 1_900_000_000),
    st.integers(3600, 90 * DAY),
    st.integers(2, 12),
)
def test_ticks_are_round_on_the_clocks_of_a_place_and_not_too_many(
    name: str, first: int, length: int, most: int
) -> None:
    zone = zoneinfo.ZoneInfo(name)
    ticks = choose_ticks(Axis(first, first + length, zone), most)
    assert ticks == sorted(set(ticks))
    assert first <= ticks[0] <= ticks[-1] <= first + length
    # a night in which clocks go back shows an hour twice
    assert len(ticks) <= most + 1 + 7
    clocks = [dt.datetime.fromtimestamp(tick, zone) for tick in ticks]
    if len(ticks) == 1:  # nothing round may be within the axis
        return
    # clocks of Lord Howe go by half an hour
    assert all(clock.minute % 5 == 0 and clock.second == 0 for clock in clocks)
    if length > DAY * most:
        assert {(clock.hour, clock.minute) for clock in clocks} == {(0, 0)}


def test_the_hour_that_clocks_show_twice_has_two_ticks_and_two_names() -> None:
    zone = zoneinfo.ZoneInfo("Europe/Berlin")
    midnight = 1_792_879_200  # of 2026-10-25, whose clocks go back at 3:00
    ticks = choose_ticks(Axis(midnight, midnight + 5 * 3600, zone), 8)
    assert ticks == [midnight + 3600 * hour for hour in range(6)]
    assert [format_moment(tick, zone) for tick in ticks] == [
        "Sun 25 Oct 00:00",
        "Sun 25 Oct 01:00",
        "Sun 25 Oct 02:00 CEST",
        "Sun 25 Oct 02:00 CET",
        "Sun 25 Oct 03:00",
        "Sun 25 Oct 04:00",
    ]


def test_every_moment_under_the_pointer_is_told_and_the_highest_of_many_stays() -> None:
    line = Line("demand", [[(60.0 * at, 1.0) for at in range(1000)]])
    readings = [Reading(60.0 * at, 50.0 if at == 333 else 1.0, f"at {at}") for at in range(1000)]
    drawn = draw("many", [line], Axis(0, 60_000), readings)
    assert "<title>" not in drawn["narrow"]
    columns = [
        one for one in etree.fromstring(drawn["wide"]).iter() if one.get("class") == "reading"
    ]
    titles = [column[0].text for column in columns]
    assert 80 <= len(titles) <= 96
    assert "at 333" in titles
    edges = [(float(one.get("x", "")), float(one.get("width", ""))) for one in columns]
    for (left, width), (following, _width) in itertools.pairwise(edges):
        assert left + width == pytest.approx(following, abs=0.2)


def test_a_reading_is_text() -> None:
    line = Line("demand", [[(0, 1.0), (DAY, 2.0)]])
    drawn = draw(
        "x", [line], Axis(0, DAY), [Reading(0, 1.0, "</title><script>"), Reading(DAY, 1, "b")]
    )
    assert "<script>" not in drawn["wide"]


def test_the_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "PYGAL_IMPORT_ERROR", "Traceback")
    with pytest.raises(MissingDependency, match="python3-pygal"):
        require_pygal()
