# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clones that are killed while they are made."""

from __future__ import annotations

import random
import sys
import tempfile
import time
import typing as t

from faults.on_host import inventory, module

NAMES = [f"killed-{number}" for number in range(1, 6)]
_OPTIONS: dict[str, t.Any] = {
    "appliance": "killed",
    "names": NAMES,
    "state": "running",
    "seed": True,
}
_DISK_BYTES = 64 << 20
_MODES = {"default": ("linked", "full"), "ceph": ("linked",)}


def run(kills: str, seed: str, pool: str) -> list[dict[str, t.Any]]:
    """Kill so many runs whose clones lie in that pool; what came of each."""
    modes = _MODES[pool]
    _OPTIONS["pool"] = pool
    _OPTIONS["addresses"] = dict(zip(NAMES, inventory.free_addresses(len(NAMES)), strict=True))
    chance = random.Random(int(seed))  # noqa: S311 - moments, not secrets
    _make_appliance(pool)
    empty = inventory.take()
    undisturbed = {mode: _undisturbed(mode, empty) for mode in modes}
    found = []
    for number in range(int(kills)):
        mode = modes[number % len(modes)]
        seconds, expected = undisturbed[mode]
        # One moment in each of as many equal parts of the whole duration: spread, and random within its part.
        at_seconds = seconds * (number + chance.random()) / int(kills)
        found.append(
            {
                **_kill(mode, at_seconds, expected, empty),
                "mode": mode,
                "at_seconds": round(at_seconds, 3),
            }
        )
        print(f"{number + 1}/{kills} {found[-1]}", file=sys.stderr)
    return found


def _make_appliance(pool: str) -> None:
    """An appliance whose clones have something to copy, and start, but nothing to boot: this is not about guests."""
    with tempfile.NamedTemporaryFile() as image:
        image.write(random.Random(0).randbytes(_DISK_BYTES))  # noqa: S311 - content, not a secret
        image.flush()
        source = {"file": image.name, "format": "raw"}
        module.run(
            "appliance", name="killed", version="1", source=source, memory="32MiB", pool=pool
        )


def _undisturbed(mode: str, empty: inventory.Inventory) -> tuple[float, inventory.Inventory]:
    """How long a run takes that nobody kills, and what is there after it."""
    began = time.monotonic()
    module.run("appliance_clone", mode=mode, **_OPTIONS)
    seconds, there = time.monotonic() - began, inventory.take()
    _remove(empty)
    return seconds, there


def _kill(
    mode: str, at_seconds: float, expected: inventory.Inventory, empty: inventory.Inventory
) -> dict[str, t.Any]:
    process = module.start("appliance_clone", {"mode": mode, **_OPTIONS})
    time.sleep(at_seconds)
    process.kill()
    process.communicate()
    left = module.run("transaction_info")["transactions"]
    wrong: list[str] = []
    try:
        again = module.run("appliance_clone", mode=mode, **_OPTIONS)
        if [clone["name"] for clone in again["clones"]] != NAMES:
            wrong.append(f"clones: {again['clones']}")
        wrong += inventory.take().differences(expected)
        wrong += [f"unfinished: {one}" for one in module.run("transaction_info")["transactions"]]
        wrong += _remove(empty)
    except module.Failed as failed:
        wrong.append(str(failed))
        _remove(empty)
    return {"found": _told(left), "wrong": wrong}


def _told(left: list[dict[str, t.Any]]) -> str:
    if not left:
        return "nothing was begun, or all was done"
    steps = [step for one in left for step in one["steps"]]
    done = sum(step["state"] == "done" for step in steps)
    return f"{len(steps)} steps begun, {done} of them done"


def _remove(empty: inventory.Inventory) -> list[str]:
    """Remove the clones; what is there then that should not be."""
    module.run("domain", name=NAMES, state="absent", timeout=0.1, force=True)
    return [f"after removal, {difference}" for difference in inventory.take().differences(empty)]
