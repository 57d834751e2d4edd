# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess

import pytest

from lab import hosts, machine
from lab.naming import Host, Lab

RAM = '{"qom-type":"memory-backend-ram","id":"pc.ram","size":%d%s}'


def started(*arguments: str) -> list[str]:
    """What QEMU itself would be started with."""
    script = hosts.LONGER_RAM.read_text().replace(f"exec {hosts.QEMU}-itself", "printf '%s\\n'")
    done = subprocess.run(
        ["sh", "-c", script, "qemu", *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("memory", ["96", "size=98304k"])
def test_memory_is_8_kib_longer_however_libvirt_says_it(memory: str) -> None:
    assert started("-m", memory, "-S") == ["-m", "size=98312k", "-S"]


@pytest.mark.parametrize("rest", ["", ',"share":true'])
def test_what_holds_the_memory_is_as_long(rest: str) -> None:
    assert started("-object", RAM % (100663296, rest)) == ["-object", RAM % (100671488, rest)]


@pytest.mark.parametrize("kind", ["file", "memfd"])
def test_memory_of_huge_pages_stays_as_long_as_its_pages(kind: str) -> None:
    backend = RAM.replace("-ram", f"-{kind}") % (8388608, ',"hugetlb":true')
    words = ["-m", "size=8192k", "-object", backend]
    assert started(*words) == words


def test_all_else_is_handed_on() -> None:
    words = [
        "-name",
        "guest=a b",
        "-object",
        '{"qom-type":"secret","size":1}',
        "-m",
        "size=1k,slots=2",
        "-smp",
        "96",
    ]
    assert started(*words) == words


def test_only_old_qemu_that_emulates_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "kvm_usable", lambda: False)
    assert machine.needs_longer_ram("bookworm")
    assert not machine.needs_longer_ram("trixie")
    monkeypatch.setattr(machine, "kvm_usable", lambda: True)
    assert not machine.needs_longer_ram("bookworm")


def test_all_hypervisors_of_a_lab_have_it_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "kvm_usable", lambda: False)
    mixed = Lab("mixed", (Host(1, "bookworm"), Host(2, "trixie"), Host(3, "trixie-bare")))
    newer = Lab("newer", (Host(1, "trixie"), Host(2, "trixie")))
    assert [hosts.has_longer_ram(mixed, host) for host in mixed.hosts] == [True, True, False]
    assert not any(hosts.has_longer_ram(newer, host) for host in newer.hosts)
