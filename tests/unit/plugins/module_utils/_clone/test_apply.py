# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clones on libvirt's test driver: made all or none, and found again."""

from __future__ import annotations

import dataclasses
import itertools
import secrets
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import ApplianceId
from ansible_collections.headroom.libvirt.plugins.module_utils._clone import (
    apply,
    neighbours,
    survey,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.model import Overrides
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.plan import CloneRequest
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.defined import (
    DefinedDomain,
    look_up,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    LibvirtFailed,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domains,
    storage,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )

THREE = CloneRequest("web", count=3, prefix="web", pool="fast", fleet="web", autostart=True)


class Ticks:
    """A clock that goes on by a second whenever it is read."""

    def __init__(self) -> None:
        self._ticks = itertools.count()

    def now(self) -> float:
        return float(next(self._ticks))

    def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


def make(
    shelf: Catalogue, journal: Journal, request: CloneRequest
) -> tuple[survey.ClonePlan, list[apply.Row]]:
    """Make the clones, with MAC addresses that count from 52:54:00:00:00:01 in each run."""
    plan = survey.make_plan(shelf, request)
    numbers = itertools.count(1)

    def random_bytes(count: int) -> bytes:
        return secrets.token_bytes(count) if count > 3 else next(numbers).to_bytes(count, "big")

    return plan, apply.Maker(shelf.connection, plan, "now", Ticks(), random_bytes, journal).make()


def everything(shelf: Catalogue) -> set[str]:
    pools = (storage.look_up_pool(shelf.connection, name) for name in ("default", "fast"))
    return {volume.path() for pool in pools for volume in storage.list_volumes(pool)} | {
        domain.name() for domain in domains.list_all(shelf.connection)
    }


def test_clones_are_made_as_the_plan_says(shelf: Catalogue, journal: Journal) -> None:
    plan, rows = make(shelf, journal, THREE)
    assert plan.notes == ("This host has no KVM: the clones run under test, which is much slower.",)
    chosen = {"uuid", "macs", "seconds"}
    for row, clone in zip(rows, plan.clones, strict=True):
        predicted = plan.predict_row(clone)
        assert {name: row[name] for name in row if name not in chosen} == {
            name: predicted[name] for name in predicted if name not in chosen
        }
        assert {predicted[name] for name in chosen} == {None}
        machine = look_up(shelf.connection, row["name"])
        assert machine.uuid == row["uuid"]
        assert machine.autostart
        assert machine.observe().situation == "running"
        assert [one.mac for one in machine.definition.interfaces] == row["macs"]
        assert machine.metadata.fleet == "web"
        assert machine.metadata.appliance == "web:1"
        assert machine.metadata.volumes == (
            VolumeRef("fast", f"{row['name']}.vda.qcow2"),
            VolumeRef("fast", f"{row['name']}.vdb.qcow2"),
        )
        for disk in machine.definition.disks:
            volume = storage.find_volume_by_path(shelf.connection, disk.source or "")
            assert volume is not None
            described = storage.read_volume(volume)
            assert described.backing_path == shelf.locate_disks(plan.manifest)[disk.target]
            assert described.capacity_bytes == 4096
    assert len({mac for row in rows for mac in row["macs"]}) == 3
    assert all(set(row["seconds"]) == {"volumes", "define", "start"} for row in rows)
    assert all(seconds > 0 for row in rows for seconds in row["seconds"].values())


def test_a_second_run_finds_what_the_first_made(shelf: Catalogue, journal: Journal) -> None:
    _plan, rows = make(shelf, journal, THREE)
    again, nothing = make(shelf, journal, THREE)
    assert (again.clones, nothing) == ((), [])
    assert again.selection.existing == ("web-1", "web-2", "web-3")
    found = [apply.describe_existing(shelf.connection, name) for name in again.selection.existing]
    assert found == [{**row, "created": False, "seconds": None} for row in rows]


def test_missing_numbers_are_filled(shelf: Catalogue, journal: Journal) -> None:
    make(shelf, journal, THREE)
    gone = look_up(shelf.connection, "web-2")
    domains.power_off(gone.domain)
    domains.undefine(gone.domain)
    fast = storage.look_up_pool(shelf.connection, "fast")
    for target in ("vda", "vdb"):
        storage.delete(storage.look_up_volume(fast, f"web-2.{target}.qcow2"))
    plan, rows = make(shelf, journal, dataclasses.replace(THREE, count=4))
    assert plan.selection.existing == ("web-1", "web-3")
    assert [row["name"] for row in rows] == ["web-2", "web-4"]


STEPS = [
    *((storage, "create", number) for number in range(1, 7)),
    *((domains, "define", number) for number in range(1, 4)),
    *((domains, "set_autostart", number) for number in range(1, 4)),
    *((domains, "start", number) for number in range(1, 4)),
    *((domains, "resume", number) for number in range(1, 4)),
]


def test_no_guest_runs_before_all_are_started(
    shelf: Catalogue, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = []

    def resume(domain: domains.Domain) -> None:
        states.append([one.situation for one in map(_observed, domains.list_all(shelf.connection))])
        domain.resume()

    def _observed(domain: domains.Domain) -> t.Any:
        return DefinedDomain(shelf.connection, domain).observe()

    monkeypatch.setattr(domains, "resume", resume)
    make(shelf, journal, THREE)
    assert sorted(set(states[0])) == ["paused"]
    assert len(states) == 3


@pytest.mark.parametrize(
    ("module", "name", "number"), STEPS, ids=[f"{name}-{number}" for _module, name, number in STEPS]
)
def test_a_failure_at_any_step_leaves_nothing(
    shelf: Catalogue,
    journal: Journal,
    monkeypatch: pytest.MonkeyPatch,
    module: t.Any,
    name: str,
    number: int,
) -> None:
    before, real, calls = everything(shelf), getattr(module, name), itertools.count(1)

    def failing(*arguments: t.Any, **more: t.Any) -> t.Any:
        if next(calls) == number:
            raise LibvirtFailed(f"{name} failed")
        return real(*arguments, **more)

    monkeypatch.setattr(module, name, failing)
    with pytest.raises(LibvirtFailed, match=f"^{name} failed$"):
        make(shelf, journal, THREE)
    assert everything(shelf) == before
    make(shelf, journal, THREE)  # nothing is in the way of the next run either
    assert len(everything(shelf) - before) == 9


def test_the_definition_goes_before_the_volumes(
    shelf: Catalogue, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def noted(name: str, real: t.Callable[[t.Any], None]) -> t.Callable[[t.Any], None]:
        def wrapped(thing: t.Any) -> None:
            order.append(name)
            real(thing)

        return wrapped

    for module, name in ((domains, "undefine"), (domains, "power_off"), (storage, "delete")):
        monkeypatch.setattr(module, name, noted(name, getattr(module, name)))

    def start(domain: t.Any, *, paused: bool) -> None:
        assert paused
        domain.createWithFlags(0)
        raise LibvirtFailed("started and then failed")

    monkeypatch.setattr(domains, "start", start)
    with pytest.raises(LibvirtFailed):
        make(shelf, journal, CloneRequest("web", names=("a",), pool="fast"))
    assert order == ["power_off", "undefine", "delete", "delete"]


def test_a_clone_that_shall_not_run_is_not_started(shelf: Catalogue, journal: Journal) -> None:
    _plan, rows = make(
        shelf, journal, CloneRequest("web", names=("a",), pool="fast", state="shutdown")
    )
    assert rows[0]["state"] == "shutdown"
    assert look_up(shelf.connection, "a").observe().situation == "shutdown"


def test_overrides_and_labels_reach_the_machine(shelf: Catalogue, journal: Journal) -> None:
    overrides = Overrides(memory_bytes=128 << 20, vcpus=3, title="Shop", description="of ACME")
    make(
        shelf,
        journal,
        CloneRequest("web", names=("a",), tenant="acme", protected=True, overrides=overrides),
    )
    machine = look_up(shelf.connection, "a")
    read = machine.definition
    assert (read.memory_bytes, read.vcpus, read.title, read.description) == (
        128 << 20,
        3,
        "Shop",
        "of ACME",
    )
    assert (machine.metadata.tenant, machine.metadata.protected) == ("acme", True)


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        (CloneRequest("web", names=("a",), pool="nope"), NotFound, "no storage pool 'nope'"),
        (
            CloneRequest("web", names=("a",), overrides=Overrides(network="nope")),
            NotFound,
            r"no network 'nope' \(it has: default",
        ),
        (CloneRequest("db", names=("a",)), NotFound, r"no appliance 'db' \(it has: web:1\)"),
    ],
)
def test_what_is_missing_is_found_before_anything_is_made(
    shelf: Catalogue, request_: CloneRequest, error: type[Exception], words: str
) -> None:
    before = everything(shelf)
    with pytest.raises(error, match=words):
        survey.make_plan(shelf, request_)
    assert everything(shelf) == before


def test_a_network_that_is_off_is_found_before_a_start_fails(shelf: Catalogue) -> None:
    shelf.connection.handle.networkLookupByName("default").destroy()
    with pytest.raises(Conflict, match="virsh net-start default"):
        survey.make_plan(shelf, THREE)
    assert survey.make_plan(shelf, dataclasses.replace(THREE, state="shutdown")).clones


def test_a_volume_in_the_way_is_never_overwritten(shelf: Catalogue) -> None:
    fast = storage.look_up_pool(shelf.connection, "fast")
    storage.create(
        fast,
        "web-2.vdb.qcow2",
        storage_xml.build_volume_xml(storage_xml.NewVolume("web-2.vdb.qcow2", 1)),
    )
    with pytest.raises(
        Conflict, match=r"holds a volume 'web-2\.vdb\.qcow2' already.*vol-delete --pool fast"
    ):
        survey.make_plan(shelf, THREE)


def test_addresses_of_the_hosts_other_machines_are_not_given_again(
    shelf: Catalogue, journal: Journal
) -> None:
    make(shelf, journal, CloneRequest("web", names=("a",)))
    assert neighbours.find_mac_addresses(shelf.connection) == {"52:54:00:00:00:01"}
    _plan, rows = make(
        shelf, journal, CloneRequest("web", names=("b",))
    )  # the same source of randomness again
    assert rows[0]["macs"] == ["52:54:00:00:00:02"]


def test_a_clone_keeps_its_appliance(shelf: Catalogue, journal: Journal) -> None:
    make(shelf, journal, THREE)
    assert shelf.list_clones(ApplianceId("web", "1")) == ["web-1", "web-2", "web-3"]


@pytest.mark.parametrize("what", ["definition", "volume"])
def test_a_clone_that_somebody_removed_meanwhile_is_no_success(
    shelf: Catalogue, journal: Journal, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """D16: what was left of it would stay in the way of the next run, and belong to nobody."""
    before = everything(shelf)
    real = domains.set_autostart

    def act_as_others(domain: domains.Domain, enabled: bool) -> None:
        real(domain, enabled)
        if domain.name() == "web-2" and what == "definition":
            domain.undefineFlags(0)
        elif domain.name() == "web-2":
            fast = storage.look_up_pool(shelf.connection, "fast")
            storage.delete(storage.look_up_volume(fast, "web-2.vdb.qcow2"))

    monkeypatch.setattr(domains, "set_autostart", act_as_others)
    removed = "its definition" if what == "definition" else "the volume fast/web-2.vdb.qcow2"
    with pytest.raises(Conflict, match=f"removed {removed} of 'web-2'"):
        make(shelf, journal, dataclasses.replace(THREE, state="shutdown"))
    assert everything(shelf) == before
    assert journal.list_unfinished() == []
