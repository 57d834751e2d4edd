# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t

import pytest

from bench import bundle, domain_info
from bench.__main__ import parse
from tools import checkout

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("package", ["bench", "faults"])
def test_the_archive_is_all_that_a_host_needs_beside_libvirt(tmp_path: Path, package: str) -> None:
    archive = tmp_path / "on_host.pyz"
    archive.write_bytes(bundle.archive(package))
    # The archive comes first on the path, and its `ansible` has nothing but module_utils.
    program = (
        f"import sys; sys.path.insert(0, sys.argv[1]); import {package}.on_host.main, ansible; "
        "print(ansible.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, str(archive)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert done.stdout.startswith(str(archive))


def test_cases_come_in_their_own_order_and_others_are_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert parse(["clone", "--cases", "warm,linked"]).cases == ["linked", "warm"]
    assert parse(["clone"]).cases == [
        "linked",
        "linked+start",
        "full",
        "reflink",
        "streamed",
        "warm",
    ]
    with pytest.raises(SystemExit):
        parse(["clone", "--cases", "linked,cold"])
    assert "'cold'" in capsys.readouterr().err


def test_numbers_of_guests_are_sorted_once_each() -> None:
    assert parse(["stats", "--domains", "60,1,20,20"]).domains == [1, 20, 60]


def test_simulated_guests_are_read_whole() -> None:
    paths = {
        "PYTHONPATH": str(checkout.ROOT / "tests"),
        "ANSIBLE_COLLECTIONS_PATH": str(checkout.collections_path()),
    }
    done = subprocess.run(
        [sys.executable, "-m", "bench.simulated_stats", "70"],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, **paths},
    )
    assert 0 < json.loads(done.stdout)["floor_seconds"] < json.loads(done.stdout)["seconds"]


@pytest.mark.parametrize("numbers", ["0", "-1", "many", ""])
def test_other_numbers_are_refused(numbers: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["stats", f"--domains={numbers}"])
    assert "--domains" in capsys.readouterr().err


def test_a_task_over_simulated_hosts_lists_them_whole(tmp_path: Path) -> None:
    assert list(domain_info.make_contenders(tmp_path, 7)) == [domain_info.OURS, domain_info.FLOOR]


def test_simulated_hosts_do_not_fit_into_too_little_memory() -> None:
    paths = {
        "PYTHONPATH": str(checkout.ROOT / "tests"),
        "ANSIBLE_COLLECTIONS_PATH": str(checkout.collections_path()),
    }
    words = [sys.executable, "-m", "bench.simulated_info", "2", "2000", str(60 * 2**20)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, env={**os.environ, **paths})
    refused = json.loads(done.stdout)
    assert refused["error"] == "NotEnoughMemory"
    assert "of the address space (ulimit -v) leaves" in refused["message"]
