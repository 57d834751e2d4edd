# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import names
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import ApplianceId
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

# Few characters, so that boundaries between the parts are ambiguous as often as can be.
NAMES = st.text("a1._-", max_size=8).map("a".__add__).filter(lambda name: ".." not in name)
VERSIONS = st.text("a1._+~-", max_size=8).map("1".__add__).filter(lambda name: ".." not in name)
APPLIANCES = st.builds(ApplianceId, NAMES, VERSIONS)
TOKENS = st.text("0f", min_size=12, max_size=12)


@given(APPLIANCES, TOKENS, st.sampled_from(["vda", "sdb"]), st.sampled_from(["qcow2", "raw"]))
def test_volume_names_say_whose_they_are(
    appliance: ApplianceId, token: str, target: str, image_format: str
) -> None:
    volume = names.disk_volume(appliance, token, target, image_format)
    assert names.read_disk_volume(volume) == names.DiskVolume(appliance, token, target)
    assert names.read_manifest_volume(volume) is None
    manifest = names.manifest_volume(appliance)
    assert names.read_manifest_volume(manifest) == appliance
    assert names.read_disk_volume(manifest) is None


@given(APPLIANCES, APPLIANCES, TOKENS)
def test_no_two_appliances_share_a_file(one: ApplianceId, other: ApplianceId, token: str) -> None:
    if one != other:
        assert names.manifest_volume(one) != names.manifest_volume(other)
        assert names.disk_volume(one, token, "vda", "raw") != names.disk_volume(
            other, token, "vda", "raw"
        )


@given(APPLIANCES)
def test_no_name_is_read_as_a_protocol_by_qemu(appliance: ApplianceId) -> None:
    assert ":" not in names.manifest_volume(appliance)
    assert ":" not in names.disk_volume(appliance, "0" * 12, "vda", "qcow2")


def test_other_volumes_are_nobodys() -> None:
    for name in (
        "web-1.vda.qcow2",
        "headroom-appliance.web@1.iso",
        "x-headroom-appliance.web@1.manifest.json",
    ):
        assert names.read_manifest_volume(name) is None
        assert names.read_disk_volume(name) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("web", ("web", None)), ("web:1.4", ("web", "1.4")), ("web:2+b", ("web", "2+b"))],
)
def test_a_reference_has_a_name_and_perhaps_a_version(
    text: str, expected: tuple[str, str | None]
) -> None:
    assert names.parse_reference("appliance", text) == expected


@pytest.mark.parametrize("text", ["", ":1", "web:", "web:1:2", "../web", "web:../1"])
def test_anything_else_is_no_reference(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^appliance: "):
        names.parse_reference("appliance", text)
