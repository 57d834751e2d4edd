# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.endpoints import (
    SeenState,
    locate,
)

ABSENT = SeenState()
OFF = SeenState("shutoff", "destroyed")
RUNS = SeenState("running", "booted")
ARRIVING = SeenState("paused", "migration")


@pytest.mark.parametrize(
    ("source", "destination", "place"),
    [
        (RUNS, ABSENT, "source"),
        (RUNS, OFF, "source"),
        (SeenState("paused", "user"), ABSENT, "source"),
        (RUNS, ARRIVING, "moving"),
        (SeenState("paused", "migration"), ARRIVING, "moving"),
        (SeenState("paused", "migration"), RUNS, "moving"),
        (ABSENT, RUNS, "destination"),
        (OFF, SeenState("paused", "ioerror"), "destination"),
        (SeenState("paused", "postcopy"), RUNS, "postcopy"),
        (
            SeenState("paused", "postcopy_failed"),
            SeenState("paused", "postcopy_failed"),
            "postcopy",
        ),
        (RUNS, RUNS, "both"),
        (ABSENT, ABSENT, "nowhere"),
        (OFF, OFF, "nowhere"),
    ],
)
def test_where_a_guest_is(source: SeenState, destination: SeenState, place: str) -> None:
    assert locate(source, destination) == place


def test_a_guest_that_runs_on_one_host_alone_is_there() -> None:
    reasons = ("booted", "migrated", "unpaused", "postcopy", "migration_canceled")
    for reason, other in itertools.product(reasons, (ABSENT, OFF)):
        assert locate(other, SeenState("running", reason)) == "destination"
