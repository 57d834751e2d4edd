# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of values: what is let through, and the one wording in which the rest is refused."""

from __future__ import annotations

import math
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import (
    Value,
    check_above,
    check_at_least,
    check_between,
    check_moment,
    check_positive,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput


def test_what_is_in_range_is_returned() -> None:
    assert check_positive("timeout", 0.5, "seconds") == 0.5
    assert check_at_least("value", 0, 0) == 0
    assert check_above("growth", 1.1, 1, "Write a factor.") == 1.1
    assert check_between("share", 1, 0, 1, "Write a share.") == 1
    assert check_between("share", 1.0, 0, 1, "Write a share.", excluded="lowest") == 1
    assert check_between("share", 0.0, 0, 1, "Write a share.", excluded="highest") == 0
    assert check_moment("now", 1795392000.5) == 1795392000.5


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_what_is_not_positive_is_refused(value: float) -> None:
    expected = rf"timeout: {value} must be a positive number of seconds\. Write a number above 0\."
    with pytest.raises(InvalidInput, match=expected):
        check_positive("timeout", value, "seconds")


@pytest.mark.parametrize("value", [-1, math.nan, math.inf])
def test_what_is_less_than_the_least_is_refused(value: float) -> None:
    with pytest.raises(
        InvalidInput, match=rf"value: {value} must be at least 0\. Write 0 or more\."
    ):
        check_at_least("value", value, 0)


@pytest.mark.parametrize(
    ("value", "excluded", "words"),
    [
        (-0.1, None, "a number from 0 to 1"),
        (1.1, None, "a number from 0 to 1"),
        (math.nan, None, "a number from 0 to 1"),
        (0, "lowest", "a number above 0 and up to 1"),
        (1, "highest", "a number from 0 to less than 1"),
    ],
)
def test_what_is_outside_is_refused(value: float, excluded: t.Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=rf"share: .* must be {words}\. Write a share\."):
        check_between("share", value, 0, 1, "Write a share.", excluded=excluded)


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (-1.0, r"\. Write it like 1795392000\."),
        (math.nan, r"\. Write"),
        (1795392000000.0, ": it has milliseconds"),
        (20260101.0, ": it is a date without separators"),
    ],
)
def test_what_is_not_in_seconds_is_no_moment(moment: float, words: str) -> None:
    with pytest.raises(InvalidInput, match=rf"now: .* is not a time in seconds since 1970{words}"):
        check_moment("now", moment)


def test_a_value_tells_where_it_stands() -> None:
    value = Value("hosts[0]", {"sample": {"rows": [1, None, "x"]}}, "Hand in a sample.")
    rows = value["sample"]["rows"].require_items()
    assert rows[0].require_count() == 1
    assert rows[1].read_optional(Value.require_text) is None
    with pytest.raises(
        InvalidInput,
        match=r"hosts\[0\]\.sample\.rows\[2\]: 'x' must be a number\. Hand in a sample\.",
    ):
        rows[2].require_number()
