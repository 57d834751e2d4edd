# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import build, request
from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.images import Means
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
    BaseDisk,
    InvalidManifest,
    Manifest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import ApplianceId
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)
from ansible_collections.headroom.libvirt.plugins.modules.appliance import ARGUMENTS

if t.TYPE_CHECKING:
    from pathlib import Path

PLAIN = build.build(build.Hardware(64 << 20), ["vda"])
DISK = BaseDisk("vda", "", "qcow2", 1 << 20, 9, "a" * 64)
QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
ARGUMENT = (
    f"<q:commandline xmlns:q='{QEMU}'><q:arg value='-drive'/><q:arg value='file=/etc/shadow'/>"
    "</q:commandline>"
)


def read(tmp_path: Path, template: str, disk: BaseDisk = DISK) -> Manifest | None:
    """What the option ``manifest`` with that template becomes."""
    manifest = Manifest("web", "1", "2026-01-01T00:00:00Z", "x86_64", "bios", template, (disk,))
    defaults = {name: option.get("default") for name, option in ARGUMENTS.options.items()}
    source = {"file": "/srv/disk", "format": "auto", "url": None, "files": None, "domain": None}
    params = {**defaults, "name": "web", "version": "1", "source": source}
    return request.read_request(
        {**params, "manifest": manifest.as_dict()},
        ApplianceId("web", "1"),
        Means(),
        Journal(str(tmp_path / "journal.sqlite")),
        now=0.0,
        token="0" * 12,
        host_arch="x86_64",
    ).original


def test_a_manifest_of_this_collection_is_taken_as_it_is(tmp_path: Path) -> None:
    original = read(tmp_path, PLAIN)
    assert original is not None
    assert original.template == PLAIN


@pytest.mark.parametrize(
    "template",
    [
        PLAIN.replace("</os>", "<kernel>/etc/shadow</kernel></os>"),
        PLAIN.replace("</devices>", f"</devices>{ARGUMENT}"),
        PLAIN.replace("<devices>", "<devices><filesystem type='mount'/>"),
    ],
)
def test_a_manifest_of_another_host_does_not_reach_into_this_one(
    tmp_path: Path, template: str
) -> None:
    """S5: it was registered, and its clones ran with all of that."""
    with pytest.raises(InvalidManifest, match="which a template from elsewhere may not"):
        read(tmp_path, template)


def test_the_emulator_of_another_host_is_not_taken_over(tmp_path: Path) -> None:
    """S5: libvirt ran it to see what it can do."""
    original = read(tmp_path, PLAIN.replace("<devices>", "<devices><emulator>/tmp/evil</emulator>"))
    assert original is not None
    assert "emulator" not in original.template


def test_a_format_that_no_base_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidManifest, match="a format of disks that is not used here"):
        read(tmp_path, PLAIN, BaseDisk("vda", "", "vmdk", 1 << 20, 9, "a" * 64))


@pytest.mark.parametrize("before", ["", "\n  ", "\ufeff", "\ufeff\r\n"])
def test_a_template_may_have_a_declaration_and_what_editors_put_before_it(
    tmp_path: Path, before: str
) -> None:
    text = f"{before}<?xml version='1.0' encoding='UTF-8'?>\n<domain/>"
    (tmp_path / "domain.xml").write_text(text, encoding="utf-8")
    for option in (text, str(tmp_path / "domain.xml")):
        template = request._read_template(option)
        assert template is not None
        assert parse_element(template).tag == "domain"
