# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab of one host for a benchmark: up, measured on, down whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import typing as t

from bench import bundle
from tools.checkout import ROOT

if t.TYPE_CHECKING:
    from collections.abc import Iterator

_ARCHIVE = "/root/bench.pyz"


class Host:
    """A lab host that is up."""

    def __init__(self, lab: str, name: str) -> None:
        self._lab = lab
        self._name = name
        self._ssh("cat", ">", _ARCHIVE, stdin=bundle.archive())

    def measure(self, bench: str, *arguments: str) -> str:
        """What `bench.on_host.<bench>` prints on the host; its progress goes to standard error as it comes."""
        return self._ssh("python3", _ARCHIVE, bench, *arguments).decode()

    def _ssh(self, *words: str, stdin: bytes = b"") -> bytes:
        return _lab("ssh", "--name", self._lab, self._name, *words, stdin=stdin)


@contextlib.contextmanager
def lab_host(release: str) -> Iterator[Host]:
    """Yield the one host of a lab that nobody else uses."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    lab = f"bench-{os.getpid()}"
    try:
        up = _lab("up", "--name", lab, "--hosts", "1", "--release", release, "--json")
        yield Host(lab, json.loads(up)["hosts"][0]["name"])
    finally:
        _lab("down", "--name", lab)


def _lab(*arguments: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(
        ["/usr/bin/python3", "-m", "lab", *arguments],  # the system's Python, as for ./dev lab
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        input=stdin,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
