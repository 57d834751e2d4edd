# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is believed of metadata about another host, which any tool can have written."""

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._virt import dependency
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)

GOOD = {
    "kind": "move",
    "source_uri": "qemu+ssh://root@k1/system",
    "address": "10.0.0.1",
    "port": "49216",
    "token": "0123456789abcdef",
    "since": "2026-05-04T09:30:00Z",
}
DISK = "<disk target='vda' path='/images/a.qcow2' format='qcow2'/>"


def read(disks: str = DISK, name: str = "", value: str | None = "") -> dependency.Dependency | None:
    """What is read of the good one with this change; None leaves the attribute out."""
    element = parse_element(f"<dependency>{disks}</dependency>")
    changes = {name: value} if name else {}
    for attribute, text in {**GOOD, **changes}.items():
        if text is not None:
            element.set(attribute, text)
    return dependency.read_dependency(element)


def test_a_whole_one_is_read() -> None:
    said = read()
    assert said is not None
    assert said.disks == (dependency.RemoteDisk("vda", "/images/a.qcow2", "qcow2"),)
    assert (said.operation, said.removes_source, said.tls_name) == ("", False, None)


@pytest.mark.parametrize("name", GOOD)
def test_one_that_lacks_something_is_not_believed(name: str) -> None:
    assert read(name=name, value=None) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "loan"),
        ("source_uri", "qemu+ext:///system?command=/bin/true"),
        ("source_uri", "qemu+ssh://k1/system?command=/bin/true"),
        ("source_uri", "qemu+ssh://k1/system?netcat=/bin/true"),
        ("source_uri", "qemu+ssh://-oProxyCommand=true/system"),
        ("source_uri", "qemu+ssh://k1/" + "a" * 600),
        ("address", "-x"),
        ("address", "a b"),
        ("port", "0"),
        ("port", "65536"),
        ("port", "-1"),
        ("port", "9" * 5000),
        ("token", "0123"),
        ("token", "../../../etc/passwd0"),
        ("token", "0123456789abcdeF"),
        ("since", "yesterday"),
        ("operation", "../x"),
        ("bandwidth", "many"),
        ("tls_name", "$(x)"),
    ],
)
def test_what_is_out_of_bounds_is_not_believed(name: str, value: str) -> None:
    assert read(name=name, value=value) is None


@pytest.mark.parametrize(
    "disks",
    [
        "",
        "<disk/>",
        "<disk target='../a'/>",
        "<disk target='vda' path='relative' format='raw'/>",
        "<disk target='vda' path='/images/../etc/shadow' format='raw'/>",
        "<disk target='vda' path='/images/a' format='vmdk'/>",
        "<disk target='vda' path='/images/a'/>",
        "<disk target='vda' path='/images/a' format='raw' error_policy='explode'/>",
        DISK + DISK,
        "".join(f"<disk target='v{number}'/>" for number in range(600)),
    ],
)
def test_disks_out_of_bounds_are_not_believed(disks: str) -> None:
    assert read(disks) is None


def test_a_moment_comes_back() -> None:
    assert dependency.format_time(1777887000.9) == "2026-05-04T09:30:00Z"
    assert dependency.parse_time("2026-05-04T09:30:00Z") == 1777887000
    assert dependency.parse_time("2026-13-04T09:30:00Z") is None


@pytest.mark.parametrize(
    "attributes",
    [
        "reader_uri='qemu+ext:///system?command=x'",
        "reader_uuid='a'",
        "reader_uri='qemu+ssh://k2/system' reader_uuid='../a'",
        "reader_uri='qemu+ssh://k2/system' since='now'",
    ],
)
def test_a_service_out_of_bounds_is_not_believed(attributes: str) -> None:
    assert dependency.read_service(parse_element(f"<service {attributes}/>")) is None
