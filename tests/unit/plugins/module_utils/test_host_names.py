# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the name of a host means, and which may stand in a URI or a command."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._host_names import (
    check_host,
    check_port,
    check_user,
    leads_to_controller,
)


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("kvm1", "kvm1"),
        ("kvm_1.example.com", "kvm_1.example.com"),
        ("10.0.0.1", "10.0.0.1"),
        ("fd00::1", "fd00::1"),
        ("[fd00::1]", "fd00::1"),
        ("fe80::1%br0", "fe80::1%br0"),
    ],
)
def test_names_and_addresses_are_hosts(value: str, host: str) -> None:
    assert check_host("ansible_host", value) == host


@pytest.mark.parametrize(
    "value",
    [
        *("h/system?command=/opt/evil&keyfile=", "h?command=x", "h#x", "root@h", "h:22", "[h]"),
        *("-oProxyCommand=touch /opt/x", "h h", " h", "h\n", "h\0", "", "{{ address }}", "h%00"),
        *("[fd00::1", "fd00::1]", "[fd00::1]:22", "fe80::1%br0;id", "fd00::g", "h;id", "$(id)"),
        *("h" * 300, "h\u00b2", None, 7, ["h"]),
    ],
)
def test_what_would_add_to_a_uri_or_a_command_is_no_host(value: object) -> None:
    with pytest.raises(InvalidInput, match=r"^ansible_host: "):
        check_host("ansible_host", value)


@pytest.mark.parametrize(
    "value", ["-l", "root x", "a:b", "a/b", "$(id)", "", "x\n", ["root"], None]
)
def test_what_is_no_user_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match=r"^ansible_user: .* is not the name of a user"):
        check_user("ansible_user", value)


def test_users_of_domains_are_users() -> None:
    for user in ("root", "svc-ansible", "admin@example.com", r"EXAMPLE\admin", "jürgen"):
        assert check_user("ansible_user", user) == user


@pytest.mark.parametrize("value", [0, -1, 65536, "22 ", "9" * 5000, "\u0663", None, True, 22.5])
def test_what_is_no_port_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match=r"^ansible_port: .* is not the number of a port"):
        check_port("ansible_port", value)
    assert check_port("ansible_port", "2222") == check_port("ansible_port", 2222) == 2222


@pytest.mark.parametrize(
    "name",
    [
        *("localhost", "LOCALHOST.", "localhost.localdomain", "ip6-localhost", "::1", "[::1]"),
        *("127.0.0.1", "127.9.9.9", "127.1", "0x7f.1", "0177.0.0.1", "2130706433", "0"),
        *("::", "::ffff:127.0.0.1"),
    ],
)
def test_names_of_the_controller_itself(name: str) -> None:
    assert leads_to_controller(name)


@pytest.mark.parametrize(
    "name", ["kvm1", "10.0.0.1", "1", "128.1", "fd00::1", "9" * 5000, "1.2.3.4.5", "127", "127.a"]
)
def test_names_of_other_machines(name: str) -> None:
    assert not leads_to_controller(name)


@given(st.text("0123456789abcdefx.", max_size=14))
def test_short_addresses_are_read_as_the_resolver_reads_them(name: str) -> None:
    try:
        packed = socket.inet_aton(name)
    except OSError:
        return
    assert leads_to_controller(name) == (packed[0] == 127 or packed == bytes(4))
