# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far a streamed machine is, from what libvirt says of it."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import LibvirtFailed
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import pull
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.pull import (
    Observed,
    Progress,
    Pull,
    StallWatch,
    assess,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains, states
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import node as virt_node
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.blocks import Job
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

HALF = Job(5, 10)
DISK = """<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/images/{0}'/>
  <backingStore type='network'><format type='raw'/><source protocol='nbd' name='0123456789abcdef-{0}'>
  <host name='10.0.0.1' port='10809'/></source><backingStore/></backingStore><target dev='{0}' bus='virtio'/></disk>"""
CLONE = """<domain type='test'><name>web-1</name><memory>8192</memory><os><type>hvm</type></os>
  <devices>{}</devices></domain>"""


def test_a_clone_without_a_chain_is_local_whatever_else_is_true() -> None:
    assert assess(Observed("shutoff", "shutdown", {}, served=False)) == Progress("local")


def test_bytes_are_of_all_disks() -> None:
    progress = assess(Observed("running", "booted", {"vda": HALF, "vdb": Job(1, 100)}, served=True))
    assert progress == Progress("streaming", 6, 110)


def test_a_guest_that_its_operator_paused_is_filled_all_the_same() -> None:
    assert assess(Observed("paused", "user", {"vda": HALF})).state == "streaming"


@pytest.mark.parametrize(
    ("observed", "words"),
    [
        (Observed("paused", "ioerror", {"vda": HALF}), "Nothing was lost"),
        (Observed("running", "booted", {"vda": None, "vdb": HALF}), "the rest of vda."),
        (Observed("running", "booted", {"vda": HALF}, served=False), "does not serve"),
        (Observed("shutoff", "destroyed", {"vda": None}), "It is off"),
        (Observed("crashed", "panicked", {"vda": None}), "It is off"),
    ],
)
def test_what_keeps_it_from_becoming_local_is_said(observed: Observed, words: str) -> None:
    progress = assess(observed)
    assert progress.state == "streaming-failed"
    assert words in (progress.reason or "")


def test_what_is_off_is_looked_at_by_its_definition(node: Connection) -> None:
    domain = domains.define(node, CLONE.format(DISK.format("vda")))
    assert pull.observe(domain).state == "streaming-failed"
    domain = domains.define(node, CLONE.format("").replace("web-1", "web-2"))
    assert pull.observe(domain) == Progress("local")


def test_only_the_disks_that_are_meant_are_missing(node: Connection) -> None:
    domain = domains.define(node, CLONE.format(DISK.format("vda") + DISK.format("vdb")))
    assert Pull(domain, 0, pytest.fail).find_missing() == ["vda", "vdb"]
    assert Pull(domain, 0, pytest.fail, {"vdb"}).find_missing() == ["vdb"]


def test_what_fails_while_a_host_is_away_is_left_to_the_next_look(node: Connection) -> None:
    # the test driver knows no block jobs
    domain = domains.define(node, CLONE.format(DISK.format("vda")))
    assert Pull(domain, 0, pytest.fail).advance() == 0


@pytest.mark.parametrize(
    ("reason", "state"),
    [("VIR_DOMAIN_PAUSED_USER", "paused"), ("VIR_DOMAIN_PAUSED_IOERROR", "running")],
)
def test_only_a_guest_that_waits_for_its_disk_is_let_go(
    node: Connection, monkeypatch: pytest.MonkeyPatch, reason: str, state: str
) -> None:
    domain = domains.define(node, CLONE.format(DISK.format("vda")))
    domains.start(domain)
    domains.suspend(domain)
    paused = libvirt.VIR_DOMAIN_PAUSED, getattr(libvirt, reason)
    with monkeypatch.context() as reasons:  # the test driver forgets them
        reasons.setattr(domains, "read_state", lambda _domain: paused)
        Pull(domain, 0, pytest.fail).wake()
    assert states.state_name(domains.read_state(domain)[0]) == state


def test_only_what_stays_the_same_for_long_has_stalled() -> None:
    watch = StallWatch(60.0, since=100.0)
    assert not watch.is_stalled(0, 159.0)
    assert not watch.is_stalled(1, 165.0)
    assert not watch.is_stalled(1, 224.9)
    assert watch.is_stalled(1, 225.0)
    assert not watch.is_stalled(2, 230.0)


@pytest.mark.parametrize(
    ("driver", "version", "problem"),
    [
        ("QEMU", 7_002_022, "QEMU 7.2 on test:"),
        ("QEMU", 9_002_000, "QEMU 9.2 on test:"),
        ("QEMU", 10_000_002, None),
        ("Test", 2, None),
    ],
)
def test_which_qemu_pulls_several_disks_at_once(
    node: Connection,
    monkeypatch: pytest.MonkeyPatch,
    driver: str,
    version: int,
    problem: str | None,
) -> None:
    monkeypatch.setattr(virt_node, "read_hypervisor", lambda _connection: (driver, version))
    found = pull.find_crowd_problem(node)
    assert found is None if problem is None else found is not None and found.startswith(problem)


def test_a_host_without_any_qemu_is_not_judged_by_its_version(
    node: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_connection: Connection) -> tuple[str, int]:
        raise LibvirtFailed("internal error: Cannot find suitable emulator for x86_64")

    monkeypatch.setattr(virt_node, "read_hypervisor", fail)
    assert pull.find_crowd_problem(node) is None
