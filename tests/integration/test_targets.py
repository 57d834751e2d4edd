# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every folder of `targets` is a test.

One called `setup_…` is there for others to include; one called `full_…` takes its time and runs with `--full` only. One
with a `playbook.yml` runs that, and decides itself where its tasks run. Any other is a role, run on every lab host.
Guests move between hosts that are alike; with --full some do so between old ones too (NAME@old_twins).
"""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from .conftest import Lab

HERE = Path(__file__).parent
ON_TWINS = {
    "domain_migrate",
    "domain_migrate_own_volumes",
    "full_block_disks",
    "full_build",
    "full_domain_migrate_tls",
    "full_hostile_moves",
    "full_mixed_host",
    "full_raw_appliance",
    "full_selftest",
    "machine",
    "placement",
}
ON_BARE = {"full_join"}
ON_CEPH = {"full_rbd"}
ON_OLD_TWINS = {"full_hostile_moves", "full_raw_appliance"}
LONGEST = (
    "optimistic_provisioning"  # what takes longest begins first, or a shared run waits for it alone
)
TARGETS = sorted(
    (path.name for path in (HERE / "targets").glob("[!.]*/") if not path.name.startswith("setup_")),
    key=lambda name: (name != LONGEST, name),
)
FULL = bool(os.environ.get("HEADROOM_FULL"))


def target(name: str, hosts: str = "") -> t.Any:
    skipped = (name.startswith("full_") or hosts) and not FULL
    kinds = {"bare": ON_BARE, "ceph": ON_CEPH, "twins": ON_TWINS}
    place = hosts or next((kind for kind, names in kinds.items() if name in names), "lab")
    return pytest.param(
        name,
        place,
        id=name if place == "lab" else f"{name}@{place}",
        marks=[pytest.mark.skip("./dev test --full runs it")] if skipped else [],
    )


@pytest.mark.parametrize(
    ("name", "hosts"),
    [*map(target, TARGETS), *(target(name, "old_twins") for name in sorted(ON_OLD_TWINS))],
)
def test_target(request: pytest.FixtureRequest, name: str, hosts: str) -> None:
    lab: Lab = request.getfixturevalue(hosts)
    own = HERE / "targets" / name / "playbook.yml"
    after = HERE / "unfinished.yml"
    if own.exists():
        lab.playbook(own, after)
    else:
        lab.playbook(HERE / "target.yml", after, target=name)
