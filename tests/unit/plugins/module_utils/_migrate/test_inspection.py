# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a host has what a definition names: asked of libvirt's test driver (processors 0, 2 and 4 run)."""

from __future__ import annotations

import contextlib
import dataclasses
import types
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import addresses, inspection
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.facts import Reach
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.host_resources import (
    HostResource,
    Proof,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.model import DiskPlan
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import folders, storage
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
    from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.model import (
        MigrationPlan,
    )

NETWORK = (
    "<network><name>lan</name><forward mode='bridge'/><bridge name='ovs0'/><virtualport type='openvswitch'/>"
    "<portgroup name='dmz'><vlan><tag id='4'/></vlan></portgroup></network>"
)


@pytest.fixture
def connection() -> t.Iterator[Connection]:
    with open_connection("test:///default") as opened:
        network = opened.handle.networkDefineXML(NETWORK)
        network.create()
        yield opened
        network.destroy()
        network.undefine()


@pytest.mark.parametrize(
    ("proof", "path", "answer"),
    [
        ("network", "lan", True),
        ("network", "nowhere", False),
        ("portgroup", "lan/dmz", True),
        ("portgroup", "lan/office", False),
        ("portgroup", "nowhere/dmz", False),
        ("card", "eth1", True),
        ("card", "eth7", False),
        ("cpus", "0,2,4", True),
        ("cpus", "0-1", False),
        ("filter", "clean-traffic", None),
        ("secret", "7a2f1b1e-0000-4000-8000-000000000000", None),
        ("secret", "nothing/of-the-kind", None),
        ("file", "/dev/sr0", None),
        ("none", "", False),
    ],
)
def test_a_host_says_whether_it_has_it(
    connection: Connection, proof: Proof, path: str, answer: bool | None
) -> None:
    resource = HostResource("check", "what", path, proof, "Do something.")
    assert inspection.prove(connection, resource, "x86_64") is answer


def test_a_port_is_free_unless_a_guest_that_runs_has_it(connection: Connection) -> None:
    domain = connection.handle.createXML(
        "<domain type='test'><name>screen</name><memory>1024</memory><os><type>hvm</type></os><devices>"
        "<graphics type='vnc' port='5917' autoport='no'/><serial type='tcp'><source mode='bind' host='127.0.0.1' "
        "service='4555'/></serial></devices></domain>"
    )
    try:
        answers = [
            inspection.prove(
                connection, HostResource("check", "what", port, "port", "Do."), "x86_64"
            )
            for port in ("5917", "4555", "5918")
        ]
    finally:
        domain.destroyFlags(0)
    assert answers == [False, False, True]


def test_nodes_are_those_of_all_that_is_bound_to_some() -> None:
    root = parse_element(
        "<domain type='kvm'><numatune><memory mode='strict' nodeset='0'/><memnode cellid='0' nodeset='2'/></numatune>"
        "<devices><memory model='dimm'><source><nodemask>3</nodemask></source></memory></devices></domain>"
    )
    assert inspection.read_hardware(root).numa_nodes == "0,2,3"


def test_a_store_of_variables_stays_behind_as_an_nvram_does() -> None:
    root = parse_element("<domain type='kvm'><os><varstore path='/v/a.json'/></os></domain>")
    assert inspection.read_hardware(root).nvram == "/v/a.json"


FILE = "<disk type='file' device='{device}'><source file='{path}'/><target dev='{target}'/></disk>"


def with_disks(*disks: tuple[str, str], device: str = "disk") -> etree._Element:
    text = "".join(FILE.format(target=one, path=path, device=device) for one, path in disks)
    return parse_element(f"<domain><devices>{text}</devices></domain>")


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ([("vda", "/a")], ""),
        ([], ""),
        ([("vda", "/a"), ("vdb", "/b")], "the disk vdb at /b, and the guest that runs has it not"),
        ([("vda", "/c")], "the disk vda at /c, and the guest that runs has it at /a"),
    ],
)
def test_disks_for_the_next_start_are_found(definition: list[tuple[str, str]], words: str) -> None:
    """F3: they would stay behind, and the guest would not start again."""
    found = inspection.find_pending_disks(with_disks(("vda", "/a")), with_disks(*definition))
    assert " ".join(found).endswith(words)
    assert bool(found) == bool(words)


def test_a_medium_for_the_next_start_is_proven_by_itself() -> None:
    media = with_disks(("sda", "/b.iso"), device="cdrom")
    assert inspection.find_pending_disks(with_disks(), media) == ()


@pytest.mark.parametrize("contents", [("a", "a"), ("a", "b"), ("a", None), (None, None)])
def test_a_base_is_the_same_when_it_reads_the_same(
    monkeypatch: pytest.MonkeyPatch, connection: Connection, contents: tuple[str | None, str | None]
) -> None:
    """B8: by what it holds, and not by where it lies."""
    other = connection._replace(uri="test:///other")
    by_host = {connection.uri: contents[0], other.uri: contents[1]}
    monkeypatch.setattr(folders, "open_folders", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(storage, "find_volume_by_path", lambda host, _path: by_host[host.uri])
    monkeypatch.setattr(storage, "digest_sparse", lambda _host, volume, *_: Digest(volume))
    same = inspection._are_same(connection, other, ["/p/base"])
    assert same is (contents == ("a", "a"))
    assert not inspection._are_same(connection, other, ["nbd://192.0.2.1/x"])


@dataclasses.dataclass
class Digest:
    text: str

    def hex(self) -> str:
        return self.text


@pytest.mark.parametrize(
    ("found", "answering", "reach"),
    [
        (["2001:db8::2", "192.0.2.2"], "192.0.2.2", Reach(True, "kvm2", "192.0.2.2", answers=True)),
        (
            ["2001:db8::2", "192.0.2.2"],
            None,
            Reach(True, "kvm2", "2001:db8::2, 192.0.2.2", problem="No route"),
        ),
        (["::1"], "::1", Reach(True, "kvm2", "::1", problem="that is the source itself")),
    ],
)
def test_a_host_is_reached_at_any_of_its_addresses(
    monkeypatch: pytest.MonkeyPatch,
    connection: Connection,
    found: list[str],
    answering: str | None,
    reach: Reach,
) -> None:
    monkeypatch.setattr(addresses, "find_memory_host", lambda *_unused: "kvm2")
    monkeypatch.setattr(addresses, "resolve", lambda _host: found)
    monkeypatch.setattr(
        addresses, "find_problem_at", lambda place: None if place == answering else "No route"
    )
    plan = t.cast("MigrationPlan", None)
    assert inspection._try_to_reach(connection, plan) == reach


@pytest.mark.parametrize(
    ("exists", "needed"),
    [(True, ["/n/a.fd", "/n/a.fd"]), (None, ["/n/a.fd", "/n/a.fd"]), (False, ["/n/a.fd"])],
)
def test_settings_that_no_host_has_yet_are_not_looked_for(
    monkeypatch: pytest.MonkeyPatch, connection: Connection, exists: bool | None, needed: list[str]
) -> None:
    """F3: a UEFI guest that was never started may move; where its settings go is looked at in any case."""
    settings = DiskPlan("nvram", "bring", "goes along", "/n/a.fd", "/n/a.fd")
    plan = t.cast("MigrationPlan", types.SimpleNamespace(disks_to_move=(settings,)))
    monkeypatch.setattr(folders, "does_file_exist", lambda *_unused: exists)
    assert inspection._list_needed(connection, plan, "/n/a.fd") == needed
    assert inspection._list_needed(connection, plan, None) == ["/n/a.fd"]
