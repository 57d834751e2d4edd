# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host is lost: the fleet is as short as was told before, and the next run makes the machines that were told of."""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from .conftest import Lab

pytestmark = pytest.mark.skipif(
    not os.environ.get("HEADROOM_FULL"), reason="./dev test --full runs it"
)
HERE = Path(__file__).parent / "outlook"
# Of ansible-playbook, where a host does not answer and all else went well.
UNREACHABLE = 4


def test_what_the_loss_of_a_host_takes_is_what_was_told(triplets: Lab, tmp_path: Path) -> None:
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    triplets.playbook(HERE / "make.yml", told=str(before))
    known = json.loads(before.read_text())
    losses = {loss["host"]: loss for loss in known["outlook"]["losses"]}
    assert losses.keys() == known["counts"].keys() == {"k1", "k2", "k3"}
    assert {host: loss["lost"] for host, loss in losses.items()} == known["counts"]
    assert {row["kind"] for row in known["outlook"]["runways"]} >= {"pool", "memory", "fleet"}
    host = max(losses, key=lambda name: (losses[name]["lost"], name))
    (told,) = losses[host]["fleets"]
    assert (told["serving"], told["lost"], told["needed"], told["short"]) == (8, 3, 8, 3)
    assert (sum(told["replaced"].values()), told["lasting"]) == (1, 2)

    triplets.crash(host)
    inventory = triplets.facts["inventory"]
    settings = ["-i", inventory, "-e", f"told={after}", "-e", "ansible_ssh_timeout=5"]
    done = triplets.run("ansible-playbook", *settings, str(HERE / "after.yml"))
    assert done.returncode == UNREACHABLE, done.stdout
    result = json.loads(after.read_text())
    expected = {name: count for name, count in known["counts"].items() if name != host}
    for name, count in told["replaced"].items():
        expected[name] += count
    assert result["counts"] == expected
    machines = result["fleet"]["machines"]
    assert machines["current"] == told["serving"] - told["lost"]
    assert machines["needed"] - machines["target"] == told["lasting"]

    page = tmp_path / "report.html"
    settings = ["-e", f"@{HERE / 'vars.yml'}", "-e", "threads=4", "-e", f"report_dest={page}"]
    done = triplets.run(
        *("ansible-playbook", "-i", inventory, "-e", "ansible_ssh_timeout=5", *settings),
        "headroom.libvirt.report",
    )
    assert done.returncode == UNREACHABLE, done.stdout
    assert page.exists(), done.stdout
    assert "If a host is lost" in page.read_text()
    assert "did not answer" in page.read_text()
