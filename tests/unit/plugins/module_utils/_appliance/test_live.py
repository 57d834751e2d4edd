# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Captures that broke off, on libvirt's test driver."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import capture, live
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
    Journal,
    Record,
    Step,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domains,
    storage,
    storage_xml,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

OVERLAY = "headroom-capture.a.tok.vda.qcow2"
DOMAIN = """<domain type='test'><name>a</name><memory>8192</memory><os><type>hvm</type></os><devices>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/images/{top}'/>{below}
<target dev='vda'/></disk></devices></domain>"""
BELOW = f"""<backingStore type='file'><format type='qcow2'/><source file='/images/{OVERLAY}'/>
<backingStore type='file'><format type='qcow2'/><source file='/images/a.qcow2'/><backingStore/></backingStore>
</backingStore>"""
NBD = """<backingStore type='network'><format type='raw'/><source protocol='nbd' name='0123456789abcdef-vda'>
<host name='10.0.0.1' port='49216'/></source><backingStore/></backingStore>"""


@pytest.fixture
def record(node: Connection) -> Record:
    """A capture that froze the disk of `a`, whose overlay somebody has put a snapshot over."""
    pool = storage.look_up_pool(node, "default")
    below = {"a.qcow2": None, OVERLAY: "/images/a.qcow2", "nightly": f"/images/{OVERLAY}"}
    for name, backing in below.items():
        new = storage_xml.NewVolume(name, 4096, backing_path=backing, backing_format="qcow2")
        storage.create(pool, name, storage_xml.build_volume_xml(new))
    facts = {"pool": "default", "name": OVERLAY, "target": "vda", "path": f"/images/{OVERLAY}"}
    return Record("1", live.KIND, "a", {"uri": node.uri}, (Step("overlay", facts, "done"),))


def volumes(node: Connection) -> set[str]:
    return {volume.name() for volume in storage.list_volumes(storage.look_up_pool(node, "default"))}


def test_an_overlay_under_somebody_elses_snapshot_stays(node: Connection, record: Record) -> None:
    """D3: a guest that is off; its XML tells nothing of what is below the snapshot."""
    domains.define(node, DOMAIN.format(top="nightly", below=""))
    with pytest.raises(Conflict, match="the domain 'a', the volume 'default/nightly' use it"):
        live.CaptureRecovery(node).roll_back(record)
    assert OVERLAY in volumes(node)


def test_an_overlay_that_cannot_be_merged_stays(node: Connection, record: Record) -> None:
    """D3: a guest that runs; libvirt's test driver has no block jobs, as if every merge failed."""
    domains.start(domains.define(node, DOMAIN.format(top="nightly", below=BELOW)))
    with pytest.raises(HeadroomError):
        live.CaptureRecovery(node).roll_back(record)
    assert OVERLAY in volumes(node)


def test_an_overlay_that_no_chain_holds_goes(node: Connection, record: Record) -> None:
    domains.start(domains.define(node, DOMAIN.format(top="a.qcow2", below="<backingStore/>")))
    storage.delete(storage.look_up_volume(storage.look_up_pool(node, "default"), "nightly"))
    live.CaptureRecovery(node).roll_back(record)
    assert volumes(node) == {"a.qcow2"}


def test_a_guest_that_is_still_arriving_is_not_captured(node: Connection, tmp_path: Path) -> None:
    """D2: what it still reads from its old host would be zeros in the appliance."""
    domains.define(node, DOMAIN.format(top="a.qcow2", below=NBD))
    chosen = capture.Capture("a", Journal(str(tmp_path / "journal.sqlite")), "tok")
    with (
        pytest.raises(
            Conflict, match="'a' is not whole: a part of the disk vda is still on another host"
        ),
        capture.open_capture(node, chosen, look_only=True),
    ):
        pass


def stopping(node: Connection, domain: domains.Domain, **step: t.Any) -> Record:
    """A capture that was to shut the guest down."""
    facts = {"uuid": domain.UUIDString()}
    return Record("1", live.KIND, "a", {"uri": node.uri}, (Step("stop", facts, **step),))


