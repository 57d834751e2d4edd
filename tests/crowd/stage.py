# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a crowd comes: a lab, a folder in it, and commands run inside its network and on its hosts."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

from tools.checkout import ROOT

# the system's Python, as for ./dev lab
_LAB = ["env", f"PYTHONPATH={ROOT / 'tests'}", "/usr/bin/python3", "-m", "lab"]


class StageError(Exception):
    """It cannot go on, and why."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """A lab that is up; `hosts` are addresses by name."""

    lab: str
    inventory: Path
    folder: Path
    hosts: dict[str, str]

    def address(self, host: str) -> str:
        """The address of a host in the lab's network."""
        return self.hosts[host]

    def in_lab(self, *command: str) -> list[str]:
        """Return `command` as it runs inside the lab's network."""
        return [*_LAB, "run", "--name", self.lab, "--", *command]

    def ssh(self, host: str, script: str) -> str:
        """Run a shell script on a host and return what it printed; raises StageError with what it said."""
        command = [*_LAB, "ssh", "--name", self.lab, host, script]
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            raise StageError(f"{host}: {script}\n{result.stdout}\n{result.stderr}")
        return result.stdout

    def play(self, playbook: str, **variables: t.Any) -> str:
        """Run a playbook against the lab's hosts and return what it printed; raises StageError with all of it."""
        with self.begin(playbook, **variables) as running:
            try:
                output, errors = running.communicate()
            except BaseException:
                running.kill()
                raise
        if running.returncode != 0:
            raise StageError(f"{playbook} failed:\n{output}\n{errors}")
        return output

    def begin(self, playbook: str, **variables: t.Any) -> subprocess.Popen[str]:
        """Begin a playbook against the lab's hosts; what it says comes by communicate()."""
        given = json.dumps({"stage": str(self.folder), **variables})
        return subprocess.Popen(
            self.in_lab("ansible-playbook", "-i", str(self.inventory), playbook, "-e", given),
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_PIPELINING": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@contextlib.contextmanager
def set_up(lab: str, hosts: int, kind: str = "hypervisor") -> t.Iterator[Stage]:
    """Bring a lab of that kind up, yield it, and take everything down again, whatever happened."""
    try:
        yield _up(lab, hosts, kind)
    finally:
        down(lab)


def down(lab: str) -> None:
    """Take the lab down. A second Ctrl-C must not leave half of it behind, so it is a session of its own."""
    subprocess.run(
        [*_LAB, "down", "--name", lab], start_new_session=True, check=False, stdout=sys.stderr
    )


def _up(lab: str, hosts: int, kind: str) -> Stage:
    command = [*_LAB, "up", "--name", lab, "--hosts", str(hosts), "--kind", kind, "--json"]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        raise StageError("the lab did not come up; its words are above")
    shape = json.loads(result.stdout)
    inventory = Path(shape["inventory"])
    folder = inventory.parent / "stage"  # so it goes with the lab, whoever takes that down
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return Stage(lab, inventory, folder, {host["name"]: host["address"] for host in shape["hosts"]})
