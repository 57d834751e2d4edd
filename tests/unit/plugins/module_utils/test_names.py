# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._names import (
    check_name,
    check_new_name,
    check_version,
    is_appliance_volume,
)


@pytest.mark.parametrize("name", ["web", "web-1", "Web_2", "debian-13.1", "a" * 63])
def test_ordinary_names_pass(name: str) -> None:
    assert check_name("names", name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a/b",
        "..",
        "a..b",
        "a\nb",
        "a\n",
        "-rf",
        ".hidden",
        "a b",
        "a:b",
        "ä",
        "a" * 64,
        "a\x00",
        "$(id)",
        "a@b",
    ],
)
def test_a_name_that_is_no_file_name_is_refused_with_option_value_and_remedy(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_name("names", name)
    assert caught.value.message.startswith(f"names: {name!r} ")
    assert "Write 1 to 63 letters" in caught.value.message
    assert caught.value.details["option"] == "names"


@pytest.mark.parametrize(
    "name",
    [
        "headroom-appliance.sneaky",
        "headroom-export-0123456789ab",
        "headroom-warm-web-1",
        "headroom-tls-web",
        "headroom-probe.1",
        "Headroom-Export-1",
        "headroom-",
    ],
)
def test_what_the_collection_calls_its_own_so_nobody_else_may(name: str) -> None:
    with pytest.raises(InvalidInput, match=f"names: '{name}' begins with 'headroom-'"):
        check_new_name("names", name)


def test_names_that_only_look_like_it_are_anybody_s() -> None:
    assert check_new_name("names", "headroom") == check_name("names", "headroom")
    with pytest.raises(InvalidInput, match="cannot be used as a name"):
        check_new_name("names", "a/b")


def test_no_machine_s_volume_is_called_like_one_of_the_catalogue() -> None:
    assert is_appliance_volume("headroom-appliance.web@1.0.0123456789ab.vda.qcow2")
    assert is_appliance_volume("headroom-appliance.web@1.0.manifest.json")
    assert not is_appliance_volume("headroom-appliance.sneaky.vda.qcow2")


@pytest.mark.parametrize("version", ["1", "1.4", "20260504", "1.0~rc1", "2.0+deb13"])
def test_ordinary_versions_pass(version: str) -> None:
    assert check_version("version", version) == version


@given(st.text())
def test_what_passes_is_one_harmless_path_component(text: str) -> None:
    try:
        check_version("version", text)
    except InvalidInput:
        return
    assert text.isascii()
    assert text.isprintable()
    assert not set(text) & set("/:@\\\n ")
    assert ".." not in text
    assert text[0] not in "-."
