# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role placement: what it makes of the moves of a batch, of which some could not begin or failed."""

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
- hosts: all
  gather_facts: false
  vars:
    __placement_batch:
      - {uuid: u1, source: kvm1, fleet: web}
      - {uuid: u2, source: kvm1, fleet: db}
      - {uuid: u3, source: kvm2, fleet: null}
      - {uuid: u4, source: kvm1, fleet: null}
    __placement_failures: [{guest: u9, source: kvm1, destination: kvm2, failed: true, message: It broke.}]
    names: [fleets, denied, arrived, complaints, left_alone]
    values: "{{ names | map('regex_replace', '^', '__placement_') | map('extract', vars) }}"
  tasks:
    - include_vars: {file: %(role)s/vars/main.yml}
    - set_fact:
        __placement_leases: {results: "{{ leases[inventory_hostname] }}"}
        __placement_begun: {results: "{{ begun[inventory_hostname] }}"}
        __placement_moved: {results: "{{ moved[inventory_hostname] }}"}
    - copy:
        content: "{{ dict(names | zip(values)) | to_json }}"
        dest: "{{ playbook_dir }}/result.json"
      run_once: true
    - copy:
        content: "{{ __placement_departing | map(attribute='uuid') | to_json }}"
        dest: "{{ playbook_dir }}/{{ inventory_hostname }}.json"
"""


def job(uuid: str, **outcome: t.Any) -> dict[str, t.Any]:
    return {"__placement_job": {"__placement_move": {"uuid": uuid}}, "failed": False, **outcome}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, t.Any]:
    """What the role's variables come to where a fleet is held by another run, a move fails, and one cannot begin."""
    folder = tmp_path_factory.mktemp("batch")
    (folder / "inventory").write_text(
        "kvm[1:2] ansible_connection=local\n[all:vars]\n"
        f"ansible_python_interpreter={sys.executable}\n"
    )
    (folder / "play.yml").write_text(PLAY % {"role": ROOT / "roles" / "placement"})
    won, lost = {"held": True, "failed": False}, {"held": False, "failed": False}
    given = {
        "leases": {
            "kvm1": [{"__placement_fleet": "web", **won}, {"__placement_fleet": "db", **lost}],
            "kvm2": [{"__placement_fleet": "web", **won}, {"__placement_fleet": "db", **won}],
        },
        "begun": {
            "kvm1": [
                {"__placement_move": {"uuid": "u4"}, "failed": True, "msg": "no room in /tmp"}
            ],
            "kvm2": [{"__placement_move": {"uuid": "u3"}, "failed": False}],
        },
        "moved": {"kvm1": [job("u1")], "kvm2": [job("u3", failed=True, msg="it has gone")]},
    }
    subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"),
            *("-i", "inventory", "play.yml", "-e", json.dumps(given)),
        ],
        cwd=folder,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collections_path())},
        check=True,
    )
    departing = {
        host: json.loads((folder / f"{host}.json").read_text()) for host in ("kvm1", "kvm2")
    }
    return {**json.loads((folder / "result.json").read_text()), "departing": departing}


def test_a_fleet_that_one_host_did_not_get_is_denied_and_its_guests_stay(
    results: dict[str, t.Any],
) -> None:
    """Also without patience, when the task that claims it does not fail."""
    assert results["fleets"] == ["web", "db"]
    assert results["denied"] == ["db"]
    assert results["departing"] == {"kvm1": ["u1", "u4"], "kvm2": ["u3"]}


def test_moves_that_failed_and_such_that_never_began_are_told_apart_from_those_that_arrived(
    results: dict[str, t.Any],
) -> None:
    assert results["arrived"] == ["u1"]
    assert results["complaints"] == {"u3": "it has gone", "u4": "no room in /tmp"}


def test_the_plan_is_told_of_failures_without_their_sentences(results: dict[str, t.Any]) -> None:
    assert results["left_alone"] == [
        {"guest": "u9", "source": "kvm1", "destination": "kvm2", "failed": True}
    ]
