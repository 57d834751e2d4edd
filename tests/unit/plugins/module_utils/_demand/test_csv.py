# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.csv import (
    read,
    read_rows,
    write,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

HEADER = "timestamp,demand\n"
NEW_YEAR = 1767225600


def test_times_are_iso_or_seconds_and_unknown_is_not_zero() -> None:
    text = (
        "host,timestamp,demand\na,2026-11-23T00:05:00Z,7\na,1795391999.5,0\n"
        "a,2026-11-23 00:00:00,\n\na,100000000,NaN\n,,\n"
    )
    samples = read("csv", text)
    assert [(sample.timestamp, sample.value) for sample in samples] == [
        (1e8, None),
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
        ("timestamp,demand\n2026-01-01,2\nnoon,3\n", "line 3.*'noon' is not a time"),
        ("timestamp,demand\n-5,2\n", "'-5' is not a time"),
        (f"{HEADER}2026-01-01,-2\n", "'-2' is not a demand: it must be a number of 0 or more"),
        (f"{HEADER}2026-01-01,inf\n", "'inf' is not a demand"),
        (f"{HEADER}2026-01-01,many\n", "'many' is not a demand"),
        (f"{HEADER}2026-01-01,1_000\n", "'1_000' is not a demand"),
        (f"{HEADER}2026-01-01,5 req/s\n", "'5 req/s' is not a demand"),
        (f"{HEADER}2026-01-01,1.7e308\n", r"'1.7e308' .* must be a number of no more than 1e\+22"),
        (f"{HEADER}2026-01-01,{'5' * 30}\n", r"must be a number of no more than 1e\+22"),
        (f"{HEADER}2026-01-01\n,3\n", "line 3.*'' is not a time"),
        (f"{HEADER}1767225600000,5\n", "line 2.*it has milliseconds"),
        (f"{HEADER}1767225600,5\n1767225900000,6\n", "line 3.*it has milliseconds"),
        (f"{HEADER}20260101,5\n", "line 2.*it is a date without separators"),
        (f"{HEADER}2026010100,5\n2026010101,6\n", "'2026010100' is a date with an hour"),
        (f"{HEADER}46023.5,5\n", "line 2.*it is a date as spreadsheets count it"),
        (f"{HEADER}1.76723E+12,5\n", "line 2.*was rounded by a spreadsheet"),
        (f"{HEADER}31.12.2026 08:00,5\n", "line 2.*not written in ISO 8601"),
        (f"{HEADER}2026-01-01,1,234\n", "line 2.*has more columns than the header"),
        (f'{HEADER}2026-01-01,"1,234"\n', "line 2.*a comma, which may stand before decimals or"),
        (f'{HEADER}2026-01-01,"1,234.5"\n', "line 2.*a number with its thousands apart"),
        (f'{HEADER}2026-01-01,5\n2026-01-02,"6\n7\n', "line 4.*is not CSV: unexpected end of data"),
        (f"{HEADER}2026-01-01,{'5' * 200_000}\n", "line 2.*is not CSV: field larger than"),
        ("timestamp,demand,demand\n2026-01-01,1,2\n", "is not the header"),
        ("2026-01-01,5\n", "'2026-01-01,5' is not the header"),
        ("timestamp;demand\n2026-01-01;1.234,5\n", "line 2.*a number with its thousands apart"),
        ("timestamp;demand\n2026-01-01;5\n\n2026-01-02;1.234\n", "line 4.*'1.234' may have its"),
        ("timestamp;demand\n2026-01-01;1,234\n2026-01-02;56\n", "line 2.*'1,234' may have its"),
        ("timestamp\tdemand\n2026-01-01\t-1.234\n", "'-1.234' is not a demand"),
        (f"{HEADER}2026-01-01,1e400\n", "'1e400' is not a demand"),
        (f"{HEADER}2026-01-01,٣\n", "'٣' is not a demand"),
        (f"{HEADER}1767225600000000,5\n", "it has microseconds"),
        (
            "timestamp;demand\n2026-01-01;1,5\n2026-01-02;1.234\n",
            "line 3.*'1.234' has a point where",
        ),
    ],
)
def test_what_is_no_history_is_named_by_its_line(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        read("csv", text)


@pytest.mark.parametrize(
    "text",
    [
        "\ufefftimestamp,demand\r\n2026-01-01,5.5\r\n",
        "ï»¿timestamp,demand\n2026-01-01,5.5\n",
        "timestamp,demand\r2026-01-01,5.5\r",
        "timestamp;demand\n2026-01-01;5,5\n",
        "timestamp;demand;\r\n2026-01-01 00:00:00;5.50;\r\n;;\r\n",
        "sep=;\r\ntimestamp;demand\r\n2026-01-01;+5,5\r\n",
        "timestamp\tdemand\n2026-01-01T00:00Z\t5.5\n",
        "timestamp|demand\n1767225600|55e-1\n",
        '"Timestamp", "Demand"\n"2026-01-01", "5.5"\n',
        'demand,"host, its name",timestamp\n5.5,"a, b",2026-01-01T01:00:00+01\n',
    ],
)
def test_spreadsheets_of_any_country_are_read(text: str) -> None:
    assert read_rows("csv", text) == [(NEW_YEAR, 5.5)]


@pytest.mark.parametrize(
    ("numbers", "values"),
    [
        (["1.234", "5.5"], [1.234, 5.5]),
        (["1,234", "0,234"], [1.234, 0.234]),
        (["1.234", "1234.567"], [1.234, 1234.567]),
        (["1234", "567"], [1234, 567]),
    ],
)
def test_three_decimals_are_some_where_another_number_of_the_file_tells(
    numbers: list[str], values: list[float]
) -> None:
    lines = [f"2026-01-0{day};{number}" for day, number in enumerate(numbers, start=1)]
    text = "\n".join(["timestamp;demand", *lines])
    assert [value for _moment, value in read_rows("csv", text)] == values
    assert read_rows("csv", f"{HEADER}2026-01-01,1.234\n") == [(NEW_YEAR, 1.234)]


def test_a_zero_has_no_sign_and_rows_have_any_order() -> None:
    text = f"{HEADER}2026-01-02T00:00:00+05:30,-0.0\n2026-01-01,5\n2026-01-01,6\n"
    rows = read_rows("csv", text)
    assert rows == [(NEW_YEAR, 5), (NEW_YEAR, 6), (NEW_YEAR + 86400 - 19800, 0)]
    assert str(rows[-1][1]) == "0.0"


@pytest.mark.parametrize("text", ["", "NaN", "null", "None", "NA", "#N/A", "n/a"])
def test_what_is_not_known_is_missing(text: str) -> None:
    assert read_rows("csv", f"{HEADER}2026-01-01,{text}\n") == [(NEW_YEAR, None)]


def test_the_noise_of_arithmetic_is_nothing() -> None:
    assert read_rows("csv", f"{HEADER}2026-01-01,-1e-17\n") == [(NEW_YEAR, 0)]


@given(st.lists(st.tuples(st.integers(0, 4_000_000_000), st.one_of(st.none(), st.floats(0, 1e22)))))
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


@pytest.mark.parametrize(
    "text",
    [
        "timestamp,demand\n1795392000,1\n1795392300," + "9" * 200_000,
        'timestamp,demand\n1795392000,1\n1795392300,"' + "a" * 200_000,
        "timestamp,demand\n1795392000,1\n" + "1" * 5000 + ",1",
        "timestamp,demand\n1795392000,1\n1e400,1",
        "timestamp,demand\n1795392000,1\n1795392300,1\0",
        "timestamp,demand\n1795392000,1\n1795392300,\ud800",
    ],
)
def test_a_field_that_nobody_meant_is_named_by_its_line(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^history \(line 3\): ") as caught:
        read("history", text)
    assert caught.value.details["remedy"]


def test_a_header_that_nobody_meant_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"^history"):
        read("history", "x" * 200_000)


@pytest.mark.parametrize(
    "times", [["2026010100"], ["2026010100", "2026010400"], ["2026010199", "2026010200"]]
)
def test_seconds_of_later_years_are_no_dates(times: list[str]) -> None:
    """In 2034 one time of a hundred has the digits of a date with an hour; a whole file of them has not."""
    text = HEADER + "".join(f"{moment},5\n" for moment in [*times, "2026019999"][-2:])
    assert [row[0] for row in read_rows("csv", text)] == sorted(
        map(float, [*times, "2026019999"][-2:])
    )
