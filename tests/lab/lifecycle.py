# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab's beginning and end."""

from __future__ import annotations

import os
import shutil
import signal
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from . import ceph, cgroups, hosts, network, render, rootfs, state
from .guest import debian, image
from .naming import Host, Lab, namespace
from .shell import LabError, run, say

NSPAWN_RUN = Path("/run/systemd/nspawn")


def build(releases: t.Iterable[str], *, full_size: bool = False) -> tuple[dict[str, Path], Path]:
    """Root file systems by release, and the folder of the guest's image: from the cache, or made now, side by side."""
    releases = sorted(set(releases))
    with ThreadPoolExecutor() as pool:
        guest = pool.submit(image.obtain)
        larger = pool.submit(debian.obtain) if full_size else None
        roots = list(pool.map(rootfs.obtain, releases))
        if larger is not None:
            larger.result()
        return dict(zip(releases, roots, strict=True)), guest.result()


def up(lab: Lab) -> None:
    """Bring the lab up, or what is missing of it. Returns when every host is ready."""
    with state.locked(lab.name, patience_seconds=600):
        cgroups.enter(lab.name, "up")
        existing = state.load(lab.name)
        if existing is not None and existing != lab:
            shape = ",".join(host.release for host in existing.hosts)
            raise LabError(
                f"lab {lab.name} is there with other hosts ({shape}). Remove it first: ./dev lab down --name {lab.name}"
            )
        roots, guest = build(host.release for host in lab.hosts)
        state.save(lab)
        (state.directory(lab.name) / "inventory.yml").write_text(render.inventory(lab))
        network.ensure(lab, hosts.make_keys(lab))
        with ThreadPoolExecutor(max_workers=len(lab.hosts)) as pool:
            list(pool.map(lambda host: _up_host(lab, host, roots[host.release], guest), lab.hosts))
        ceph.ensure(lab)


def _up_host(lab: Lab, host: Host, root: Path, guest: Path) -> None:
    if not hosts.running(lab, host):
        say(f"starting {host.name} ({host.release})")
        network.attach(lab, host)
        hosts.start(lab, host, root, guest)
    hosts.await_ready(lab, host)


def crash(lab: Lab, dead: t.Iterable[Host]) -> None:
    """End every process of the hosts at once. What they had written is there when they boot again: the kernel lives."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda host: cgroups.remove(cgroups.path(lab.name, host.name)), dead))


def labs() -> list[str]:
    """Every lab of which anything is left, whatever happened to the rest of it."""
    return sorted({*state.known_labs(), *network.labs(), *cgroups.labs()})


def down(lab: str) -> None:
    """Remove every process, namespace, mount and file of the lab. What is there is found by name, not by notes."""
    # Before the lock: an "up" that still runs, or hangs, holds it.
    cgroups.remove(cgroups.root() / namespace(lab))
    with state.locked(lab, patience_seconds=60):
        cgroups.remove(cgroups.root() / namespace(lab))
        _kill_in_namespaces(lab)
        network.remove(lab)
        _unmount_below(state.directory(lab))
        shutil.rmtree(state.directory(lab), ignore_errors=True)
        for leftover in NSPAWN_RUN.glob(f"*/{namespace(lab)}.*"):
            shutil.rmtree(leftover, ignore_errors=True)
    if state.directory(lab).exists():
        raise LabError(f"{state.directory(lab)} could not be removed: is something mounted in it?")


def _kill_in_namespaces(lab: str, patience_seconds: float = 10) -> None:
    """Kill what "run" and "ssh" have started; not this very process, nor who called it."""
    deadline = time.monotonic() + patience_seconds
    while processes := network.processes(lab) - _own_line():
        if time.monotonic() > deadline:
            raise LabError(f"processes of lab {lab} do not die: {sorted(processes)}")
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.02)


def _own_line() -> set[int]:
    """This process and its ancestors."""
    line, process = set(), os.getpid()
    while process > 1:
        line.add(process)
        # the fields after the command's name, which may hold anything: state, parent, ...
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return line


def _unmount_below(directory: Path) -> None:
    targets = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for target in reversed(targets):
        if Path(target).is_relative_to(directory):
            run("umount", "--lazy", target)
