# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verdict of every cell, whatever was done in it: the guest survives a power cut, and nothing is left or lost."""

from __future__ import annotations

import contextlib
import time
import typing as t

from faults.matrix import IMAGES
from faults.scene import NAME

if t.TYPE_CHECKING:
    from faults.scene import Scene

_SETTLE_SECONDS = 30.0
_BOOT_SECONDS = 120.0  # emulated, and on a machine that runs other suites too


def judge(
    scene: Scene,
    *,
    expected: t.Collection[str] = (),
    acked: int | None = None,
    autostart: bool = True,
    kept: t.Collection[str] = (),
) -> list[str]:
    """Everything that is wrong, in sentences; the guest is power-cycled on the way.

    It must be on one of the hosts ``expected``, if they are given, and have what it had acknowledged: ``acked``
    entries, by default those that its clients were told of. With ``autostart`` it starts where it is, and nowhere else.
    ``kept`` are files of which the task told that they stay.
    """
    views = _look_when_settled(scene)
    told = scene.service.acked if acked is None else acked
    problems = list_remains(views, kept)
    homes = [host for host, view in views.items() if NAME in view["domains"]]
    running = [host for host in homes if _state(views[host]).startswith("running")]
    if len(running) > 1:
        problems.append(f"the guest runs on {' and '.join(running)} at once")
    if len(homes) > 1:
        problems.append(f"the guest is defined on {' and '.join(homes)}")
    if not homes:
        return [*problems, "no host has the guest"]
    home = (running or homes)[0]
    if expected and home not in expected:
        problems.append(f"the guest is on {home}, not on {' or '.join(expected)}")
    problems += _broken(home, views[home])
    for host in homes:
        state = _state(views[host])
        if state.startswith("paused"):
            problems.append(f"{host}: the guest is left {state}")
        starts = views[host]["domains"][NAME]["autostart"]
        if starts != (autostart and host == home):
            problems.append(f"{host}: autostart is {'on' if starts else 'off'}")
    # what still lies on another host cannot be read at rest, and is told above
    at_rest = not views[home]["domains"][NAME]["network"]
    return problems + _power_cycle(scene, home, told, at_rest=at_rest)


def _look_when_settled(scene: Scene) -> dict[str, dict[str, t.Any]]:
    """Look at the hosts once what goes on without its module has ended."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        views = scene.look()
        states = [_state(view) for view in views.values() if NAME in view["domains"]]
        moving = any(state.startswith("paused (migrat") for state in states)
        if not moving or time.monotonic() > deadline:
            return views
        time.sleep(1)


def _state(view: dict[str, t.Any]) -> str:
    return str(view["domains"][NAME]["state"])


def _broken(host: str, view: dict[str, t.Any]) -> list[str]:
    problems = []
    for name, domain in view["domains"].items():
        if domain["missing"]:
            problems.append(f"{host}: {name} stands on {', '.join(domain['missing'])}, not there")
        if domain["network"] and not name.startswith("headroom-"):
            problems.append(f"{host}: {name} still reads {', '.join(domain['network'])}")
        if not domain["persistent"] and name == NAME:
            problems.append(f"{host}: the guest is defined no more")
    return problems


def list_remains(views: dict[str, dict[str, t.Any]], kept: t.Collection[str] = ()) -> list[str]:
    """What operations have left on the hosts that look.py describes, but for the files that were told of."""
    problems = []
    for host, view in views.items():
        helpers = [name for name in view["domains"] if name.startswith("headroom-")]
        used = {layer for domain in view["domains"].values() for layer in domain["layers"]}
        strays = [
            name
            for name in view["files"]
            if f"{IMAGES}/{name}" not in {*used, *kept}
            and name.startswith(("headroom-", NAME))
            and not name.startswith("headroom-appliance")
        ]
        for what, things in (
            ("the helper", helpers),
            ("the port", view["ports"]),
            ("the file", strays),
            ("unfinished:", view["unfinished"]),
        ):
            problems += [f"{host}: {what} {thing} is left" for thing in things]
    return problems


def _power_cycle(scene: Scene, home: str, told: int, *, at_rest: bool) -> list[str]:
    """Take the guest's power and give it back, as a host that reboots does; then look at every block."""
    said = scene.ssh(home, f"virsh -q destroy {NAME} > /dev/null 2>&1; virsh -q start {NAME}")
    if "error" in said:
        return [f"{home}: the guest does not start after a power cut: {said}"]
    problems = []
    scene.service.forget()
    try:
        scene.service.await_growth(_BOOT_SECONDS)
    except TimeoutError as error:
        problems.append(f"{home}: after a power cut {error}")
    ledger: dict[str, t.Any] = {} if at_rest else {"lost": 0, "changed": 0}
    with contextlib.suppress(RuntimeError, StopIteration, ValueError):
        if at_rest:
            ledger = scene.guest.check(home, max(told, scene.service.acked))
    if ledger.get("lost") != 0 or ledger.get("changed") != 0:
        problems.append(
            f"{home}: {ledger.get('lost', '?')} acknowledged writes lost, {ledger.get('changed', '?')} of "
            f"{ledger.get('blocks', '?')} blocks changed"
        )
    if scene.service.troubles():
        problems.append(f"the guest saw {scene.service.troubles()} errors of its disk")
    return problems


def judge_move(scene: Scene, host: str) -> list[str]:
    """What is wrong when a task says that it has moved the guest to a host, or that it is there."""
    views = scene.look()
    others = [name for name, view in views.items() if NAME in view["domains"] and name != host]
    guest = views[host]["domains"].get(NAME)
    if guest is None or others:
        return [
            f"the task said that the guest is on {host}: it is on {', '.join(others) or 'no host'}"
        ]
    remote = ", ".join(guest["network"])
    return [f"the task said that all is on {host}: the guest reads {remote}"] if remote else []


def judge_gone(scene: Scene, *, owned: bool = False) -> list[str]:
    """What is wrong when the guest was removed: all of it must be gone on every host; its disks too, if ``owned``."""
    views = scene.look()
    if not owned:
        for view in views.values():
            view["files"] = [name for name in view["files"] if "headroom" in name]
    problems = list_remains(views)
    return problems + [
        f"{host}: the guest is still there"
        for host, view in views.items()
        if NAME in view["domains"]
    ]


def judge_appliance(
    scene: Scene, appliance: dict[str, t.Any], acked: int, host: str | None = None
) -> list[str]:
    """What is wrong with the ledger in an appliance that the guest was captured into, when it had ``acked`` entries."""
    target = scene.guest.ledger_target
    path = next(disk["path"] for disk in appliance["disks"] if disk["target"] == target)
    return judge_disk(scene, host or scene.source, path, acked)


def judge_disk(scene: Scene, host: str, path: str, acked: int) -> list[str]:
    """What is wrong with a disk that was made of the guest's ledger, when that had ``acked`` entries."""
    said = scene.ssh(host, scene.guest.check_script(path, acked))
    whole = '"changed": 0, "lost": 0' in said
    return [] if whole else [f"{host}: {path} is not what the guest had: {said}"]
