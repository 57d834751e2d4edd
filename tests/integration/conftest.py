# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Labs: an old and a new libvirt host, two that are alike, three to lose one of; with real guests, reached by SSH."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import lifecycle
from tools import checkout, warm

if t.TYPE_CHECKING:
    from collections.abc import Iterator

RELEASES = "trixie,bookworm"  # libvirt 11.3 and 9.0
# One of each for all processes of a run, which inherit them.
RUN = os.environ.setdefault("HEADROOM_TEST_RUN", str(os.getpid()))
FAULTS_SEED = int(os.environ.setdefault("HEADROOM_FAULTS_SEED", str(secrets.randbelow(10**6))))
TWINS = "trixie"  # guests move to and fro between hosts of the same release only
OLD_TWINS = "bookworm"
BARE = "trixie-bare"  # with everything in apt's cache, as a lab reaches no mirror

STORAGE = "trixie-storage"  # with Ceph


@dataclass(frozen=True)
class Lab:
    """A lab that is up; `facts` is what `./dev lab up --json` said of it, `collections` where ours is installed."""

    name: str
    facts: dict[str, t.Any]
    collections: Path

    def run(self, *command: str, cwd: Path = checkout.ROOT) -> subprocess.CompletedProcess[str]:
        """Run a command on the controller's side of the lab; stdout and stderr come together, never raises."""
        return _lab(
            "run", "--name", self.name, "--", *command, cwd=cwd, collections=self.collections
        )

    def start(self, *command: str, cwd: Path) -> subprocess.Popen[bytes]:
        """Start a command on the controller's side of the lab, which the caller ends; its output goes to `cwd`."""
        words = ["/usr/bin/python3", "-m", "lab", "run", "--name", self.name, "--", *command]
        environment = {**os.environ, "PYTHONPATH": str(checkout.ROOT / "tests")}
        with (cwd / f"{Path(command[0]).name}.log").open("w") as log:
            return subprocess.Popen(
                words,
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def playbook(self, *playbooks: Path, **variables: str) -> None:
        """Run playbooks on the lab's hosts; the test fails with the whole output when one does."""
        settings = [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]
        command = [
            "ansible-playbook",
            "-i",
            self.facts["inventory"],
            *settings,
            *map(str, playbooks),
        ]
        done = self.run(*command, cwd=playbooks[0].parent)
        if done.returncode != 0:
            pytest.fail(f"{' '.join(command)}\n{done.stdout}", pytrace=False)
        print(done.stdout)  # for -rP: some targets tell figures

    def cycle_power(self) -> None:
        """Take the power of all hosts at once, and boot them again."""
        names = [host["name"] for host in self.facts["hosts"]]
        releases = [host["release"] for host in self.facts["hosts"]]
        shape = ["--hosts", str(len(names)), "--release", ",".join(releases)]
        for arguments in (["crash", *names], ["up", *shape]):
            done = _lab(arguments[0], "--name", self.name, *arguments[1:])
            assert done.returncode == 0, done.stdout

    def crash(self, host: str) -> None:
        """Take the power of one host."""
        done = _lab("crash", "--name", self.name, host)
        assert done.returncode == 0, done.stdout

    def link(self, host: str, *change: str) -> None:
        """Change the network link of a host, with the options of `./dev lab link`."""
        done = _lab("link", "--name", self.name, host, *change)
        assert done.returncode == 0, done.stdout


def _lab(
    *arguments: str,
    cwd: Path = checkout.ROOT,
    capture_errors: bool = True,
    collections: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(checkout.ROOT / "tests"),
        **({} if collections is None else _name_collections(collections)),
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_ROLES_PATH": str(checkout.ROOT / "tests/integration/targets"),
    }
    return subprocess.run(
        ["/usr/bin/python3", "-m", "lab", *arguments],  # the system's Python, as for ./dev lab
        cwd=cwd,
        env=environment,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if capture_errors else None,
        text=True,
    )


def _name_collections(collections: Path) -> dict[str, str]:
    """The environment in which Ansible finds collections, and what earlier playbooks packed of them."""
    warmth = {} if _is_full() else warm.prepare_environment(collections.with_name("payloads"))
    return {"ANSIBLE_COLLECTIONS_PATH": str(collections), **warmth}


def _is_full() -> bool:
    """Whether hosts do all that a user's do, however long it takes."""
    return bool(os.environ.get("HEADROOM_FULL"))


def pytest_report_header() -> str:
    """What draws the faults that are provoked."""
    return f"faults: HEADROOM_FAULTS_SEED={FAULTS_SEED}"


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take down what processes left that were ended before they could: an interrupt gives them ten seconds."""
    if hasattr(config, "workerinput") or os.geteuid() != 0:
        return
    for name in lifecycle.labs():
        if f"-{RUN}-" in name:
            lifecycle.down(name)


@pytest.fixture(scope="session", autouse=True)
def huge_pages() -> Iterator[None]:
    """Give the machine its number of huge pages back: a playbook that is killed does not."""
    setting = Path("/proc/sys/vm/nr_hugepages")
    usual = setting.read_text()
    yield
    if setting.read_text() != usual:
        setting.write_text(usual)


@pytest.fixture(scope="session")
def full() -> None:
    """What takes its time is left to --full."""
    if not _is_full():
        pytest.skip("./dev test --full runs it")


@pytest.fixture(scope="session")
def lab(installed: Path) -> Iterator[Lab]:
    """Two hosts, an old and a new one, and the collection as users install it."""
    with _up("test", 2, RELEASES, installed) as up:
        yield up


@pytest.fixture(scope="module")
def twins(installed: Path) -> Iterator[Lab]:
    """Two hosts that are alike, for a module of tests."""
    with _up("twins", 2, TWINS, installed) as up:
        yield up


@pytest.fixture(scope="module")
def bare(installed: Path) -> Iterator[Lab]:
    """Two machines that have yet to become hosts, with one UUID in their firmware."""
    with _up("bare", 2, BARE, installed) as up:
        yield up


@pytest.fixture(scope="module")
def old_twins(installed: Path) -> Iterator[Lab]:
    """Two hosts that are alike, of the older release."""
    with _up("old-twins", 2, OLD_TWINS, installed) as up:
        yield up


@pytest.fixture(scope="module")
def three_hosts(installed: Path) -> Iterator[Lab]:
    """Three hosts of its own for a module of tests that cuts hosts off."""
    with _up("three", 3, RELEASES, installed) as up:
        yield up


@pytest.fixture(scope="module")
def triplets(installed: Path) -> Iterator[Lab]:
    """Three hosts that are alike, for a module of tests that takes their power."""
    with _up("triplets", 3, TWINS, installed) as up:
        yield up


@pytest.fixture(scope="module")
def ceph(installed: Path) -> Iterator[Lab]:
    """Two hosts that are alike, with a pool in a Ceph cluster that the second has."""
    with _up("ceph", 2, STORAGE, installed) as up:
        yield up


@contextlib.contextmanager
def _up(kind: str, hosts: int, releases: str, installed: Path) -> Iterator[Lab]:
    """Yield a lab that is up; it is taken down whatever happens, a termination included."""
    name = f"{kind}-{RUN}-{os.environ.get('PYTEST_XDIST_WORKER', 'only')}"
    try:
        full = ["--full-size"] if _is_full() else []
        shape = ["--hosts", str(hosts), "--release", releases, *full]
        up = _lab("up", "--name", name, *shape, "--json", capture_errors=False)
        if up.returncode != 0:
            pytest.fail(
                f"the lab did not come up (what it said is above or under 'Captured stderr'):\n{up.stdout}",
                pytrace=False,
            )
        lab = Lab(name, json.loads(up.stdout), installed)
        if not _is_full():
            done = lab.run(*warm.keep_bytecode(host["name"] for host in lab.facts["hosts"]))
            assert done.returncode == 0, done.stdout
        yield lab
    finally:
        down = _lab("down", "--name", name)
        if down.returncode != 0:
            pytest.fail(f"the lab {name} did not go down:\n{down.stdout}", pytrace=False)
