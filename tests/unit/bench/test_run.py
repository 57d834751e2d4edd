# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulated site of `./dev bench run` is one that the module plans for, with nothing to do."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t

from bench import run
from tools.checkout import collections_path

if t.TYPE_CHECKING:
    from pathlib import Path

MODULE: t.Final = "ansible_collections.headroom.libvirt.plugins.modules.provisioning_plan_info"


def test_a_site_is_planned_for(tmp_path: Path) -> None:
    arguments = run.describe_site(3, 2, 0, tmp_path / "forecasts.sqlite")
    done = subprocess.run(
        [sys.executable, "-m", MODULE],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        env={"PYTHONPATH": ":".join([str(collections_path()), *sys.path])},
        capture_output=True,
        check=True,
        text=True,
    )
    result = json.loads(done.stdout)
    assert result["problems"] == []
    assert [fleet["machines"]["current"] for fleet in result["fleets"]] == [2, 2, 2]


def test_a_limit_is_shown_where_there_is_one() -> None:
    rows = [run._row("seconds", 1, 3.0, 12.0), run._row("tasks", 1, 9, 9)]
    lines = run.table(rows).splitlines()
    assert lines[1].split() == ["seconds", "1", "3", "12"]
    assert lines[2].split() == ["tasks", "1", "9"]
