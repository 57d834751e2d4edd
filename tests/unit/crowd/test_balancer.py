# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from crowd import balancer
from crowd.stage import Stage
from tools.checkout import ROOT

STATE = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state
4 web 1 web-1 10.77.11.20 2 0
4 web 2 web-2 10.77.12.21 0 1

"""
GUIDE = ROOT / "docs/docsite/rst/guide_provisioning.rst"


def test_machines_are_read_from_the_servers_states() -> None:
    assert balancer.machines(STATE) == {"web-1": "10.77.11.20", "web-2": "10.77.12.21"}


def test_requests_are_read_from_the_frontends_row() -> None:
    assert balancer.requests("# pxname,svname,scur,req_tot,\nweb,FRONTEND,3,1234,\n\n") == 1234


def test_versions_are_what_the_machines_say(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(_stage: Stage, host: str, script: str) -> str:
        asked.append((host, script))
        return "web-1 2.0\nweb-2\n"

    monkeypatch.setattr(Stage, "ssh", answer)
    stage = Stage("lab", Path("inventory"), Path("folder"), {"k1": "10.77.0.11"})
    machines = balancer.machines(STATE)
    assert balancer.Balancer(stage, "k1").read_versions(machines) == {"web-1": "2.0", "web-2": ""}
    ((host, script),) = asked
    assert host == "k1"
    assert "http://10.77.11.20/health" in script
    assert "http://10.77.12.21/health" in script


@pytest.mark.parametrize("name", ["after_create.yml", "before_remove.yml", "before_park.yml"])
def test_the_guide_shows_the_hooks_that_run_here(name: str) -> None:
    _licence, tasks = (balancer.PLAYS / name).read_text().split("---\n")
    shown = textwrap.indent(tasks.rstrip(), "  ")
    assert f"  # {name}\n{shown}\n" in GUIDE.read_text()


def test_the_guide_shows_the_balancer_that_runs_here() -> None:
    guide = GUIDE.read_text()
    sections = Path(balancer.PLAYS / "haproxy.cfg").read_text().split("\n\n")
    for section in sections:
        if section.startswith(("global", "frontend", "backend")):
            assert textwrap.indent(section.rstrip(), "  ") in guide
