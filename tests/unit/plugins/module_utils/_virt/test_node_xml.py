# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading the XML of a host, its pools and its networks."""

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._virt import node_xml

POOL = """
<pool type='dir'>
  <name>images</name>
  <capacity unit='bytes'>1000</capacity>
  <allocation unit='KiB'>0</allocation>
  <available unit='bytes'>600</available>
  <target><path>/srv/images</path></target>
</pool>
"""


def test_a_pool_that_runs_has_sizes() -> None:
    pool = node_xml.read_pool(POOL, state="running", autostart=True)
    assert pool == node_xml.HostPool("images", "dir", "/srv/images", "running", True, 1000, 0, 600)


def test_a_pool_that_does_not_run_has_none_rather_than_zeros() -> None:
    pool = node_xml.read_pool(POOL, state="inactive", autostart=False)
    assert (pool.capacity_bytes, pool.allocation_bytes, pool.available_bytes) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (POOL, None),
        (
            "<pool type='netfs'><name>n</name><source><host name='nas'/><dir path='/images'/></source></pool>",
            "netfs nas /images",
        ),
        (
            "<pool type='rbd'><name>ceph</name><source><name>vms</name><host name='m2' port='6789'/><host name='m1'/>"
            "</source></pool>",
            "rbd m1 m2:6789 vms",
        ),
    ],
)
def test_storage_on_the_network_is_known_by_its_source(text: str, source: str | None) -> None:
    assert node_xml.read_pool(text, state="running", autostart=False).source == source


def test_a_pool_without_a_path() -> None:
    assert (
        node_xml.read_pool(
            "<pool type='rbd'><name>ceph</name></pool>", state="inactive", autostart=False
        ).path
        is None
    )


@pytest.mark.parametrize(
    ("number", "name"), [(0, "inactive"), (2, "running"), (4, "inaccessible"), (5, "unknown")]
)
def test_states_of_a_pool(number: int, name: str) -> None:
    assert node_xml.pool_state_name(number) == name


@pytest.mark.parametrize(
    ("forward", "mode"),
    [("", None), ("<forward/>", "nat"), ("<forward mode='route'/>", "route")],
)
def test_how_a_network_is_connected(forward: str, mode: str | None) -> None:
    network = node_xml.read_network(
        f"<network><name>n</name>{forward}</network>", active=False, autostart=True
    )
    assert network == node_xml.HostNetwork("n", False, True, None, mode)


def test_capabilities_without_a_host_say_nothing() -> None:
    assert node_xml.read_capabilities("<capabilities/>") == node_xml.Capabilities(
        None, None, None, None
    )


def test_capabilities_of_a_host() -> None:
    host = "<host><uuid>u</uuid><cpu><arch>a</arch><model>m</model><vendor>v</vendor></cpu></host>"
    assert node_xml.read_capabilities(
        f"<capabilities>{host}</capabilities>"
    ) == node_xml.Capabilities("u", "a", "m", "v")


@pytest.mark.parametrize(
    ("capability", "name"),
    [
        (
            "<capability type='pci'><domain>0</domain><bus>171</bus><slot>0</slot><function>1</function></capability>",
            "pci 0000:ab:00:1",
        ),
        (
            "<capability type='usb_device'><bus>1</bus><device>2</device><product id='0x2'>x</product>"
            "<vendor id='0x1'>y</vendor></capability>",
            "usb 0x1:0x2",
        ),
        (
            "<capability type='mdev'><type id='x'/><uuid>c2177883</uuid></capability>",
            "mdev c2177883",
        ),
        ("<capability type='pci'><domain>0</domain></capability>", None),
        ("<capability type='usb_device'><bus>1</bus></capability>", None),
        ("<capability type='net'><interface>eth0</interface></capability>", None),
        ("", None),
    ],
)
def test_a_device_has_the_name_that_a_guest_takes_it_by(capability: str, name: str | None) -> None:
    """F3: as domain_xml.find_host_devices() names what it takes (test_host_devices.py)."""
    text = f"<device><name>x</name>{capability}</device>"
    assert node_xml.read_device_name(text) == name
