# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import types
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._clone import origin
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    InvalidInput,
    Unsupported,
)


@pytest.mark.parametrize(
    ("text", "ports"), [("10809", range(10809, 10810)), ("1-65535", range(1, 65536))]
)
def test_ports_are_one_or_a_range(text: str, ports: range) -> None:
    assert origin.parse_ports(text) == ports


@pytest.mark.parametrize("text", ["", "0", "9-1", "1-65536", "a", "1-", "-1", "1 - 2", "99999"])
def test_what_is_no_range_of_ports_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="source_ports"):
        origin.parse_ports(text)


def choose(clones: int, disks: int) -> object:
    """Choose how clones come about that are streamed to a host whose QEMU should not pull several disks."""
    manifest = types.SimpleNamespace(name="web", version="1", disks=("disk",) * disks)
    plan = types.SimpleNamespace(clones=("clone",) * clones, manifest=manifest)
    unused = t.cast("t.Any", None)
    return origin.choose_strategy(
        t.cast("t.Any", plan),
        origin.Origin(unused, unused, t.cast("t.Any", "source")),
        unused,
        {"bandwidth": None},
        unused,
        unused,
    )


def test_clones_with_several_disks_are_not_streamed_to_a_qemu_that_may_crash_over_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(origin, "find_crowd_problem", lambda _connection: "QEMU 7.2 may crash")
    with pytest.raises(Unsupported, match=r"QEMU 7\.2 may crash, and one of web:1 has 2"):
        choose(clones=1, disks=2)
    choose(clones=1, disks=1)


def test_clones_that_are_there_already_are_no_reason_to_refuse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(origin, "find_crowd_problem", lambda _connection: "QEMU 7.2 may crash")
    choose(clones=0, disks=2)
