# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.headroom.libvirt.plugins.module_utils._domain import agent, overlays
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.xml import parse_element


def test_disks_that_are_not_named_are_left_alone() -> None:
    root = parse_element(overlays.snapshot_xml({"vda": "/images/o.qcow2"}, ["hdc"]))
    disks = {disk.get("name"): disk for disk in root.iterfind("disks/disk")}
    assert disks["hdc"].get("snapshot") == "no"
    assert disks["vda"].get("snapshot") == "external"
    assert disks["vda"].find("source").get("file") == "/images/o.qcow2"  # type: ignore[union-attr]


def test_only_a_mirror_of_this_disk_counts() -> None:
    text = """<domain><devices><disk><mirror type='file' ready='{}'/><target dev='vda'/></disk>
    <disk><mirror type='file' ready='yes'/><target dev='vdb'/></disk><disk><target dev='vdc'/></disk>
    </devices></domain>"""
    assert [overlays.is_ready(text.format("no"), target) for target in ("vda", "vdb", "vdc")] == [False, True, False]
    assert overlays.is_ready(text.format("yes"), "vda")


def test_an_agent_is_there_when_its_channel_is_connected() -> None:
    text = "<domain><devices><channel><target name='{}' state='{}'/></channel></devices></domain>"
    assert agent.is_connected(text.format("org.qemu.guest_agent.0", "connected"))
    assert not agent.is_connected(text.format("org.qemu.guest_agent.0", "disconnected"))
    assert not agent.is_connected(text.format("com.redhat.spice.0", "connected"))
