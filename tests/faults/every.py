# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cells of all groups one after the other, on hosts that boot once for all of them."""

from __future__ import annotations

import itertools
import typing as t

from faults import cells, clocks, finish, full, others, power, second

if t.TYPE_CHECKING:
    import argparse

    from faults.cells import Cell

HELP = "the cells of second, finish, full, clocks, power and others, with the same hosts"
add_options = cells.add_options


def run(options: argparse.Namespace) -> int:
    """Run the cells that the options choose."""
    return cells.run_cells(options, list_cells(), "all")


def list_cells() -> list[Cell]:
    """Those of every group."""
    groups = (second, finish, full, clocks, power, others)
    return list(itertools.chain.from_iterable(group.list_cells() for group in groups))
