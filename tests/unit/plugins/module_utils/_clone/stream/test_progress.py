# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far a streamed clone is, from what libvirt says of it."""

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._clone.stream.progress import (
    Observed,
    Progress,
    progress,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.blocks import Job

HALF = Job(5, 10)


def test_a_clone_without_a_chain_is_local_whatever_else_is_true() -> None:
    assert progress(Observed("shutoff", "shutdown", {}, source=False)) == Progress("local")


def test_bytes_are_of_all_disks() -> None:
    found = progress(Observed("running", "booted", {"vda": HALF, "vdb": Job(1, 100)}, source=True))
    assert found == Progress("streaming", 6, 110)


def test_a_guest_that_its_operator_paused_is_filled_all_the_same() -> None:
    assert progress(Observed("paused", "user", {"vda": HALF})).state == "streaming"


@pytest.mark.parametrize(
    ("observed", "words"),
    [
        (Observed("paused", "ioerror", {"vda": HALF}), "Nothing was lost"),
        (Observed("running", "booted", {"vda": None, "vdb": HALF}), "the rest of vda."),
        (Observed("running", "booted", {"vda": HALF}, source=False), "does not serve"),
        (Observed("shutoff", "destroyed", {"vda": None}), "It is off"),
        (Observed("crashed", "panicked", {"vda": None}), "It is off"),
    ],
)
def test_what_keeps_it_from_becoming_local_is_said(observed: Observed, words: str) -> None:
    found = progress(observed)
    assert found.state == "streaming-failed"
    assert words in (found.reason or "")
