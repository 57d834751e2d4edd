# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python3 ARCHIVE NAME ARGUMENTS…` on a host."""

from __future__ import annotations

import sys
import typing as t

from bench import frame
from bench.on_host import clone, fleet, stats, storage

MEASURES: dict[str, t.Callable[..., list[frame.Row]]] = {
    "clone": clone.run,
    "fleet": fleet.run,
    "stats": stats.run,
    "storage": storage.run,
}


def main() -> None:
    """Measure, and print the rows as JSON."""
    name, *arguments = sys.argv[1:]
    sys.stdout.write(frame.to_json(MEASURES[name](*arguments)))
