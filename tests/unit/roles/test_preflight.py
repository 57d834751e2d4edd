# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the roles say before anything is written, on libvirt's test driver."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from tools.checkout import collections_path

NODE: t.Final = """<node><cpu><mhz>3000</mhz><model>x86_64</model><active>8</active><nodes>1</nodes>
  <sockets>1</sockets><cores>8</cores><threads>1</threads></cpu><memory>33554432</memory>
  <network><name>default</name><bridge name='virbr0'/></network>
  <pool type='dir'><name>default</name><target><path>{path}</path></target></pool>
  <pool type='logical'><name>lvm</name><source><name>lvm</name></source><target><path>/dev/lvm</path></target></pool>
  </node>"""
PLACEMENT: t.Final = """
- hosts: hypervisors
  gather_facts: false
  roles: [{role: headroom.libvirt.placement}]
"""
FLEET: t.Final = {
    "name": "web",
    "appliance": "web:1.0",
    "demand": {"value": 3},
    "rule": {"capacity": 1, "max": 5},
}


def play(tmp_path: Path, book: str, *fleets: dict[str, t.Any]) -> tuple[int, str]:
    (tmp_path / "pool").mkdir(exist_ok=True)
    (tmp_path / "node.xml").write_text(NODE.format(path=tmp_path / "pool"))
    (tmp_path / "inventory").write_text(
        "[hypervisors]\nkvm1 ansible_connection=local\n[all:vars]\n"
        f"ansible_python_interpreter={sys.executable}\n"
    )
    (tmp_path / "placement.yml").write_text(PLACEMENT)
    given = {
        "optimistic_provisioning_uri": f"test://{tmp_path}/node.xml",
        "optimistic_provisioning_history": str(tmp_path / "kept" / "history.sqlite"),
        "optimistic_provisioning_forecast_state": "",
        "optimistic_provisioning_fleets": fleets,
    }
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [program, "-i", "inventory", book, "-e", json.dumps(given)],
        cwd=tmp_path,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collections_path())},
        check=False,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout


# What is wrong with a fleet that is right otherwise, and what is said to whoever has to mend it.
WRONG: t.Final[tuple[tuple[str, dict[str, t.Any], str], ...]] = (
    ("appliance", {"appliance": "gone:1"}, "headroom.libvirt.appliance brings it there"),
    ("pool", {"machine": {"pool": "fast"}}, "define it there, or correct machine.pool"),
    ("block", {"machine": {"pool": "lvm"}}, "Name a pool of one of the types"),
    ("network", {"machine": {"network": "dmz"}}, "define it there, or correct machine.network"),
    ("memory", {"machine": {"memory": "much"}}, "machine.memory: 'much'"),
    ("min", {"rule": {"capacity": 1, "min": 9, "max": 5}}, "Lower min or raise max"),
    ("capacity", {"rule": {"capacity": 0, "max": 5}}, "Write what one machine carries"),
    ("typed", {"rule": {"capacity": "a lot", "max": 5}}, "cannot be converted to a float"),
    ("horizon", {"rule": {"capacity": 1, "max": 5, "horizon": "soon"}}, "or auto, which"),
    ("forecaster", {"rule": {"capacity": 1, "max": 5, "forecaster": "luck"}}, "Write one of"),
    (
        "filter",
        {"rule": {"capacity": 1, "max": 5, "forecaster": "a.b.c"}},
        "Install its collection",
    ),
    ("syntax", {"demand": {"query": "sum(domains["}}, "Correct the expression"),
    ("function", {"demand": {"query": "count(domains)"}}, "there is no function count()"),
    ("address", {"demand": {"prometheus": {"url": "here", "query": "up"}}}, "for example https"),
    (
        "server",
        {"demand": {"prometheus": {"url": "http://127.0.0.1:1", "query": "up"}}},
        "127.0.0.1:1",
    ),
    ("nothing", {"demand": {}}, "Write one of query, prometheus, value"),
    ("both", {"demand": {"value": 1, "query": "`1`"}}, "Write one of query, prometheus, value"),
    ("hook", {"after_create": "nowhere.yml"}, "Write the path of a file of tasks"),
    ("health", {"health": {"path": "/up"}}, "Write health.port too"),
)


def test_all_that_is_wrong_with_any_fleet_is_told_by_one_run(tmp_path: Path) -> None:
    fleets = [{**FLEET, "name": name, **wrong} for name, wrong, _words in WRONG]
    code, said = play(tmp_path, "headroom.libvirt.provision", *fleets)
    assert code == 2
    told = said.partition("Tell what has failed")[2]
    silent = [name for name, _wrong, words in WRONG if f"{name}: " not in told or words not in told]
    assert silent == [], told
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(
    ("book", "fleets", "words"),
    [
        (
            "headroom.libvirt.provision",
            [FLEET],
            "it has not the appliance web:1.0 in its pool default (headroom.libvirt.appliance brings it",
        ),
        ("headroom.libvirt.provision", [], "optimistic_provisioning_fleets names no fleet"),
        ("placement.yml", [], "The role headroom.libvirt.placement does nothing by itself."),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_written(
    tmp_path: Path, book: str, fleets: list[dict[str, t.Any]], words: str
) -> None:
    code, said = play(tmp_path, book, *fleets)
    assert words in said
    assert code == 2
    assert not (tmp_path / "kept").exists()
