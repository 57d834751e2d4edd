# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sizes as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._sizes import (
    parse_rate,
    parse_size,
    parse_whole_mib_rate,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("1KiB", 1024),
        ("512MiB", 512 * 1024**2),
        ("10 GiB", 10 * 1024**3),
        (" 10GB ", 10 * 1000**3),
        ("1.5 TB", 1000**4 * 3 // 2),
        ("3kb", 3000),
        ("10G", 10 * 1024**3),
        ("1.5TiB", 1024**4 * 3 // 2),
    ],
)
def test_sizes_are_read_with_binary_and_decimal_units(text: str, size: int) -> None:
    assert parse_size("memory", text) == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        "GiB",
        "-1",
        "-1GiB",
        "3x",
        "ten",
        "inf",
        "nan",
        "1e3GiB",
        "1GiBiB",
        "1.2.3GB",
        ".GB",
        "10 GiB/day",
        "8EiB",
        "99999999999999999999999TiB",
        "99999999999999999999999 TB",
        "9" * 400,
        "9" * 400 + "GiB",
        "9" * 5000 + "GB",
    ],
)
def test_what_is_no_size_names_option_and_value(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"memory: .* is not a size") as failure:
        parse_size("memory", text)
    assert failure.value.details["value"] == text


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("50MiB", 50 << 20),
        ("50MiB/s", 50 << 20),
        ("50 MB /s", 50_000_000),
        ("50", 50 << 20),
        (" 0.5 ", 512 << 10),
        ("256KiB", 256 << 10),
        ("1G", 1 << 30),
    ],
)
def test_a_bandwidth_has_one_notation(text: str, rate: int) -> None:
    assert parse_rate("bandwidth", text) == rate


@pytest.mark.parametrize("text", ["", "0", "0MiB", "-5", "fast", "50Mbit/h", "50MiB/min"])
def test_what_is_no_bandwidth_is_named(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^bandwidth: "):
        parse_rate("bandwidth", text)


def test_libvirt_takes_some_bandwidths_in_whole_mebibytes() -> None:
    assert parse_whole_mib_rate("bandwidth", "100MB") == 95
    with pytest.raises(InvalidInput, match="must be at least 1 MiB a second"):
        parse_whole_mib_rate("bandwidth", "512KiB")


@given(st.integers(0, 7), st.sampled_from("KMGTPE"))
def test_units_are_those_of_libvirt(number: int, unit: str) -> None:
    power = "KMGTPE".index(unit) + 1
    assert (
        parse_size("o", f"{number}{unit}")
        == parse_size("o", f"{number}{unit}iB")
        == number * 1024**power
    )
    assert parse_size("o", f"{number}{unit}B") == number * 1000**power


def test_the_largest_size_is_that_of_a_file() -> None:
    assert parse_size("o", f"{2**63 - 1024}") == 2**63 - 1024
    assert parse_size("o", "1000000GiB") == 10**6 << 30
