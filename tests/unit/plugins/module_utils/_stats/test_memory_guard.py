# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotEnoughMemory
from ansible_collections.headroom.libvirt.plugins.module_utils._stats import memory_guard
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.memory_guard import (
    MemoryGuard,
    MemoryLimit,
)

from tools import checkout

MIB = 1024**2


class Process:
    """What a process occupies, and what it may."""

    def __init__(self, resident: int, most: int) -> None:
        self.resident = resident
        self.most = most

    def guard(self) -> MemoryGuard:
        return MemoryGuard(
            lambda: MemoryLimit("a limit", self.most - self.resident), lambda: self.resident
        )


def test_what_fits_is_let_pass_and_few_domains_say_nothing() -> None:
    process = Process(30 * MIB, 100 * MIB)
    guard = process.guard()
    process.resident += 10 * MIB
    guard.check(63, 5000)
    guard.check(1000, 1000)


def test_what_will_not_fit_is_refused_before_it_is_read() -> None:
    process = Process(30 * MIB, 100 * MIB)
    guard = process.guard()
    process.resident += 10 * MIB
    with pytest.raises(
        NotEnoughMemory,
        match=r"5000 domains take about 1500 MiB, and a limit leaves 70 MiB\. Raise",
    ):
        guard.check(100, 5000)


def test_without_a_limit_nothing_is_refused() -> None:
    process = Process(0, 0)
    guard = MemoryGuard(lambda: None, lambda: process.resident)
    process.resident += 10**12
    guard.check(100, 5000)


@pytest.mark.parametrize(
    ("membership", "names"),
    [
        ("0::/system.slice/ssh.service\n", ("memory.max", "memory.current", "inactive_file")),
        (
            "8:cpu,memory:/system.slice/ssh.service\n0::/nowhere\n",
            ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
        ),
    ],
    ids=["version 2", "version 1"],
)
def test_the_limits_of_all_groups_above_count(
    tmp_path: Path, membership: str, names: tuple[str, str, str]
) -> None:
    most, used, cache = names
    folder, most = (tmp_path / most).parent, Path(most).name
    (folder / "system.slice/ssh.service").mkdir(parents=True)
    (folder / "system.slice/ssh.service" / most).write_text("max\n")
    (folder / "system.slice" / most).write_text("1000\n")
    (folder / "system.slice" / Path(used).name).write_text("700\n")
    (folder / "system.slice/memory.stat").write_text(f"anon 500\n{cache} 50\nfile 9\n")
    (tmp_path / "cgroup").write_text(membership)
    limits = list(memory_guard._read_control_group_limits(tmp_path, tmp_path / "cgroup"))
    assert limits == [MemoryLimit(str(folder / "system.slice" / most), 350)]


def test_this_process_is_measured() -> None:
    assert MIB < memory_guard.measure_resident_bytes() < 2**40
    limit = memory_guard.find_tightest_limit()
    assert limit is None or limit.room_bytes < 2**60


def read_many(number: int, room: int) -> dict[str, t.Any]:
    """In a process of its own: a limit cannot be taken back. The guests are made up, the limit is the kernel's."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(checkout.ROOT / "tests"),
        "ANSIBLE_COLLECTIONS_PATH": str(checkout.collections_path()),
    }
    command = [sys.executable, "-m", "bench.simulated_stats", str(number), str(room)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=environment)
    return t.cast("dict[str, t.Any]", json.loads(done.stdout))


def test_a_limit_on_memory_ends_it_with_a_message() -> None:
    refused = read_many(5000, 100 * MIB)
    assert refused["error"] == "NotEnoughMemory"
    assert "the statistics of 5000 domains take about" in refused["message"]
    assert "the limit of the address space (ulimit -v) leaves" in refused["message"]


def test_five_thousand_guests_fit_into_half_a_gigabyte() -> None:
    assert read_many(5000, 512 * MIB)["peak_bytes"] < 512 * MIB
