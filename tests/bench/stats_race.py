# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection against community.libvirt's `virt`, in one process: `python -m bench.stats_race JSON`.

`virt` has no statistics of devices. What comes closest is its `info`: state, sizes, processor time and autostart of
each guest, for which no QEMU is asked. Ours reads the six usual groups, which is far more, and takes longer.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import types
import typing as t

from ansible.plugins.loader import init_plugin_loader

from bench import frame


def main(uri: str, rounds: int, number: int) -> None:
    """Write each contender's median as JSON; fail unless both find `number` guests."""
    init_plugin_loader([])
    ours = importlib.import_module(
        "bench.on_host.stats"
    )  # it needs the collection, which is found only now
    virt = importlib.import_module("ansible_collections.community.libvirt.plugins.modules.virt")

    def theirs() -> dict[str, t.Any]:
        # Of its module it needs what `uname -r` says, which is handed to it without the time of a process.
        module = types.SimpleNamespace(run_command=lambda _command: (0, os.uname().release, ""))
        return t.cast("dict[str, t.Any]", virt.Virt(uri, module).info())

    calls: dict[str, frame.Contender] = {
        ours.OURS: lambda: ours.ours_from_scratch(uri, ours.GROUPS),
        "community.libvirt": theirs,
    }
    with ours.open_connection(uri) as connection:
        found = [len(ours.ours(connection, ours.GROUPS)["domains"]), len(theirs())]
    if found != [number, number]:
        raise RuntimeError(f"the contenders find {found} guests instead of {number}")
    json.dump(frame.Race(calls).medians(rounds), sys.stdout)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
