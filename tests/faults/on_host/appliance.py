# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks about appliances that are killed, at each step that they record and at random moments."""

from __future__ import annotations

import base64
import collections
import dataclasses
import json
import random
import re
import sqlite3
import sys
import time
import typing as t

from faults.on_host import ceph, inventory, module
from faults.on_host.shelf import OPERATIONS, Shelf

if t.TYPE_CHECKING:
    import subprocess

    from faults.on_host.shelf import Operation

_JOURNAL: t.Final = "file:/var/lib/headroom/journal.sqlite?mode=ro"
# What every run chooses anew: the token in the names of its volumes.
_TOKEN: t.Final = re.compile(r"\.[0-9a-f]{12}\.")
_PATIENCE_SECONDS: t.Final = 120.0


@dataclasses.dataclass(frozen=True)
class Moment:
    """When a run is killed: after so many ``events`` in the journal, or after so many ``seconds``."""

    events: int | None = None
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.seconds:6.2f} s" if self.events is None else f"event {self.events}"


def run(pool: str, name: str, kills: str, seed: str, guest: str) -> list[dict[str, t.Any]]:
    """Kill so many runs of the operation ``name``; what came of each. ``guest`` is the lab's guest, in base 64."""
    operations = ceph.OPERATIONS if pool == "ceph" else OPERATIONS
    operation = operations[name](Shelf(base64.b64decode(guest).decode()))
    chance = random.Random(int(seed))  # noqa: S311 - moments, not secrets
    operation.prepare_once()
    empty = _look()
    try:
        operation.prepare()
        began, before = time.monotonic(), _ids()
        module.run(operation.module, **operation.options)
        seconds, events, expected = time.monotonic() - began, _count(before), _look()
        problems = operation.judge()
        if problems:
            raise RuntimeError(f"undisturbed, {problems}")
        operation.remove()
        _require_nothing(empty)
        found = []
        for moment in _choose(events, seconds, int(kills), chance):
            found.append(_kill(operation, moment, expected, empty))
            print(f"{len(found)}/{kills} {name} {found[-1]}", file=sys.stderr)
        return found
    finally:
        operation.remove()
        operation.remove_once()


def _choose(events: int, seconds: float, kills: int, chance: random.Random) -> list[Moment]:
    """Each event in the journal once, and random moments beside; of these, as many as there are to be kills."""
    moments = [Moment(number + 1) for number in range(events)]
    rest = kills - len(moments)
    if rest <= 0:
        half = [Moment(seconds=chance.uniform(0, seconds)) for _unused in range(kills // 2)]
        return [*chance.sample(moments, kills - len(half)), *half]
    # One moment in each of as many equal parts of the whole duration: spread, and random within its part.
    parts = [seconds * (number + chance.random()) / rest for number in range(rest)]
    return [*moments, *(Moment(seconds=part) for part in parts)]


def _kill(
    operation: Operation,
    moment: Moment,
    expected: inventory.Inventory,
    empty: inventory.Inventory,
) -> dict[str, t.Any]:
    operation.prepare()
    before = _ids()
    process = module.start(operation.module, operation.options)
    _await(process, moment, before)
    process.kill()
    process.communicate()
    left = module.run("transaction_info")["transactions"]
    wrong: list[str] = []
    try:
        module.run(operation.module, **operation.options)
        wrong += _look().differences(expected)
        wrong += [f"unfinished: {one}" for one in module.run("transaction_info")["transactions"]]
        wrong += operation.judge()
        if module.run(operation.module, **operation.options)["changed"]:
            wrong.append("a third run changes something")
    except module.Failed as failed:
        wrong.append(str(failed))
    operation.remove()
    wrong += [f"after removal, {difference}" for difference in _look().differences(empty)]
    return {"operation": operation.name, "at": str(moment), "found": _tell(left), "wrong": wrong}


def _await(process: subprocess.Popen[str], moment: Moment, before: t.Collection[str]) -> None:
    if moment.events is None:
        time.sleep(moment.seconds)
        return
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None and _count(before) < moment.events:
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {moment} within {_PATIENCE_SECONDS:g} s")
        time.sleep(0.001)


def _read() -> list[tuple[str, str]]:
    """(id, steps) of each record."""
    try:
        opened = sqlite3.connect(_JOURNAL, uri=True)
        rows = opened.execute("SELECT id, steps FROM record").fetchall()
        opened.close()
    except sqlite3.Error:  # not there yet, or being made
        return []
    return rows


def _ids() -> set[str]:
    return {row[0] for row in _read()}


def _count(before: t.Collection[str]) -> int:
    """How much new records say: that they are there, each act that was begun, and each that is done."""
    total = 0
    for name, text in _read():
        if name not in before:
            steps = json.loads(text)
            total += 1 + len(steps) + sum(step["state"] == "done" for step in steps)
    return total


def _look() -> inventory.Inventory:
    """What is here, without what every run chooses anew."""
    found = inventory.take()
    return dataclasses.replace(
        found, volumes=_anonymise(found.volumes), files=_anonymise(found.files)
    )


def _anonymise(names: t.Iterable[str]) -> frozenset[str]:
    seen: collections.Counter[str] = collections.Counter()
    chosen = set()
    for name in names:
        plain = _TOKEN.sub(".TOKEN.", name)
        seen[plain] += 1
        chosen.add(plain if seen[plain] == 1 else f"{plain} ({seen[plain]})")
    return frozenset(chosen)


def _require_nothing(empty: inventory.Inventory) -> None:
    differences = _look().differences(empty)
    if differences:
        raise RuntimeError(f"after the undisturbed run was removed: {differences}")


def _tell(left: list[dict[str, t.Any]]) -> str:
    if not left:
        return "nothing was begun, or all was done"
    texts = []
    for one in left:
        done = sum(step["state"] == "done" for step in one["steps"])
        texts.append(f"{one['kind']}: {len(one['steps'])} begun, {done} done")
    return "; ".join(texts)
