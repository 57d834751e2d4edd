# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No monitor of Ceph answers for a minute, from before an operation begins or from its midst.

The task goes on or says what is wrong. Once the monitor is back, the same task does what is left to do, a third one
changes nothing, the guest that runs has run all the time, and what is removed in the end leaves nothing in Ceph.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import time
import typing as t

from moving.hosts import Hosts, lab, result

HELP = (
    "no monitor of Ceph answers for a minute, before and in the midst of each operation in its pool"
)

_APPLIANCE: t.Final = {"name": "out", "version": "1", "pool": "ceph"}
_IMAGE: t.Final = {"source": {"file": "/var/lib/headroom-lab/guest.qcow2"}, "min_ram": "64MiB"}
_CLONES: t.Final = [f"outage-{number}" for number in range(1, 11)]
_GUEST: t.Final = "running-1"
_TAKEN: t.Final = {"domain": _GUEST, "when_running": "live", "quiesce": "always"}
# The remedies that an operator is told.
_CLEAR: t.Final = re.compile("ceph -s|pool-start")
_PATIENCE_SECONDS: t.Final = 240
# It is stopped more often than systemd takes for well.
_BACK: t.Final = (
    "systemctl reset-failed ceph-mon@{0}; systemctl start ceph-mon@{0} && "
    "until ceph --connect-timeout 5 pg stat; do sleep 1; done"
)
_POOL_ON: t.Final = "virsh pool-info ceph | grep -q 'State:.*running' || virsh -q pool-start ceph"

Task = tuple[str, dict[str, t.Any]]


@dataclasses.dataclass(frozen=True)
class Operation:
    """A task, what has to be there `before` it, and what takes away what it leaves."""

    task: Task
    before: tuple[Task, ...] = ()
    after: tuple[Task, ...] = ()


