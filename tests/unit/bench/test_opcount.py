# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hot paths cost what they may, with many as with few; and the count would tell if they did not."""

from __future__ import annotations

import dataclasses
import functools
import threading
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._stats.totals import (
    summarise_domains,
)
from ansible_collections.headroom.libvirt.plugins.modules import domain_stats_info

from bench import opcount

PATHS = {path.name: path for path in opcount.HOT_PATHS}


@pytest.mark.parametrize("name", PATHS)
def test_a_hot_path_keeps_its_budget(name: str) -> None:
    assert opcount.find_excess(PATHS[name]) is None


def test_the_count_is_the_same_every_time() -> None:
    path = PATHS[
        "inventory"
    ]  # which waits for nobody: how often a thread looks is up to the machine
    assert opcount.measure(path, 7) == opcount.measure(path, 7)


def test_work_that_compares_each_guest_with_each_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def summarise_slowly(domains: list[dict[str, t.Any]]) -> dict[str, t.Any]:
        assert all(sum(one["name"] == other["name"] for other in domains) == 1 for one in domains)
        return summarise_domains(domains)

    monkeypatch.setattr(domain_stats_info, "summarise_domains", summarise_slowly)
    path = PATHS["statistics"]
    assert opcount.find_excess(dataclasses.replace(path, many=path.few)) is None
    excess = opcount.find_excess(path)
    assert excess is not None
    assert "each of 500" in excess


def test_what_other_threads_do_counts() -> None:
    few, many = (
        opcount.count_instructions(functools.partial(_run_elsewhere, turns)) for turns in (1, 9)
    )
    assert many > few


def _run_elsewhere(turns: int) -> None:
    thread = threading.Thread(target=lambda: sum(number for number in range(turns)))
    thread.start()
    thread.join()
