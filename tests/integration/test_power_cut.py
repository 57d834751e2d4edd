# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All hosts of a fleet of ten machines go down: the next run wakes what the last demand asks for, and destroys none.

With the power cut the machines are off; where the hosts still had the time to save them, they look as if a plan had
parked them. In both cases nobody was there who could have measured a demand.
"""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from .conftest import Lab

pytestmark = pytest.mark.skipif(
    not os.environ.get("HEADROOM_FULL"), reason="./dev test --full runs it"
)
HERE = Path(__file__).parent / "power_cut"
SAVE = "for name in $(virsh list --name); do virsh managedsave $name & done; wait"


@pytest.fixture(scope="module")
def fleet(twins: Lab) -> Lab:
    """Ten machines on two hosts."""
    twins.playbook(HERE / "make.yml")
    return twins


def test_a_power_cut_of_all_hosts_destroys_no_machine(fleet: Lab) -> None:
    fleet.cycle_power()
    fleet.playbook(HERE / "after.yml")


def test_machines_that_their_hosts_saved_are_not_parked(fleet: Lab) -> None:
    for host in fleet.facts["hosts"]:
        saved = fleet.run("ssh", host["name"], SAVE)
        assert saved.stdout.count("saved by libvirt") == 5, saved.stdout
    fleet.playbook(HERE / "after.yml")