_REGISTER: t.Final[Task] = ("appliance", {**_APPLIANCE, **_IMAGE})
_UNREGISTER: t.Final[Task] = ("appliance", {**_APPLIANCE, "state": "absent"})
_CLONE: t.Final[Task] = (
    "appliance_clone",
    {"appliance": "out", "names": _CLONES, "pool": "ceph", "state": "shutdown"},
)
_REMOVE: t.Final[Task] = ("domain", {"name": _CLONES, "state": "absent"})
_CAPTURED: t.Final = {"name": "out", "version": "2", "pool": "ceph"}
OPERATIONS: t.Final[t.Mapping[str, Operation]] = {
    "register": Operation(_REGISTER, after=(_UNREGISTER,)),
    "capture": Operation(
        ("appliance", {**_CAPTURED, "source": _TAKEN, "seal": "none"}),
        after=(("appliance", {**_CAPTURED, "state": "absent"}),),
    ),
    "clone": Operation(_CLONE, (_REGISTER,), (_REMOVE, _UNREGISTER)),
    "remove guests": Operation(_REMOVE, (_REGISTER, _CLONE), (_UNREGISTER,)),
    "remove appliance": Operation(_UNREGISTER, (_REGISTER,)),
    "migrate": Operation(("domain_migrate", {"name": _GUEST})),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the test's own options."""
    parser.add_argument(
        "--operation", choices=OPERATIONS, action="append", help="only this one (default: all)"
    )
    parser.add_argument(
        "--seconds", type=int, default=60, help="that it lasts (default: %(default)s)"
    )


def run(options: argparse.Namespace) -> int:
    """Have the monitor go; 0 when every operation came through."""
    wrong = 0
    with lab("trixie-storage") as hosts:
        site = Site(hosts, options.seconds)
        site.start_guest()
        for name in options.operation or OPERATIONS:
            for moment in ("before", "midst"):
                began = time.monotonic()
                said, problems = site.judge(OPERATIONS[name], moment)
                wrong += bool(problems)
                word = "; ".join(problems) or "holds"
                print(f"{name}, {moment} ({time.monotonic() - began:.0f} s): {word}", flush=True)
                print(f"    {said}", flush=True)
    return int(wrong > 0)


class Site:
    """Two hosts that have the pool, the second one with the cluster; a guest of the pool runs."""

    def __init__(self, hosts: Hosts, seconds: int) -> None:
        self._hosts = hosts
        self._here, self._cluster = hosts.names
        self._seconds = seconds

    def start_guest(self) -> None:
        """Have a clone run, of an appliance that stays."""
        self._run("appliance", {**_APPLIANCE, "name": "base", **_IMAGE})
        self._run(
            "appliance_clone",
            {
                "appliance": "base",
                "prefix": "running",
                "count": 1,
                "pool": "ceph",
                "wait_for": "agent",
                "timeout": 180,
            },
        )

    def judge(self, operation: Operation, moment: str) -> tuple[str, list[str]]:
        """Carry it out while the monitor is away; return what it said, and what is wrong."""
        for module, options in operation.before:
            self._run(module, options)
        module, options = operation.task
        first, seconds = self._run_in_outage(module, options, moment)
        said = str(first.get("msg", "it went on"))
        problems = [] if not first["failed"] or _CLEAR.search(said) else ["it does not say why"]
        if seconds > self._seconds + _PATIENCE_SECONDS:
            problems.append(f"it took {seconds:.0f} s")
        second, third = (self._try(module, options) for _turn in range(2))
        if second["failed"]:
            problems.append(f"the second run: {second['msg']}")
        elif bool(second["changed"]) is bool(first.get("changed")):
            problems.append(
                f"the second run: changed {second['changed']}, after {first.get('changed')}"
            )
        if third["failed"] or third["changed"]:
            problems.append(f"the third run: {third.get('msg', 'changed')}")
        for name, settings in operation.after:
            self._run(name, settings)
        return said, [*problems, *self._list_leftovers(), *self._judge_guest()]

    def _run_in_outage(
        self, module: str, options: dict[str, t.Any], moment: str
    ) -> tuple[dict[str, t.Any], float]:
        if moment == "before":
            self._stop_monitor()
        began = time.monotonic()
        running = self._hosts.module(self._here, module, **self._address(module, options))
        if moment == "midst":
            time.sleep(0.8)  # Python has started, and the first of its work is done
            self._stop_monitor()
        time.sleep(self._seconds)
        self._hosts.ssh(self._cluster, _BACK.format(self._cluster))
        said = result(running)
        for host in self._hosts.names:
            self._hosts.ssh(host, _POOL_ON)
        return said, time.monotonic() - began

    def _stop_monitor(self) -> None:
        self._hosts.ssh(self._cluster, f"systemctl stop ceph-mon@{self._cluster}")

    def _address(self, module: str, options: dict[str, t.Any]) -> dict[str, t.Any]:
        target = f"qemu+ssh://root@{self._cluster}/system"
        return {**options, **({"destination_uri": target} if module == "domain_migrate" else {})}

    def _try(self, module: str, options: dict[str, t.Any]) -> dict[str, t.Any]:
        return result(self._hosts.module(self._here, module, **self._address(module, options)))

    def _run(self, module: str, options: dict[str, t.Any]) -> None:
        said = self._try(module, options)
        if said["failed"]:
            raise RuntimeError(f"{module}: {said['msg']}")

    def _list_leftovers(self) -> list[str]:
        """What Ceph and the hosts have beside the appliance and the guest that stay."""
        images = self._hosts.ssh(self._cluster, "rbd ls libvirt").split()
        found = [image for image in images if re.search("outage-|[.]out=", image)]
        stays = f"libvirt/{_GUEST}.vda.raw"
        found += self._hosts.ssh(self._cluster, f"rbd snap ls --all {stays}").splitlines()[1:]
        for host in self._hosts.names:
            found += self._hosts.ssh(host, "pgrep -a 'qemu-(nbd|img)' || true").splitlines()
        return [f"left: {one}" for one in found]

    def _judge_guest(self) -> list[str]:
        """Whether the guest runs on one host and may write, and comes back to where it was."""
        states = {
            host: self._hosts.ssh(host, f"virsh domstate {_GUEST} 2>/dev/null || true").strip()
            for host in self._hosts.names
        }
        running = [host for host, state in states.items() if state == "running"]
        if len(running) != 1 or any(state not in ("", "running") for state in states.values()):
            return [f"the guest: {states}"]
        (host,) = running
        asked = f'virsh qemu-agent-command {_GUEST} \'{{"execute":"guest-fsfreeze-status"}}\''
        if "thawed" not in self._hosts.ssh(host, asked, check=False):
            return ["the guest is frozen, or does not answer"]
        return [] if host == self._here else self._bring_back(host)

    def _bring_back(self, host: str) -> list[str]:
        home = f"qemu+ssh://root@{self._here}/system"
        said = result(self._hosts.module(host, "domain_migrate", name=_GUEST, destination_uri=home))
        return [f"it does not come back: {said['msg']}"] if said["failed"] else []
