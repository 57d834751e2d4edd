# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A thin slice of each group of `./dev faults`: one cell, drawn by a seed that the head of the run shows.

HEADROOM_FAULTS_SEED draws the same ones again. All cells: ./dev faults others, second, finish, power, full, clocks. Of
`./dev faults appliance` it is two kills, one at a step and one at a random moment, of one of its operations.
"""

from __future__ import annotations

import contextlib
import io
import random

import pytest

from faults.__main__ import INTERRUPTED, main
from faults.cells import NOTHING_PROVEN
from faults.on_host.names import OPERATION_NAMES

from .conftest import FAULTS_SEED, Lab

GROUPS = ("others", "second", "finish", "power", "full", "clocks")


@pytest.mark.parametrize("group", GROUPS)
def test_a_cell_of_the_group(triplets: Lab, group: str) -> None:
    provoke(triplets, group, "--slice", "1")


def test_a_task_about_an_appliance_is_killed_twice(triplets: Lab) -> None:
    name = random.Random(FAULTS_SEED).choice(OPERATION_NAMES["default"])  # noqa: S311
    provoke(triplets, "appliance", "--operation", name, "--kills", "2")


def provoke(lab: Lab, *words: str) -> None:
    """Run `./dev faults` with these words; an interrupt of it is one of the whole run."""
    words = (*words, "--seed", str(FAULTS_SEED))
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = main([*words, "--lab", lab.name])
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code == NOTHING_PROVEN:
        pytest.skip(f"no cell of it is proven yet: ./dev faults {words[0]} runs all of them")
    if code != 0:
        pytest.fail(f"./dev faults {' '.join(words)}\n{output.getvalue()}", pytrace=False)
