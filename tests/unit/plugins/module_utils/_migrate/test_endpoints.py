# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.endpoints import (
    Seen,
    whereabouts,
)

ABSENT = Seen()
OFF = Seen("shutoff", "destroyed")
RUNS = Seen("running", "booted")
ARRIVING = Seen("paused", "migration")


@pytest.mark.parametrize(
    ("source", "destination", "place"),
    [
        (RUNS, ABSENT, "source"),
        (RUNS, OFF, "source"),
        (Seen("paused", "user"), ABSENT, "source"),
        (RUNS, ARRIVING, "moving"),
        (Seen("paused", "migration"), ARRIVING, "moving"),
        (Seen("paused", "migration"), RUNS, "moving"),
        (ABSENT, RUNS, "destination"),
        (OFF, Seen("paused", "ioerror"), "destination"),
        (Seen("paused", "postcopy"), RUNS, "postcopy"),
        (Seen("paused", "postcopy_failed"), Seen("paused", "postcopy_failed"), "postcopy"),
        (RUNS, RUNS, "both"),
        (ABSENT, ABSENT, "nowhere"),
        (OFF, OFF, "nowhere"),
    ],
)
def test_where_a_guest_is(source: Seen, destination: Seen, place: str) -> None:
    assert whereabouts(source, destination) == place


def test_a_guest_that_runs_on_one_host_alone_is_there() -> None:
    reasons = ("booted", "migrated", "unpaused", "postcopy", "migration_canceled")
    for reason, other in itertools.product(reasons, (ABSENT, OFF)):
        assert whereabouts(other, Seen("running", reason)) == "destination"
