# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import addresses, severance

# what `ss -Htnp dst 10.77.0.12` of iproute2 6.1 said during a migration
SAID = """\
ESTAB      0      0          10.77.0.11:49272   10.77.0.12:56794 users:(("qemu-system-x86",pid=532,fd=19))
ESTAB 0      131136     10.77.0.11:33262   10.77.0.12:49153 users:(("qemu-system-x86",pid=277,fd=99))
FIN-WAIT-1 0      301        10.77.0.11:38248   10.77.0.12:22
ESTAB 0 0 [fd00::11]:41464 [fd00::12]:49152 users:(("qemu-system-x86",pid=9,fd=1),("qemu-system-x86",pid=277,fd=100))
ESTAB 0      0          10.77.0.11:40000   10.77.0.12:16509 users:(("libvirtd",pid=2771,fd=30))
"""


def test_only_what_the_guests_own_qemu_has_open_is_dropped() -> None:
    assert severance.parse_connections(SAID, 277) == [
        ("10.77.0.11:33262", "10.77.0.12:49153"),
        ("[fd00::11]:41464", "[fd00::12]:49152"),
    ]


def test_where_nothing_is_open_nothing_is_dropped() -> None:
    assert severance.parse_connections("", 277) == []


@pytest.mark.parametrize("answering", [None, "10.77.0.12", "fd00::12"])
def test_a_host_is_lost_when_none_of_its_addresses_answers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answering: str | None
) -> None:
    """B13: `ss` takes an address of IPv6 in brackets only."""
    places, calls = ["10.77.0.12", "fd00::12"], []

    def run_ss(*arguments: str) -> str:
        calls.append(arguments)
        return SAID.splitlines()[3] if arguments[-1] == "[fd00::12]" else ""

    (tmp_path / "web-1.pid").write_text("277")
    monkeypatch.setattr(severance, "_PROCESSES", tmp_path)
    monkeypatch.setattr(severance, "_run_ss", run_ss)
    monkeypatch.setattr(addresses, "resolve", lambda _host: places)
    monkeypatch.setattr(
        addresses,
        "find_problem_at",
        lambda address: None if address == answering else "No route to host",
    )
    severance.sever_if_unreachable("web-1", "kvm2")
    expected = [
        ("-Htnp", "dst", "10.77.0.12"),
        ("-Htnp", "dst", "[fd00::12]"),
        ("-KHtn", "src", "[fd00::11]:41464", "dst", "[fd00::12]:49152"),
    ]
    assert calls == ([] if answering else expected)
