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
    build_ssh_uri,
    check_composed_uri,
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
        (["qemu+ssh://kvm1:99999/system"], "is not a URI"),
        (["qemu+ssh://-oProxyCommand=id/system"], "is not the name or the address of a host"),
        (["qemu+ssh://ro%20ot@kvm1/system"], "is not the name of a user"),
        (["qemu+ssh://root@/system"], "is not a URI"),
        (["qemu+ssh://kvm1/system?known_hosts=/x%0aProxyCommand%20id"], "has control characters"),
        (["qemu+ssh://kvm1/system\n"], "is not a URI|has control characters"),
        (["kvm1"], "has no scheme"),
        (["qemu+ssh://kvm1/system#x"], "or a '#'"),
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


def test_a_hypervisor_is_reached_as_ansible_reaches_it() -> None:
    variables = {"ansible_host": "fd00::1", "ansible_user": "a@b", "ansible_port": "2222"}
    assert build_ssh_uri("kvm1", variables) == "qemu+ssh://a%40b@[fd00::1]:2222/system?no_tty=1"
    assert build_ssh_uri("kvm1", {"ansible_host": "[fd00::1]"}) == (
        "qemu+ssh://[fd00::1]/system?no_tty=1"
    )
    assert build_ssh_uri("kvm1", {}) == "qemu+ssh://kvm1/system?no_tty=1"


@pytest.mark.parametrize(
    ("variables", "option"),
    [
        ({"ansible_host": "h/system?command=/opt/evil&keyfile="}, "ansible_host of kvm1"),
        ({"ansible_host": "-oProxyCommand=touch /opt/x"}, "ansible_host of kvm1"),
        ({"ansible_host": "{{ address }}"}, "ansible_host of kvm1"),
        ({"ansible_host": 7}, "ansible_host of kvm1"),
        ({"ansible_user": "root -x"}, "ansible_user of kvm1"),
        ({"ansible_port": "22/system?command=x"}, "ansible_port of kvm1"),
    ],
)
def test_what_an_inventory_says_adds_nothing_to_a_uri(
    variables: dict[str, t.Any], option: str
) -> None:
    with pytest.raises(InvalidInput, match=f"^{option}: "):
        build_ssh_uri("kvm1", variables)


def test_a_group_s_host_whose_name_is_none_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"^ansible_host of kvm 1: "):
        build_ssh_uri("kvm 1", {})


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("qemu+ssh://h/system?command=/opt/evil&x=/system", "the parameter 'command' out of a"),
        ("qemu+ssh://h/system?keyfile=/system", "the parameter 'keyfile' out of a variable"),
        ("qemu+ssh://h/system?netcat=x", "the parameter 'netcat' out of a variable"),
        ("qemu+ssh://fd00::1/system", "is not a URI"),
        ("qemu+ssh://h h/system", "is not the name or the address of a host"),
    ],
)
def test_a_variable_adds_no_parameter_to_the_uri_of_an_expression(uri: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=f"^hypervisor_uri: .*{said}"):
        check_composed_uri("'qemu+ssh://' ~ ansible_host ~ '/system'", uri)


def test_what_the_expression_itself_says_stays() -> None:
    uri = "qemu+ssh://root@[fd00::1]/system?keyfile=/k&no_tty=1"
    expression = "'qemu+ssh://root@[' ~ ansible_host ~ ']/system?keyfile=/k&no_tty=1'"
    assert check_composed_uri(expression, uri) == uri
