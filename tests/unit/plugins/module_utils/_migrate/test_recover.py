# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import json
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Record, Step
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import plan, recover
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.intent import (
    Intent,
    make_intent,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.model import (
    DiskPlan,
    Guest,
    Request,
    SourceDisk,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import Platform
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import Pool

GIB = 1024**3


def streaming() -> Intent:
    disk = SourceDisk("vda", "disk", "/images/a.qcow2", "qcow2", GIB, GIB, "default")
    made = plan.make_plan(
        Guest("a", "u-a", True, GIB, (disk,), autostart=True),
        Request("qemu+ssh://me:secret@b/system", mode="streaming"),
        [Pool("default", "dir", "/images", 9 * GIB)],
    )
    return make_intent(
        made,
        uri="qemu:///system",
        platform=Platform("kvm", "x86_64", "q35", None),
        token="f00",  # noqa: S106 - a part of names
        export=("10.0.0.1", None),
        policies={"vda": {"error_policy": "report"}},
    )


def record(*steps: Step) -> Record:
    return Record(
        "1",
        "migrate",
        "a",
        t.cast("dict[str, t.Any]", json.loads(json.dumps(streaming().as_dict()))),
        steps,
    )


def test_an_intent_comes_back_from_the_journal_as_it_was() -> None:
    assert Intent.from_dict(record().intent) == streaming()


def test_no_password_goes_into_the_journal() -> None:
    assert "secret" not in json.dumps(record().intent)


def test_every_name_that_is_made_is_known_before_it_is_made() -> None:
    (disk,) = streaming().streamed
    assert disk.overlay_path == "/images/a.qcow2.headroom-f00.overlay"
    assert streaming().helper == "headroom-export-f00"
    (placed,) = streaming().place_disks(49216)
    assert str(placed.backing) == "nbd://10.0.0.1:49216/f00-vda"


def test_the_last_port_that_was_tried_counts() -> None:
    tried = record(Step("export", {"port": 49216}), Step("export", {"port": 49217}))
    assert recover.read_port(tried) == 49217
    assert recover.read_port(record()) == 0


def test_the_port_is_kept_once_one_was_free() -> None:
    assert recover.read_port(record(Step("export", {}, "done", {"port": 49218}))) == 49218
    assert recover.read_port(record(Step("export", {}))) == 0


def test_a_helper_of_an_earlier_release_is_found_under_its_own_name() -> None:
    name = "headroom-export-0123456789abcdef"
    before = Intent.from_dict({**record().intent, "helper": name})
    assert before.export_helper.name == name
    (served,) = before.export_helper.disks
    assert (served.path, served.base_path) == (
        "/images/a.qcow2.headroom-f00.export",
        "/images/a.qcow2",
    )


def test_only_volumes_that_this_made_are_taken_back() -> None:
    steps = (
        Step("volume", {"pool": "default", "volume": "a.qcow2"}, "done"),
        Step("volume", {"pool": "default", "volume": "theirs.qcow2"}, "done", {"made": False}),
        Step("volume", {"pool": "default", "volume": "begun.qcow2"}),
    )
    assert recover.find_made_volumes(record(*steps)) == [
        VolumeRef("default", "a.qcow2"),
        VolumeRef("default", "begun.qcow2"),
    ]


def test_a_file_that_no_pool_has_is_taken_back_by_its_path() -> None:
    steps = (
        Step("volume", {"pool": None, "volume": "a_VARS.fd"}, "done"),
        Step("volume", {"pool": "default", "volume": "a.qcow2"}, "done"),
    )
    settings = DiskPlan(
        "nvram", "bring", "", "/nvram/a_VARS.fd", "/nvram/a_VARS.fd", volume="a_VARS.fd"
    )
    intent = dataclasses.replace(streaming(), disks=(*streaming().disks, settings))
    assert recover.find_made_files(record(*steps), intent) == ["/nvram/a_VARS.fd"]
    assert recover.find_made_files(record(), intent) == []
    assert recover.find_made_volumes(record(*steps)) == [VolumeRef("default", "a.qcow2")]


def test_what_recovering_would_do_is_told() -> None:
    made = record(Step("volume", {"pool": "default", "volume": "a.qcow2"}, "done"))
    assert recover.describe_recovery(made, "roll_back") == [
        "merge /images/a.qcow2.headroom-f00.overlay back into /images/a.qcow2",
        "delete the volume default/a.qcow2 on qemu+ssh://me:***@b/system",
    ]
    assert "pull the disks vda" in recover.describe_recovery(made, "resume")[0]
