# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab for a benchmark, or a test of faults: up, measured on, down whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import typing as t
from pathlib import Path

from bench import bundle
from tools.checkout import ROOT

if t.TYPE_CHECKING:
    from collections.abc import Iterator

_ARCHIVE = "/root/on_host.pyz"
# the system's Python, as for ./dev lab
_LAB = ("env", f"PYTHONPATH={ROOT / 'tests'}", "/usr/bin/python3", "-m", "lab")


class Host:
    """A lab host that is up."""

    def __init__(self, lab: str, name: str, package: str = "bench") -> None:
        self._lab = lab
        self._name = name
        self._ssh("cat", ">", _ARCHIVE, stdin=bundle.archive(package))

    @property
    def name(self) -> str:
        """What the lab calls it."""
        return self._name

    @property
    def process(self) -> int:
        """The id of a process in it, as this machine counts."""
        return self._processes()[0]

    @property
    def socket(self) -> Path:
        """The socket of its libvirtd, as this machine sees it: nothing but the kernel is in between."""
        paths = (Path(f"/proc/{pid}/root/run/libvirt/libvirt-sock") for pid in self._processes())
        return next(path for path in paths if path.exists())

    def _processes(self) -> list[int]:
        space = f"headroom.{self._lab}.{self._name}"
        pids = subprocess.run(
            ["ip", "netns", "pids", space], check=True, stdout=subprocess.PIPE, text=True
        )
        # the oldest first, as it lives as long as the host; numbers begin anew after a while
        return sorted(map(int, pids.stdout.split()), key=_started)

    def link(self, *words: str) -> None:
        """Throttle, cut or restore its link, in the words of `./dev lab link`."""
        _lab("link", "--name", self._lab, self._name, *words)

    def command(self, *words: str) -> list[str]:
        """`words` as a command that runs in the lab's network."""
        return [*_LAB, "run", "--name", self._lab, "--", *words]

    def measure(self, bench: str, *arguments: str) -> str:
        """What `on_host.<bench>` of the package prints on the host; its progress goes to standard error as it comes."""
        return self._ssh("python3", _ARCHIVE, bench, *arguments).decode()

    def _ssh(self, *words: str, stdin: bytes = b"") -> bytes:
        return _lab("ssh", "--name", self._lab, self._name, *words, stdin=stdin)


def _started(pid: int) -> float:
    try:
        return Path(f"/proc/{pid}").stat().st_ctime
    except OSError:  # over already
        return float("inf")


def uri_of(socket: Path) -> str:
    """The URI of the libvirtd behind a socket."""
    return f"qemu+unix:///system?socket={socket}"


@contextlib.contextmanager
def lab_host(release: str, package: str = "bench") -> Iterator[Host]:
    """Yield the one host of a lab that nobody else uses."""
    with lab_hosts(release, 1, package) as hosts:
        yield hosts[0]


@contextlib.contextmanager
def lab_hosts(release: str, number: int, package: str = "bench") -> Iterator[list[Host]]:
    """Yield the hosts of a lab that nobody else uses."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    lab = f"{package}-{os.getpid()}"
    try:
        up = _lab("up", "--name", lab, "--hosts", str(number), "--release", release, "--json")
        yield [Host(lab, host["name"], package) for host in json.loads(up)["hosts"]]
    finally:
        _lab("down", "--name", lab)


def _lab(*arguments: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(
        [*_LAB, *arguments],
        input=stdin,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
