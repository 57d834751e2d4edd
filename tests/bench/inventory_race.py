# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inventory plugins take turns in one process: `python -m bench.inventory_race`, in the environment of the peer."""

from __future__ import annotations

import contextlib
import functools
import json
import sys
import typing as t

import libvirt

from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader, inventory_loader

from bench import frame


def parse(files: list[tuple[str, str]]) -> InventoryData:
    """The inventory that (plugin, file) after (plugin, file) make."""
    inventory = InventoryData()
    for plugin, path in files:
        # what the plugins print of no guest agent being there is not for the rows' stream
        with contextlib.redirect_stdout(sys.stderr):
            inventory_loader.get(plugin).parse(inventory, DataLoader(), path, cache=False)
    return inventory


def main(contenders: dict[str, list[tuple[str, str]]], rounds: int, number: int) -> None:
    """Write each contender's median as JSON; fail unless all of them find `number` guests."""
    init_plugin_loader([])
    # What libvirt prints by itself of each guest that is off and was asked nevertheless would bury the table.
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    for name, files in contenders.items():
        found = len(parse(files).hosts)
        if found != number:
            raise RuntimeError(f"{name} finds {found} guests instead of {number}")
    calls: dict[str, frame.Contender] = {
        name: functools.partial(parse, files) for name, files in contenders.items()
    }
    json.dump(frame.Race(calls).medians(rounds), sys.stdout)


if __name__ == "__main__":
    given: dict[str, t.Any] = json.loads(sys.argv[1])
    main(**given)
