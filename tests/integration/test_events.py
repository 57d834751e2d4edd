# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event source follows real hosts: what happens there is told at once, and over a restart of libvirtd once."""

from __future__ import annotations

import json
import sys
import time
import typing as t
from pathlib import Path

import pytest

from tools import checkout

if t.TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from .conftest import Lab

HERE = Path(__file__).parent / "events"
SOURCE = checkout.ROOT / "extensions/eda/plugins/event_source/libvirt_events.py"
HOSTS = ("k1", "k2")
PAIRS = 250
PATIENCE_SECONDS = 60
# From the death of a QEMU to the event, on a busy machine; it is a few hundredths on an idle one.
PROMPT_SECONDS = 5

Event = dict[str, t.Any]


class Follower:
    """The source at work, and what it has told."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        uris = [f"qemu+ssh://root@{name}/system?no_tty=1" for name in HOSTS]
        self.log = folder / f"{Path(sys.executable).name}.log"
        self.mark = folder / "lost"
        command = ["sh", "-c", f"echo >> {self.mark}"]
        self.process: subprocess.Popen[bytes] = lab.start(
            sys.executable, str(SOURCE), *uris, "--run", *command, cwd=folder
        )

    def read(self, host: str | None = None) -> list[Event]:
        """Return what was told so far, of one host or of all."""
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        events = [json.loads(line)["libvirt"] for line in lines]
        return [one for one in events if host is None or f"@{host}/" in one["uri"]]

    def wait(self, host: str, fits: Callable[[Event], bool], *, after: int = 0) -> Event:
        """Return the first event of a host that ``fits``, of those with a higher sequence than ``after``."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            for event in self.read(host):
                if event["sequence"] > after and fits(event):
                    return event
            time.sleep(0.05)
        pytest.fail(self.log.read_text()[-4000:])


@pytest.fixture(scope="module")
def follower(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Follower]:
    lab.playbook(HERE / "guests.yml")
    follower = Follower(lab, tmp_path_factory.mktemp("events"))
    try:
        for host in HOSTS:
            follower.wait(host, lambda one: one.get("state") == "connected")
        yield follower
    finally:
        follower.process.terminate()
        follower.process.wait(timeout=30)
        lab.playbook(HERE / "clean_up.yml")


def run(lab: Lab, host: str, command: str) -> str:
    done = lab.run("ssh", host, command)
    assert done.returncode == 0, done.stdout
    return done.stdout


def last(follower: Follower, host: str) -> int:
    return max(int(one["sequence"]) for one in follower.read(host))


def ensure_running(lab: Lab, follower: Follower, host: str) -> None:
    run(lab, host, "virsh domstate heard | grep -q running || virsh start heard")
    time.sleep(1)
    assert follower.process.poll() is None


def test_a_member_whose_qemu_is_killed_is_told_at_once(lab: Lab, follower: Follower) -> None:
    ensure_running(lab, follower, "k2")
    after = last(follower, "k2")
    began = time.monotonic()
    run(lab, "k2", "pkill -KILL -f guest=heard,")
    event = follower.wait("k2", lambda one: one.get("event") == "stopped", after=after)
    seconds = time.monotonic() - began
    assert event["detail"] in {"crashed", "failed"}
    assert event["domain"]["name"] == "heard"
    assert event["domain"]["fleet"] == "web"
    assert not event["missed"]
    assert seconds < PROMPT_SECONDS
    time.sleep(0.5)
    assert follower.mark.exists()
    assert not [one for one in follower.read("k1") if one.get("event") == "stopped"]
    run(lab, "k2", "virsh start heard")


def test_what_a_guest_and_its_disk_go_through(lab: Lab, follower: Follower) -> None:
    """Balloon, job of a disk, network: each of the kind that the documentation names."""
    ensure_running(lab, follower, "k1")
    after = last(follower, "k1")
    script = """
        set -e
        until virsh qemu-agent-command heard '{"execute":"guest-ping"}' > /dev/null 2>&1; do sleep 1; done
        virsh setmem heard 80M --live
        virsh domblkthreshold heard vda 1
        virsh snapshot-create-as heard --no-metadata --disk-only --diskspec vda,file=/var/lib/libvirt/images/heard.top
        virsh blockcommit heard vda --active --pivot --wait
        rm /var/lib/libvirt/images/heard.top
        virsh net-destroy default
        virsh net-start default
    """
    run(lab, "k1", script)
    balloon = follower.wait("k1", lambda one: one["kind"] == "balloon", after=after)
    assert 64 << 20 <= balloon["actual_bytes"] <= 96 << 20
    job = follower.wait("k1", lambda one: one["kind"] == "block_job", after=after)
    assert (job["device"], job["type"]) == ("vda", "active_commit")
    network = follower.wait("k1", lambda one: one["kind"] == "network", after=after)
    assert (network["name"], network["event"]) == ("default", "stopped")


def test_none_of_many_events_is_lost_or_doubled(
    lab: Lab, follower: Follower, record_property: Callable[[str, object], None]
) -> None:
    ensure_running(lab, follower, "k1")
    after = last(follower, "k1")
    seconds = float(run(lab, "k1", f"python3 /var/tmp/many.py {PAIRS}").split()[-1])
    record_property("events_per_second", 2 * PAIRS / seconds)
    words = ("suspended", "resumed")
    deadline = time.monotonic() + PATIENCE_SECONDS
    told: list[Event] = []
    while len(told) < 2 * PAIRS and time.monotonic() < deadline:
        time.sleep(0.2)
        told = [
            one
            for one in follower.read("k1")
            if one["sequence"] > after and one.get("event") in words
        ]
    assert [one["event"] for one in told] == list(words) * PAIRS


def test_what_happens_while_libvirtd_is_away_is_told_once(lab: Lab, follower: Follower) -> None:
    ensure_running(lab, follower, "k1")
    after = last(follower, "k1")
    run(
        lab,
        "k1",
        "systemctl stop libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket libvirtd",
    )
    follower.wait("k1", lambda one: one.get("state") == "lost", after=after)
    run(lab, "k1", "pkill -KILL -f guest=heard,")
    run(
        lab,
        "k1",
        "systemctl start libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket libvirtd",
    )
    connected = follower.wait("k1", lambda one: one.get("state") == "connected", after=after)
    assert connected["again"]
    follower.wait("k1", lambda one: one.get("event") == "stopped", after=after)
    run(lab, "k1", "virsh start heard")
    started = follower.wait(
        "k1", lambda one: one.get("event") == "started", after=connected["sequence"]
    )
    follower.wait(
        "k1",
        lambda one: (one["kind"], one.get("state")) == ("agent", "connected"),
        after=started["sequence"],
    )
    told = [
        one["event"]
        for one in follower.read("k1")
        if one["sequence"] > after
        and one.get("event") in {"started", "stopped"}
        and one["kind"] == "lifecycle"
    ]
    assert told == ["stopped", "started"]


def test_every_event_has_its_number(follower: Follower) -> None:
    for host in HOSTS:
        numbers = [one["sequence"] for one in follower.read(host)]
        assert numbers == list(range(1, len(numbers) + 1))
