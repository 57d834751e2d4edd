# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory of three hosts when a guest hangs, and when one of the hosts is cut off."""

from __future__ import annotations

import json
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from .conftest import Lab

HOSTS = ("k1", "k2", "k3")
LOST = "k3"
GUESTS = ("a", "b", "c")  # on each host
TIMEOUT_SECONDS = 10
# What a look takes beyond what it waits for varies with what else the machine does. Who waits without end takes longer.
SLACK_SECONDS = 30

START = """
for name in %s; do virsh create --paused /dev/stdin <<XML
<domain type='qemu'><name>$(hostname)-$name</name><memory unit='MiB'>16</memory>
<os><type arch='x86_64'>hvm</type></os>
<devices><interface type='network'><source network='default'/></interface></devices></domain>
XML
done
"""


@dataclass(frozen=True)
class Listing:
    """What came of `ansible-inventory --list`."""

    done: subprocess.CompletedProcess[str]
    seconds: float

    @property
    def said(self) -> dict[str, t.Any]:
        """The inventory; warnings come before it."""
        return dict(json.loads(self.done.stdout[self.done.stdout.index("\n{") :]))

    @property
    def guests(self) -> dict[str, dict[str, t.Any]]:
        """The variables by name."""
        return dict(self.said["_meta"]["hostvars"])


@dataclass(frozen=True)
class Inventory:
    """The inventory of all three hosts."""

    lab: Lab
    folder: Path

    def read(self, **options: t.Any) -> Listing:
        """List it with these options."""
        path = self.folder / "three.headroom.yml"
        uris = [{"name": name, "uri": f"qemu+ssh://root@{name}/system?no_tty=1"} for name in HOSTS]
        content = {
            "plugin": "headroom.libvirt.domains",
            "uris": uris,
            "timeout": TIMEOUT_SECONDS,
            "names": ["k.-[abc]"],
            **options,
        }
        path.write_text(json.dumps(content))
        strict = "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=true"
        started = time.monotonic()
        done = self.lab.run(
            "env", strict, "sh", "-c", f"echo; ansible-inventory -i {path} --list --export"
        )
        return Listing(done, time.monotonic() - started)

    def quickest(self, **options: t.Any) -> Listing:
        """The quickest of three: other things slow a look down, but nothing makes it quicker than it is."""
        return min(
            (self.read(**options) for _turn in range(3)), key=lambda listing: listing.seconds
        )


@pytest.fixture(scope="module")
def inventory(three_hosts: Lab, tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    """The inventory of hosts with three paused guests each."""
    for host in HOSTS:
        started = three_hosts.run("ssh", host, START % " ".join(GUESTS))
        assert started.returncode == 0, started.stdout
    return Inventory(three_hosts, tmp_path_factory.mktemp("inventory"))


@pytest.fixture
def cut(three_hosts: Lab) -> Iterator[None]:
    three_hosts.link(LOST, "--down")
    yield
    three_hosts.link(LOST, "--up")


def names(*hosts: str) -> set[str]:
    return {f"{host}-{guest}" for host in hosts for guest in GUESTS}


@pytest.mark.parametrize("statistics", [False, True])
def test_a_guest_that_hangs_holds_nobody_up(inventory: Inventory, statistics: bool) -> None:
    normal = inventory.quickest(statistics=statistics)
    stop = "kill -%s $(cat /run/libvirt/qemu/k1-b.pid)"
    inventory.lab.run("ssh", "k1", stop % "STOP")
    try:
        hung = inventory.quickest(statistics=statistics)
    finally:
        inventory.lab.run("ssh", "k1", stop % "CONT")
    assert set(normal.guests) == set(hung.guests) == names(*HOSTS)
    assert hung.seconds < normal.seconds + 2
    if statistics:
        told = {
            name
            for name, variables in hung.guests.items()
            if "cpu.time" in variables["libvirt_statistics"]
        }
        assert told >= names(*HOSTS) - {"k1-b"}


@pytest.mark.usefixtures("cut")
def test_a_host_that_is_cut_off_is_left_out_with_a_warning(inventory: Inventory) -> None:
    listing = inventory.read(unreachable="warn")
    assert set(listing.guests) == names("k1", "k2")
    assert f"Left out of the inventory: {LOST}" in listing.done.stdout
    assert listing.seconds < TIMEOUT_SECONDS + SLACK_SECONDS


@pytest.mark.usefixtures("cut")
def test_a_host_that_is_cut_off_can_be_an_error(inventory: Inventory) -> None:
    listing = inventory.read(unreachable="error")
    assert listing.done.returncode != 0
    assert "1 host(s) could not be read: k3" in " ".join(listing.done.stdout.split())
    assert listing.seconds < TIMEOUT_SECONDS + SLACK_SECONDS


def test_a_host_that_is_cut_off_is_listed_as_it_was(
    inventory: Inventory, tmp_path: Path, request: t.Any
) -> None:
    options = {"unreachable": "cached", "last_known": str(tmp_path / "known")}
    before = inventory.read(**options)
    assert set(before.guests) == names(*HOSTS)
    assert "stale" not in before.said
    request.getfixturevalue("cut")
    listing = inventory.read(**options)
    assert set(listing.guests) == names(*HOSTS)
    assert set(listing.said["stale"]["hosts"]) == names(LOST)
    assert listing.guests["k3-a"]["libvirt_stale_seconds"] >= 0
    assert listing.guests["k3-a"]["libvirt_uuid"] == before.guests["k3-a"]["libvirt_uuid"]
    assert "libvirt_stale_seconds" not in listing.guests["k1-a"]
    assert f"Listed as it was last known: {LOST}" in listing.done.stdout
    assert listing.seconds < TIMEOUT_SECONDS + SLACK_SECONDS


def test_the_inventory_is_whole_again_afterwards(inventory: Inventory) -> None:
    assert set(inventory.read(unreachable="error").guests) == names(*HOSTS)