def test_a_guest_that_was_shut_down_for_nothing_runs_again(node: Connection) -> None:
    domain = domains.define(node, DOMAIN.format(top="a.qcow2", below=""))
    record = stopping(node, domain, state="done")
    assert live.describe_recovery(record, "roll_back") == ["Start a, if it is off: it ran before."]
    for _again in range(2):
        live.CaptureRecovery(node).roll_back(record)
        assert domain.isActive()


@pytest.mark.parametrize(
    "purpose",
    [
        {"pool": "gone", "name": "web", "version": "1", "token": "0" * 12},
        {"pool": "default", "name": "web", "version": "1", "token": "0" * 12},
        {"pool": "default", "name": "web"},
        {},
        "web:1",
        None,
    ],
)
def test_one_whose_appliance_is_not_known_to_be_there_runs_again(
    node: Connection, purpose: t.Any
) -> None:
    """Nothing but a manifest that can be read, of that very run, keeps it off."""
    domain = domains.define(node, DOMAIN.format(top="a.qcow2", below=""))
    record = stopping(node, domain, state="done")
    record.intent["purpose"] = purpose
    assert live.CaptureRecovery(node).resume(record) is None
    assert domain.isActive()


def test_another_guest_of_that_name_is_not_started(node: Connection) -> None:
    domain = domains.define(node, DOMAIN.format(top="a.qcow2", below=""))
    record = stopping(node, domain, state="done")
    domain.undefineFlags()
    other = domains.define(node, DOMAIN.format(top="a.qcow2", below=""))
    assert other.UUIDString() != record.steps[0].arguments["uuid"]
    live.CaptureRecovery(node).roll_back(record)
    assert not other.isActive()


class GoingDown:
    """A clock in whose time the guest goes off."""

    def __init__(self, domain: domains.Domain) -> None:
        self.domain, self.time = domain, 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        if self.time > 5 and self.domain.isActive():
            domains.power_off(self.domain)


def test_a_guest_that_is_just_going_down_is_awaited(node: Connection) -> None:
    """The run died while it was told to: a moment later nobody would have started it."""
    domain = domains.define(node, DOMAIN.format(top="a.qcow2", below=""))
    domains.start(domain)
    clock = GoingDown(domain)
    live.CaptureRecovery(node, clock).roll_back(stopping(node, domain, state="begun"))
    assert clock.time > 5
    assert domain.isActive()


@pytest.mark.parametrize("fails", [True, False])
def test_a_guest_is_off_for_the_capture_and_stays_so_when_that_succeeds(
    node: Connection, tmp_path: Path, fails: bool
) -> None:
    journal = Journal(str(tmp_path / "journal.sqlite"), warn=pytest.fail)
    domain = domains.define(node, DOMAIN.format(top="a.qcow2", below=""))
    domains.start(domain)

    def act() -> None:
        with live.stop_domain(node, "a", journal, "none"):
            assert not domain.isActive()
            if fails:
                raise Conflict("no room")

    if fails:
        with pytest.raises(Conflict, match=r"^no room$"):
            act()
    else:
        act()
    assert bool(domain.isActive()) is fails
    assert [record.state for record in journal.list_records()] == [
        "rolled_back" if fails else "finished"
    ]


def test_the_next_run_finds_the_guest_as_it_was(node: Connection, tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / "journal.sqlite"), warn=pytest.fail)
    domain = domains.define(node, DOMAIN.format(top="a.qcow2", below=""))
    domains.start(domain)
    left = HeadroomError("killed")

    def act() -> None:
        with live.stop_domain(node, "a", journal, "none"):
            raise left

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(live.CaptureRecovery, "roll_back", lambda *_arguments: _raise(left))
        with pytest.raises(HeadroomError, match="killed"):
            act()
    assert not domain.isActive()
    live.settle(journal, node, "a", needs_agent=False)
    assert domain.isActive()
    assert journal.list_unfinished() == []


def _raise(error: Exception) -> None:
    raise error
