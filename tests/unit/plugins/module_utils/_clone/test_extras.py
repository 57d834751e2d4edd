# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What clones have besides disks, on libvirt's test driver: seeds, addresses, quotas, foreign MAC addresses."""

from __future__ import annotations

import dataclasses
import itertools
import json
import secrets
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import build, register
from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.images import Location
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import (
    catalogue,
    packed_nvram,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import ApplianceId
from ansible_collections.headroom.libvirt.plugins.module_utils._clone import (
    apply,
    neighbours,
    survey,
    tenants,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.plan import CloneRequest
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.quota import (
    Quota,
    QuotaExceeded,
    Usage,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.seed.seed import Seed
from ansible_collections.headroom.libvirt.plugins.module_utils._domain import apply as domain_apply
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.defined import look_up
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.request import DomainRequest
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    ConnectionFailed,
    InvalidInput,
    LibvirtFailed,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
from ansible_collections.headroom.libvirt.plugins.module_utils._network import apply as reservations
from ansible_collections.headroom.libvirt.plugins.module_utils._network import (
    survey as network_survey,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._network.plan import Taken
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domain_xml,
    domains,
    networks,
    storage,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import (
    Metadata,
    ReservationRef,
    VolumeRef,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.network_xml import Reservation

from .seed.test_seed import contents as files_of

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )

NODE = """<node>
  <network><name>default</name><bridge name='virbr0'/>
    <ip address='10.0.0.1' netmask='255.255.255.0'><dhcp><range start='10.0.0.100' end='10.0.0.200'/></dhcp></ip>
  </network>
  <pool type='dir'><name>default</name><target><path>/images</path></target></pool>
</node>"""
ONE = CloneRequest(
    "web", names=("web_1",), seed=Seed(), addresses={"web_1": "10.0.0.50"}, tenant="shop"
)


class Frozen:
    """A clock that stands."""

    def now(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


@pytest.fixture(autouse=True)
def what_the_test_driver_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has one side of a network for both."""
    monkeypatch.setattr(networks, "read_definition_xml", lambda network: network.XMLDesc(0))


@pytest.fixture
def shelf(tmp_path: Path, contents: dict[str, bytes]) -> t.Iterator[Catalogue]:
    del contents
    (tmp_path / "node.xml").write_text(NODE)
    (tmp_path / "disk.raw").write_bytes(bytes(4096))
    with open_connection(f"test://{tmp_path}/node.xml") as connection:
        found = catalogue.open_catalogue(connection, "default")
        template = build.build(
            build.Hardware(64 << 20, vcpus=2, arch="i686", machine=None), ["vda"]
        )
        request = register.ApplianceRequest(
            ApplianceId("web", "1"),
            created="2026-01-01T00:00:00Z",
            token="0" * 12,
            files={"vda": Location(str(tmp_path / "disk.raw"))},
            template=template,
        )
        with register.open_plan(found, request) as plan:
            register.store(found, plan, request, Journal(str(tmp_path / "shelf.sqlite")))
        yield found


def make(shelf: Catalogue, request: CloneRequest, number: int = 1) -> list[apply.Row]:
    """Make the clones, with MAC addresses that count from 52:54:00:00:00:``number``."""
    numbers = itertools.count(number)

    def random_bytes(count: int) -> bytes:
        return secrets.token_bytes(count) if count > 3 else next(numbers).to_bytes(count, "big")

    plan = survey.make_plan(shelf, request)
    journal = Journal(f"{shelf.connection.uri.removeprefix('test://')}.sqlite", warn=pytest.fail)
    return apply.Maker(shelf.connection, plan, "now", Frozen(), random_bytes, journal).make()


def held(connection: Connection) -> list[Reservation]:
    return [
        one
        for _subnet, one in network_survey.read_sides(connection, "default").current.reservations
    ]


def volumes(connection: Connection) -> set[str]:
    return {
        volume.name()
        for volume in storage.list_volumes(storage.look_up_pool(connection, "default"))
    }


def test_a_clone_has_its_seed_and_its_address_and_knows_of_them(
    shelf: Catalogue, contents: dict[str, bytes]
) -> None:
    (row,) = make(shelf, ONE)
    machine = look_up(shelf.connection, "web_1")
    assert machine.metadata.volumes == (
        VolumeRef("default", "web_1.vda.qcow2"),
        VolumeRef("default", "web_1.seed.iso"),
    )
    assert machine.metadata.reservations == (
        ReservationRef("default", "52:54:00:00:00:01", "10.0.0.50"),
    )
    assert [volume["name"] for volume in row["volumes"]] == ["web_1.vda.qcow2", "web_1.seed.iso"]
    disk = machine.definition.disks[-1]
    assert (disk.source, disk.readonly, disk.target) == ("/images/web_1.seed.iso", True, "vdb")
    said = json.loads(files_of(contents["/images/web_1.seed.iso"])["meta-data"])
    assert said == {"instance-id": row["uuid"], "local-hostname": "web-1"}
    assert held(shelf.connection) == [Reservation("52:54:00:00:00:01", "10.0.0.50", "web-1")]


def test_a_clone_has_what_the_firmware_of_the_captured_machine_kept(
    shelf: Catalogue, contents: dict[str, bytes], journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = shelf.get("web", "1")
    loader = "<loader readonly='yes' type='pflash'>/usr/share/OVMF/CODE.fd</loader></os>"
    kept = dataclasses.replace(
        read,
        nvram=packed_nvram.pack_variables(b"variables"),
        template=read.template.replace("</os>", loader),
    )
    monkeypatch.setattr(catalogue.Catalogue, "get", lambda *_arguments: kept)
    before = volumes(shelf.connection)
    (row,) = make(shelf, ONE)
    machine = look_up(shelf.connection, "web_1")
    assert row["volumes"][-1] == {
        "pool": "default",
        "name": "web_1.nvram.raw",
        "path": "/images/web_1.nvram.raw",
    }
    assert contents["/images/web_1.nvram.raw"] == b"variables"
    assert machine.metadata.volumes[-1] == VolumeRef("default", "web_1.nvram.raw")
    plan = survey.make_plan(shelf, dataclasses.replace(ONE, names=("web_2",), addresses={}))
    assert VolumeRef("default", "web_2.nvram.raw") in plan.clones[0].volumes
    domains.power_off(machine.domain)
    task = domain_apply.DomainTask(journal, pytest.fail)
    domain_apply.bring_into_state(shelf.connection, [machine], DomainRequest(state="absent"), task)
    assert volumes(shelf.connection) == before


def test_all_of_it_goes_with_the_clone(shelf: Catalogue, journal: Journal) -> None:
    before = volumes(shelf.connection)
    make(shelf, ONE)
    machine = look_up(shelf.connection, "web_1")
    domains.power_off(machine.domain)
    task = domain_apply.DomainTask(journal, pytest.fail)
    outcome = domain_apply.bring_into_state(
        shelf.connection, [machine], DomainRequest(state="absent"), task
    )
    assert outcome.as_rows()[0]["removed_reservations"] == [
        {"network": "default", "mac": "52:54:00:00:00:01", "address": "10.0.0.50"}
    ]
    assert (volumes(shelf.connection), held(shelf.connection)) == (before, [])


def test_an_address_that_another_has_by_now_is_left_to_it(
    shelf: Catalogue, journal: Journal
) -> None:
    make(shelf, ONE)
    other = Reservation("52:54:00:00:00:99", "10.0.0.50")
    reservations.carry_out(
        reservations.plan_to_reserve(shelf.connection, "default", other, force=True)
    )
    machine = look_up(shelf.connection, "web_1")
    domains.power_off(machine.domain)
    task = domain_apply.DomainTask(journal, pytest.fail)
    outcome = domain_apply.bring_into_state(
        shelf.connection, [machine], DomainRequest(state="absent"), task
    )
    assert (outcome.plans[0].survey.reservations, held(shelf.connection)) == ((), [other])


@pytest.mark.parametrize(
    ("module", "name", "number"),
    [
        (storage, "create", 2),
        (storage, "upload", 1),
        (networks, "update_reservation", 1),
        (domains, "define", 1),
    ],
)
def test_a_failure_leaves_nothing_of_it(
    shelf: Catalogue, monkeypatch: pytest.MonkeyPatch, module: t.Any, name: str, number: int
) -> None:
    before, real, calls = volumes(shelf.connection), getattr(module, name), itertools.count(1)

    def failing(*arguments: t.Any, **more: t.Any) -> t.Any:
        if next(calls) == number:
            raise LibvirtFailed("no")
        return real(*arguments, **more)

    monkeypatch.setattr(module, name, failing)
    with pytest.raises(LibvirtFailed, match=r"^no$"):
        make(shelf, ONE)
    assert (volumes(shelf.connection), held(shelf.connection)) == (before, [])
    make(shelf, ONE)


def test_a_failure_gives_the_name_its_reservation_back(
    shelf: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = Reservation(None, "10.0.0.50", "web-1")
    reservations.carry_out(
        reservations.plan_to_reserve(shelf.connection, "default", entry, force=False)
    )

    def fail(*_arguments: t.Any) -> t.NoReturn:
        assert held(shelf.connection) == [Reservation("52:54:00:00:00:01", "10.0.0.50", "web-1")]
        raise LibvirtFailed("no")

    monkeypatch.setattr(domains, "define", fail)
    with pytest.raises(LibvirtFailed, match=r"^no$"):
        make(shelf, ONE)
    assert held(shelf.connection) == [entry]


@pytest.mark.parametrize(
    ("addresses", "error", "words"),
    [
        (
            {"other": "10.0.0.50"},
            InvalidInput,
            "does not name a clone of this task.*They are: web_1",
        ),
        ({"web_1": 5}, InvalidInput, "addresses.web_1: 5 is not an IP address"),
        ({"web_1": "10.1.0.50"}, InvalidInput, "is not in the network 'default'"),
        ({"web_1": "10.0.0.51"}, Taken, "10.0.0.51 for db"),
    ],
)
def test_an_address_that_cannot_be_is_found_before_anything_is_made(
    shelf: Catalogue, addresses: dict[str, t.Any], error: type[Exception], words: str
) -> None:
    db = Reservation("52:54:00:00:00:88", "10.0.0.51", "db")
    reservations.carry_out(
        reservations.plan_to_reserve(shelf.connection, "default", db, force=False)
    )
    before = volumes(shelf.connection)
    with pytest.raises(error, match=words):
        survey.make_plan(shelf, dataclasses.replace(ONE, addresses=addresses))
    assert volumes(shelf.connection) == before


def test_two_clones_cannot_have_one_address(shelf: Catalogue) -> None:
    twice = dataclasses.replace(
        ONE, names=("a", "b"), addresses={"a": "10.0.0.50", "b": "10.0.0.50"}
    )
    with pytest.raises(InvalidInput, match="given to two clones"):
        survey.make_plan(shelf, twice)


def test_a_stray_seed_is_never_overwritten(shelf: Catalogue) -> None:
    pool = storage.look_up_pool(shelf.connection, "default")
    storage.create(
        pool,
        "web_1.seed.iso",
        storage_xml.build_volume_xml(storage_xml.NewVolume("web_1.seed.iso", 1, "raw")),
    )
    with pytest.raises(Conflict, match=r"holds a volume 'web_1\.seed\.iso' already"):
        survey.make_plan(shelf, ONE)


def test_a_machine_without_a_libvirt_network_has_no_address_to_keep(
    shelf: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = build.build(
        build.Hardware(64 << 20, arch="i686", machine=None, network=None), ["vda"]
    )
    manifest = dataclasses.replace(shelf.get("web", "1"), template=template)
    monkeypatch.setattr(catalogue.Catalogue, "get", lambda *_unused: manifest)
    with pytest.raises(Unsupported, match="not on a libvirt network"):
        survey.make_plan(shelf, ONE)


def test_a_guest_does_not_choose_what_its_disk_counts(
    node: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenant's guest writes a header of qcow2 into its raw disk, which says that this is small."""
    pool = storage.look_up_pool(node, "default")
    new = storage_xml.NewVolume("a.raw", 4096, "raw")
    storage.create(pool, "a.raw", storage_xml.build_volume_xml(new))
    probed = storage_xml.Volume(
        "a.raw", "/images/a.raw", "qcow2", capacity_bytes=512, size_bytes=4096
    )
    monkeypatch.setattr(storage, "read_volume", lambda _volume: probed)
    disk = domain_xml.Disk("vda", source="/images/a.raw", format="raw")
    machine = domain_xml.Definition(
        "a", disks=(disk,), metadata=Metadata(volumes=(VolumeRef("default", "a.raw"),))
    )
    assert tenants.measure_machine(node, machine).disk_bytes == 4096


def test_a_quota_counts_what_is_there_and_what_would_come(shelf: Catalogue) -> None:
    make(shelf, dataclasses.replace(ONE, names=("a", "b"), addresses={}))
    make(shelf, dataclasses.replace(ONE, names=("c",), addresses={}, tenant="other"))
    assert tenants.measure_usage(shelf.connection, "shop") == Usage(2, 4, 2 * (64 << 20), 8192)
    third = dataclasses.replace(ONE, names=("a", "b", "d"), addresses={})
    for limits in (
        Quota(machines=2),
        Quota(vcpus=5),
        Quota(memory_bytes=3 * (64 << 20) - 1),
        Quota(disk_bytes=12287),
    ):
        with pytest.raises(QuotaExceeded, match="'shop' may not have 1 more machines"):
            survey.make_plan(shelf, dataclasses.replace(third, quota=limits))
    enough = dataclasses.replace(third, quota=Quota(3, 6, 3 * (64 << 20), 12288))
    assert [clone.name for clone in survey.make_plan(shelf, enough).clones] == ["d"]
    nothing = dataclasses.replace(third, names=("a", "b"), quota=Quota(machines=0))
    assert survey.make_plan(shelf, nothing).clones == ()  # what exists never fails


def test_mac_addresses_of_other_hosts_and_of_reservations_are_not_given(
    shelf: Catalogue, tmp_path: Path
) -> None:
    (tmp_path / "other.xml").write_text(
        "<node><domain type='test'><name>x</name><memory>1024</memory><os><type>hvm</type></os><devices>"
        "<interface type='network'><mac address='52:54:00:00:00:01'/><source network='default'/></interface>"
        "</devices></domain></node>"
    )
    reserved = Reservation("52:54:00:00:00:02", "10.0.0.60")
    reservations.carry_out(
        reservations.plan_to_reserve(shelf.connection, "default", reserved, force=False)
    )
    (row,) = make(shelf, dataclasses.replace(ONE, neighbours=(f"test://{tmp_path}/other.xml",)))
    assert row["macs"] == ["52:54:00:00:00:03"]


def test_a_neighbour_that_does_not_answer_stops_it(shelf: Catalogue) -> None:
    before = volumes(shelf.connection)
    with pytest.raises(ConnectionFailed):
        make(shelf, dataclasses.replace(ONE, neighbours=("test:///none.xml",)))
    assert volumes(shelf.connection) == before
    assert neighbours.find_mac_addresses(shelf.connection) == set()
