# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a row of domain_info says of a domain, whatever is in its definition."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.addresses import (
    AddressBook,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.rows import (
    HostFacts,
    Selection,
    describe_domain,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.files import Files
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.stored import HostStorage
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import Volume

UUID = "8f6d1c9e-6a5b-4c1e-9d57-0a4f3c2b1e70"
TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of nobody
RUNNING, PAUSED, SHUTOFF = 1, 3, 5
IO_ERROR = 5

_LABELS = """<metadata><h:machine xmlns:h='urn:headroom:libvirt:1'>{}</h:machine></metadata>"""
_DEPENDENCY = f"""<h:dependency kind='move' source_uri='qemu+ssh://kvm1/system' address='192.0.2.11' port='49216'
  token='{TOKEN}' since='2026-05-04T09:30:00Z'><h:disk target='vda' path='/a.qcow2' format='qcow2'/></h:dependency>"""
_REMOTE_DISK = f"""<disk type='file'><driver type='qcow2'/><source file='/images/a.qcow2'/><target dev='vda'/>
  <backingStore type='network'><format type='raw'/><source protocol='nbd' name='{TOKEN}-vda'>
  <host name='192.0.2.11' port='49216'/></source><backingStore/></backingStore></disk>"""
_OVERLAY = """<disk type='file'><driver type='qcow2'/><source file='/images/a.qcow2'/><target dev='vda'/></disk>"""
_RAW = """<disk type='file'><driver type='raw'/><source file='/images/a.img'/><target dev='vda'/></disk>"""
_AGENT = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'{}/></channel>"


def make_raw(
    devices: str = "", labels: str = "", *, state: int = RUNNING, reason: int = 1, **more: t.Any
) -> dict[str, t.Any]:
    xml = (
        f"<domain type='kvm'><name>web-1</name><uuid>{UUID}</uuid>{_LABELS.format(labels)}"
        f"<memory>1024</memory><devices>{devices}</devices></domain>"
    )
    stats = {"state.state": state, "state.reason": reason}
    raw = {"name": "web-1", "uuid": UUID, "stats": stats, "xml": xml, "autostart": True}
    return {**raw, "answers": None, **more}


def describe(raw: dict[str, t.Any], **facts: t.Any) -> dict[str, t.Any]:
    host = HostFacts("qemu:///system", "qemu+ssh://kvm1/system", AddressBook([], ()), **facts)
    row = describe_domain(raw, host, Selection())
    assert row is not None
    json.dumps(row)
    return row


def test_a_domain_that_is_well_has_no_problems() -> None:
    row = describe(make_raw(_RAW, state=SHUTOFF))
    assert row["health"] == {
        "agent": None,
        "io_error": False,
        "incomplete_disks": [],
        "problems": [],
    }
    assert (row["state"], row["state_reason"], row["autostart"]) == ("shutoff", "shutdown", True)


def test_an_io_error_is_a_problem() -> None:
    health = describe(make_raw(state=PAUSED, reason=IO_ERROR))["health"]
    assert health["io_error"]
    assert health["problems"] == ["it is paused, as one of its disks had an I/O error"]


def test_who_pauses_a_guest_on_purpose_has_no_problem() -> None:
    assert describe(make_raw(state=PAUSED, reason=1))["health"]["problems"] == []


@pytest.mark.parametrize(
    ("channel", "answers", "state", "agent"),
    [
        ("", None, RUNNING, None),
        (_AGENT.format(""), None, RUNNING, "disconnected"),
        (_AGENT.format(" state='disconnected'"), None, RUNNING, "disconnected"),
        (_AGENT.format(" state='connected'"), None, RUNNING, "connected"),
        (_AGENT.format(" state='connected'"), True, RUNNING, "answers"),
        (_AGENT.format(" state='connected'"), False, RUNNING, "silent"),
        (_AGENT.format(""), None, SHUTOFF, None),
    ],
)
def test_how_it_stands_with_the_agent(
    channel: str, answers: bool | None, state: int, agent: str | None
) -> None:
    health = describe(make_raw(channel, answers=answers, state=state))["health"]
    assert health["agent"] == agent
    assert bool(health["problems"]) is (agent == "silent")


def test_what_is_still_elsewhere_is_told_and_not_by_which_name_it_is_served() -> None:
    row = describe(make_raw(_REMOTE_DISK, _DEPENDENCY))
    assert row["health"]["incomplete_disks"] == ["vda"]
    assert "qemu+ssh://kvm1/system" in row["health"]["problems"][0]
    assert row["dependency"]["disks"] == ["vda"]
    assert row["disks"][0]["layers"][1]["address"] == "nbd://192.0.2.11:49216/***"
    assert TOKEN not in json.dumps(row).replace(row["dependency"]["export"], "")


def test_an_export_of_which_the_metadata_say_nothing_is_masked_too() -> None:
    row = describe(make_raw(_REMOTE_DISK))
    assert row["dependency"] is None
    assert row["health"]["incomplete_disks"] == ["vda"]
    assert TOKEN not in json.dumps(row)


def test_layers_are_those_of_the_definition_and_whether_these_are_all() -> None:
    off, raw = describe(make_raw(_OVERLAY)), describe(make_raw(_RAW))
    assert [disk["layers_complete"] for disk in (*off["disks"], *raw["disks"])] == [False, True]
    assert [layer["path"] for layer in off["disks"][0]["layers"]] == ["/images/a.qcow2"]


def test_layers_are_followed_through_the_volumes() -> None:
    top = Volume("a.qcow2", "/images/a.qcow2", "qcow2")
    volumes = {
        VolumeRef("default", "a.qcow2"): dataclasses.replace(
            top, backing_path="/images/base.qcow2", backing_format="qcow2"
        ),
        VolumeRef("default", "base.qcow2"): Volume("base.qcow2", "/images/base.qcow2", "qcow2"),
    }
    storage = HostStorage({}, volumes, Files(is_local=False))
    (disk,) = describe(make_raw(_OVERLAY), storage=storage)["disks"]
    assert [(layer["pool"], layer["volume"]) for layer in disk["layers"]] == [
        ("default", "a.qcow2"),
        ("default", "base.qcow2"),
    ]
    assert disk["layers_complete"]


def test_a_disk_in_the_metadata_of_others_is_none() -> None:
    raw = make_raw(_RAW)
    evil = "<x:app xmlns:x='urn:x'><disk type='file'><source file='/etc/shadow'/></disk></x:app>"
    raw["xml"] = raw["xml"].replace("</metadata>", f"{evil}</metadata>")
    assert [disk["source"] for disk in describe(raw)["disks"]] == ["/images/a.img"]
    assert "shadow" not in json.dumps(describe(raw)["disks"])


@pytest.mark.parametrize("xml", ["<domain", "", None, "<domain><vcpu>many</vcpu></domain>", 7])
def test_what_cannot_be_read_is_a_row_with_a_problem(xml: object) -> None:
    row, whole = describe(make_raw(xml=xml)), describe(make_raw(_RAW))
    assert row.keys() == whole.keys()
    assert row["problem"].startswith("what libvirt says of it cannot be read")
    assert row["health"]["problems"] == [row["problem"]]
    assert (row["name"], row["state"]) == ("web-1", "running")


def test_labels_that_cannot_be_read_choose_nothing() -> None:
    host = HostFacts("u", "u", AddressBook([], ()))
    raw = make_raw(xml="<domain")
    assert describe_domain(raw, host, Selection(fleet="web")) is None
    assert describe_domain(raw, host, Selection(names=frozenset({"web-1"}))) is not None


def test_transactions_are_those_of_its_name() -> None:
    rows = {"web-1": [{"id": "a"}], "web-2": [{"id": "b"}]}
    assert describe(make_raw(), transactions=rows)["transactions"] == [{"id": "a"}]
    assert describe(make_raw())["transactions"] is None
