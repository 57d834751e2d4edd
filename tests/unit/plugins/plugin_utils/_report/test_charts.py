# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from lxml import etree

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import MissingDependency
from ansible_collections.headroom.libvirt.plugins.plugin_utils._report import charts
from ansible_collections.headroom.libvirt.plugins.plugin_utils._report.charts import (
    Line,
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
    drawn = draw('a "title" <b>', lines, (0, DAY))
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
    assert "<svg" in draw("Demand", [Line("demand", [[(0, -5.0), (DAY, -1.0)]])], (0, DAY))["wide"]


def test_a_long_curve_keeps_its_peak() -> None:
    points = [(float(second), 1.0) for second in range(5000)]
    points[3333] = (3333.0, 50.0)
    drawn = draw("long", [Line("demand", [points])], (0, 5000))
    assert len(drawn["wide"]) < 15_000
    assert (
        drawn["wide"]
        != draw(
            "long", [Line("demand", [[(second, 1.0) for second, _value in points]])], (0, 5000)
        )["wide"]
    )


@pytest.mark.parametrize("lines", [[], [Line("demand", [])], [Line("demand", [[(5, 1.0)]])]])
def test_where_there_is_nothing_to_draw_there_is_no_chart(lines: list[Line]) -> None:
    assert set(draw("none", lines, (0, 0)).values()) == {""}


def test_the_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "PYGAL_IMPORT_ERROR", "Traceback")
    with pytest.raises(MissingDependency, match="python3-pygal"):
        require_pygal()
