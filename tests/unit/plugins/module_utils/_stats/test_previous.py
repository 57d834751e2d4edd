# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.previous import (
    BootClock,
    SampleFile,
    read_boot_id,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.sample import (
    DomainSample,
    parse_record,
)

from .records import RECORD

if t.TYPE_CHECKING:
    from pathlib import Path

SAMPLES = [
    DomainSample("web-1", "u1", 1, 5.25, parse_record(RECORD)),
    DomainSample("off", "u2", None, 5.5, parse_record({})),
]


def test_samples_come_back_as_they_were(tmp_path: Path) -> None:
    store = SampleFile(str(tmp_path / "samples.json"), "qemu:///system", "boot")
    assert store.read() == []
    store.write(SAMPLES)
    assert store.read() == SAMPLES
    store.write(SAMPLES[1:])
    assert store.read() == SAMPLES[1:]


def test_samples_of_another_host_or_boot_are_none(tmp_path: Path) -> None:
    path = str(tmp_path / "samples.json")
    SampleFile(path, "qemu:///system", "boot").write(SAMPLES)
    assert SampleFile(path, "qemu:///session", "boot").read() == []
    assert SampleFile(path, "qemu:///system", "another").read() == []


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"uri": "u"}',
        '{"uri": "u", "boot": "b", "samples": [{"name": 1}]}',
        "\x00",
        "[" * 100_000,
    ],
)
def test_a_broken_file_is_as_good_as_none_and_replaced(tmp_path: Path, content: str) -> None:
    file = tmp_path / "samples.json"
    file.write_text(content)
    store = SampleFile(str(file), "u", "b")
    assert store.read() == []
    store.write(SAMPLES)
    assert store.read() == SAMPLES


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"samples: .* cannot be read"):
        SampleFile(str(tmp_path), "u", "b").read()


def test_the_clock_of_this_boot_goes_forward() -> None:
    clock = BootClock()
    assert clock.now() <= clock.now()
    assert len(read_boot_id()) == 36
