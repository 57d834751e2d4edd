# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts that an inventory file names."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.hosts import (
    InventoryHost,
    read_hosts,
)


def test_a_host_is_called_by_its_uri_unless_it_has_a_name() -> None:
    uris = [
        "qemu+ssh://root@kvm1/system",
        {"uri": "qemu+tls://kvm2:16514/system", "name": "second"},
        "qemu:///system",
    ]
    assert read_hosts(uris) == [
        InventoryHost("kvm1", "qemu+ssh://root@kvm1/system"),
        InventoryHost("second", "qemu+tls://kvm2:16514/system"),
        InventoryHost("localhost", "qemu:///system"),
    ]


@pytest.mark.parametrize(
    ("uris", "said"),
    [
        ([], "does not name a host"),
        ([""], "is not a host"),
        ([None], "is not a host"),
        ([7], "is not a host"),
        ([{"name": "kvm1"}], "is not a host"),
        ([{"uri": "qemu:///system", "name": 7}], "is not a host"),
        ([{"uri": "qemu:///system", "nmae": "kvm1"}], "is not a host"),
        (["qemu+ssh://[::1/system"], "is not a URI"),
        (["qemu:///system", "qemu:///session"], "'localhost' is the name of more than one host"),
    ],
)
def test_what_is_wrong_is_said(uris: list[t.Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as failure:
        read_hosts(uris)
    assert failure.value.message.startswith("uris: ")


def test_a_password_is_not_shown() -> None:
    with pytest.raises(InvalidInput) as failure:
        read_hosts([{"uri": "qemu+ssh://root:secret@kvm1/system", "port": 22}])
    assert "secret" not in failure.value.message
