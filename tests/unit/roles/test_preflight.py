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
  <pool type='dir'><name>default</name><target><path>{path}</path></target></pool></node>"""
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
