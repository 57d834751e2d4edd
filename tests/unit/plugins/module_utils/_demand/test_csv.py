# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.csv import read, write
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput


def test_times_are_iso_or_seconds_and_unknown_is_not_zero() -> None:
    text = "host,timestamp,demand\na,2026-11-23T00:05:00Z,7\na,1795391999.5,0\na,2026-11-23 00:00:00,\na,600,NaN\n"
    samples = read("csv", text)
    assert [(sample.timestamp, sample.value) for sample in samples] == [
        (600, None),
        (1795391999.5, 0),
        (1795392000, None),
        (1795392300, 7),
    ]
    assert all(sample.fleet_wide for sample in samples)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not the header"),
        ("time,value\n1,2\n", "'time,value' is not the header"),
        ("timestamp,demand\n1,2\nnoon,3\n", "line 3.*'noon' is not a time"),
        ("timestamp,demand\n-5,2\n", "'-5' is not a time"),
        ("timestamp,demand\n1,-2\n", "'-2' is not a demand"),
        ("timestamp,demand\n1,inf\n", "'inf' is not a demand"),
        ("timestamp,demand\n1,many\n", "'many' is not a demand"),
        ("timestamp,demand\n1\n2,3,4\n,\n", "line 4.*'' is not a time"),
    ],
)
def test_what_is_no_history_is_named_by_its_line(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        read("csv", text)


@given(
    st.lists(st.tuples(st.integers(0, 4_000_000_000), st.one_of(st.none(), st.floats(0, 1e300))))
)
def test_what_is_written_is_read_again(rows: list[tuple[float, float | None]]) -> None:
    assert [(one.timestamp, one.value) for one in read("csv", write(rows))] == sorted(
        rows, key=lambda row: row[0]
    )


@given(
    st.integers(31_536_000, 4_102_444_800),
    st.integers(-1439, 1439),
    st.sampled_from("T "),
    st.sampled_from(["", " "]),
)
def test_times_of_any_offset_are_read(moment: int, minutes: int, between: str, after: str) -> None:
    there = dt.datetime.fromtimestamp(moment, dt.timezone(dt.timedelta(minutes=minutes)))
    samples = read("csv", f"timestamp,demand\n{there.isoformat(between)}{after},1\n")
    assert [sample.timestamp for sample in samples] == [moment]
