# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two lab hosts between which guests move, and what is done to them on the way.

Modules run without Ansible's command, which takes longer than most of them: its own modules' code lies on the host.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shlex
import signal
import subprocess
import threading
import typing as t

from bench import bundle
from lab.naming import namespace
from tools.checkout import ROOT

if t.TYPE_CHECKING:
    from collections.abc import Iterator

# the system's Python, as for ./dev lab
_LAB = ("/usr/bin/python3", "-m", "lab")
_ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
_NUMBERS = itertools.count(1)
_MODULES = "/root/on_host"
# unpacked, so that Python keeps what it has compiled
_UNPACK = (
    f"rm -rf {_MODULES}; cat > {_MODULES}.pyz && python3 -m zipfile -e {_MODULES}.pyz {_MODULES}"
)


class Hosts:
    """The hosts of a lab that is up."""

    def __init__(self, lab: str, facts: dict[str, t.Any]) -> None:
        self.lab = lab
        self.names = tuple(str(host["name"]) for host in facts["hosts"])
        self.releases = [str(host["release"]) for host in facts["hosts"]]
        self._in_network = ("ip", "netns", "exec", namespace(lab))
        archive = bundle.archive("faults")
        for name in self.names:
            subprocess.run([*self._in_network, "ssh", name, _UNPACK], input=archive, check=True)

    def command(self, *words: str) -> list[str]:
        """`words` as a command that runs in the lab's network."""
        return [
            "env",
            f"PYTHONPATH={ROOT / 'tests'}",
            *_LAB,
            "run",
            "--name",
            self.lab,
            "--",
            *words,
        ]

    def ssh(self, host: str, script: str, *, check: bool = True) -> str:
        """What a shell script on `host` prints."""
        done = subprocess.run(
            [*self._in_network, "ssh", host, script],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"{host}: {script}\n{done.stdout}{done.stderr}")
        return done.stdout

    def link(self, host: str, *words: str) -> None:
        """Throttle, cut or mend a host's link, in the words of `./dev lab link`."""
        subprocess.run(
            [*_LAB, "link", "--name", self.lab, host, *words], env=_ENVIRONMENT, check=True
        )

    def crash(self, *hosts: str) -> None:
        """Take the hosts' power. boot() gives it back."""
        subprocess.run([*_LAB, "crash", "--name", self.lab, *hosts], env=_ENVIRONMENT, check=True)

    def boot(self) -> None:
        """Boot every host that has no power, and return when it is ready; its link has no limit then."""
        _describe(
            self.lab, "up", "--hosts", str(len(self.names)), "--release", ",".join(self.releases)
        )

    def module(self, host: str, module: str, /, **options: t.Any) -> subprocess.Popen[str]:
        """A module of ours, begun on `host`; result() waits for it."""
        words = ["exec", "python3", _MODULES, "module", module, json.dumps(options)]
        return subprocess.Popen(
            [*self._in_network, "ssh", host, f"{shlex.join(words)} 2>&1"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def result(running: subprocess.Popen[str]) -> dict[str, t.Any]:
    """What a module returned; `{"failed": True, "msg": …}` for one that did not live to say anything."""
    text, _errors = running.communicate()
    try:
        found = json.loads(text.splitlines()[-1])
    except (IndexError, ValueError):
        return {"failed": True, "msg": text}
    return {**found, "failed": running.returncode != 0}


def _describe(lab: str, command: str, *words: str) -> dict[str, t.Any]:
    """The lab as a command that describes it does."""
    done = subprocess.run(
        [*_LAB, command, "--name", lab, *words, "--json"],
        env=_ENVIRONMENT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return dict(json.loads(done.stdout))


def end_when_told() -> None:
    """Have SIGTERM end this program as Ctrl-C does, with all labs taken down. Only its main thread can say so."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextlib.contextmanager
def lab(release: str, number: int = 2, name: str | None = None) -> Iterator[Hosts]:
    """Yield the hosts of a lab of our own; of one that is up already if that is named."""
    end_when_told()
    own = name or f"moving-{os.getpid()}-{next(_NUMBERS)}"
    try:
        up = ["up", "--hosts", str(number), "--release", release]
        yield Hosts(own, _describe(own, *(up if name is None else ["status"])))
    finally:
        if name is None:
            subprocess.run([*_LAB, "down", "--name", own], env=_ENVIRONMENT, check=False)
