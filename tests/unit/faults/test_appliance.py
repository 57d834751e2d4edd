# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import random

import pytest

from faults.appliance import table
from faults.on_host import ceph
from faults.on_host.appliance import _anonymise, _choose
from faults.on_host.names import OPERATION_NAMES
from faults.on_host.shelf import OPERATIONS


def test_both_sides_know_the_same_operations() -> None:
    operations = {"default": tuple(OPERATIONS), "ceph": tuple(ceph.OPERATIONS)}
    assert operations == OPERATION_NAMES


@pytest.mark.parametrize("kills", [2, 5, 30])
def test_there_are_as_many_kills_as_were_asked_for(kills: int) -> None:
    """All steps first, if there is room for them; random moments never miss."""
    moments = _choose(9, 4.0, kills, random.Random(1))  # noqa: S311
    assert len(moments) == kills
    at_steps = [moment.events for moment in moments if moment.events is not None]
    assert len(set(at_steps)) == len(at_steps)
    assert at_steps == list(range(1, 10)) if kills == 30 else 0 < len(at_steps) < kills
    assert all(0 <= moment.seconds < 4.0 for moment in moments)
    assert moments == _choose(9, 4.0, kills, random.Random(1))  # noqa: S311


def test_two_strays_do_not_look_like_one() -> None:
    """What differs in its token only is counted."""
    names = [f"web.{number:012x}.vda.qcow2" for number in range(2)]
    assert _anonymise(["other", *names]) == {
        "other",
        "web.TOKEN.vda.qcow2",
        "web.TOKEN.vda.qcow2 (2)",
    }


def test_the_table_says_what_is_wrong() -> None:
    good = {"operation": "warm", "at": "event 3", "found": "warm: 1 begun, 0 done", "wrong": []}
    text = table([good, {**good, "wrong": ["stray in volumes: x"]}])
    assert text.splitlines()[0].endswith("as undisturbed")
    assert text.splitlines()[1].endswith("stray in volumes: x")
    assert text.splitlines()[-1] == "1 of 2 as undisturbed"
