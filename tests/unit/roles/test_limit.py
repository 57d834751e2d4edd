# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The roles: which hosts they take for unknown in a run that is limited."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from tools.checkout import ROOT, collections_path

PLAY: t.Final = """
- hosts: hypervisors
  gather_facts: false
  tasks:
    - include_vars: {file: %(role)s/vars/main.yml}
    - include_vars: {file: %(role)s/defaults/main.yml}
    - set_fact:
        __placement_seen: {name: "{{ inventory_hostname }}", facts: {}}
        __optimistic_provisioning_observation: {host: {}}
    - copy: {content: "{{ %(hosts)s | to_json }}", dest: "%(told)s"}
      run_once: true
      delegate_to: localhost
"""


def read_hosts(role: str, variable: str, tmp_path: Path, *options: str) -> t.Any:
    (tmp_path / "inventory").write_text(
        "[hypervisors]\nkvm[1:3] ansible_connection=local\n[all:vars]\n"
        f"ansible_python_interpreter={sys.executable}\n"
    )
    told = tmp_path / "told.json"
    (tmp_path / "play.yml").write_text(
        PLAY % {"role": ROOT / "roles" / role, "hosts": variable, "told": told}
    )
    subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"),
            "-i",
            "inventory",
            "play.yml",
            *options,
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(collections_path()),
            "ANSIBLE_LOCALHOST_WARNING": "false",
        },
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return json.loads(told.read_text())


@pytest.mark.parametrize(
    ("role", "variable", "known", "unknown"),
    [
        (
            "optimistic_provisioning",
            "__optimistic_provisioning_hosts",
            {"observation": {"host": {}}},
            {"observation": {"left_out": True}},
        ),
        ("placement", "__placement_hosts", {"facts": {}}, {"facts": None}),
    ],
)
def test_hosts_that_a_limit_leaves_out_are_unknown(
    role: str,
    variable: str,
    known: dict[str, t.Any],
    unknown: dict[str, t.Any],
    tmp_path: Path,
) -> None:
    limited = read_hosts(role, variable, tmp_path, "--limit", "kvm1")
    assert [row["name"] for row in limited] == ["kvm1", "kvm2", "kvm3"]
    assert limited[1:] == [{"name": name, **unknown} for name in ("kvm2", "kvm3")]
    every = read_hosts(role, variable, tmp_path)
    assert [row["name"] for row in every] == ["kvm1", "kvm2", "kvm3"]
    assert every == [{"name": row["name"], **known} for row in every]
