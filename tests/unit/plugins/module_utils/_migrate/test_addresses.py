# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import addresses


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("qemu+ssh://kvm2/system", "tcp://kvm2"),
        ("qemu+ssh://root@192.0.2.2:2222/system", "tcp://192.0.2.2"),
        ("qemu+ssh://root@[2001:db8::2]/system", "tcp://[2001:db8::2]"),
        ("qemu+tls://[2001:db8::2]:16514/system", "tcp://[2001:db8::2]"),
        ("qemu:///system", None),
    ],
)
def test_memory_goes_to_the_host_that_the_uri_names(uri: str, expected: str | None) -> None:
    assert addresses.choose_migrate_uri(uri) == expected


def test_every_address_of_a_host_is_tried_as_qemu_tries_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """B13: of a host with both families the first need not be the one that works."""
    rows = [
        (10, 1, 6, "", ("2001:db8::2", 49152, 0, 0)),
        (10, 1, 6, "", ("fe80::2", 49152, 0, 3)),
        (2, 1, 6, "", ("192.0.2.2", 49152)),
        (2, 1, 6, "", ("192.0.2.2", 49152)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_unused, **_options: rows)
    assert addresses.resolve("kvm2") == ["2001:db8::2", "fe80::2%3", "192.0.2.2"]


def test_a_look_whether_a_host_answers_ends_no_migration_that_arrives_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """libvirt hands its ports out from the first one on, and a QEMU takes the first connection for its guest."""
    places: list[tuple[str, int]] = []

    def refuse(place: tuple[str, int], _seconds: float) -> socket.socket:
        places.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    assert addresses.find_problem_at("192.0.2.2") is None
    assert places == [("192.0.2.2", 49215)]
