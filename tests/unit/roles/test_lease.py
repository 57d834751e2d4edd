# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role optimistic_provisioning: when a run goes on whose leases ran out, and when it stops."""

from __future__ import annotations

import os
import subprocess
import sys
import typing as t
from pathlib import Path

from tools.checkout import ROOT, collections_path

PLAY: t.Final = """
- hosts: all
  gather_facts: false
  vars:
    __optimistic_provisioning_work:
      {fleet: web, recorded: true, leases: "{{ dict(ansible_play_hosts | zip(ansible_play_hosts
      | map('extract', hostvars, ['claim', 'since']))) }}"}
    optimistic_provisioning_history: "{{ playbook_dir }}/{{ inventory_hostname }}.sqlite"
    optimistic_provisioning_lease_seconds: 0.001
    __optimistic_provisioning_run: this
  module_defaults:
    headroom.libvirt.fleet_lease: {fleet: web, history: "{{ optimistic_provisioning_history }}"}
  tasks:
    - include_vars: {file: %(role)s/vars/main.yml}
    - headroom.libvirt.fleet_lease: {holder: this, seconds: 0.001}
      register: claim
    - name: Another run gets the host that waited, sees that it has not got all, and gives it back
      headroom.libvirt.fleet_lease: {holder: rival, state: "{{ item }}"}
      loop: [present, absent]
      when: inventory_hostname == 'kvm1'
    - include_tasks: %(role)s/tasks/lease.yml
    - debug: {msg: "gone on with {{ __optimistic_provisioning_kept | join(' ') }}"}
    - block:
        - headroom.libvirt.fleet_lease: {holder: rival}
          when: rivals in ['keep', 'give back']
        - headroom.libvirt.fleet_lease: {holder: rival, state: absent}
          when: rivals == 'give back'
        - include_tasks: %(role)s/tasks/lease.yml
        - debug: {msg: "gone on again"}
"""


def play(tmp_path: Path, rivals: str) -> str:
    (tmp_path / "inventory").write_text(
        "kvm[1:2] ansible_connection=local\n[all:vars]\n"
        f"ansible_python_interpreter={sys.executable}\n"
    )
    (tmp_path / "play.yml").write_text(PLAY % {"role": ROOT / "roles" / "optimistic_provisioning"})
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [program, "-i", "inventory", "play.yml", "-e", f'{{"rivals": "{rivals}"}}'],
        cwd=tmp_path,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collections_path())},
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_a_run_goes_on_as_long_as_one_host_was_nobody_else_s(tmp_path: Path) -> None:
    said = play(tmp_path, "none")
    assert "gone on with kvm2 " in said
    assert "gone on with kvm1" not in said
    assert "gone on again" in said


def test_a_run_that_another_one_has_followed_stops_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "keep").mkdir()
    said = play(tmp_path / "keep", "keep")
    assert "gone on again" not in said
    assert (
        "The fleet web is no longer this run's, since its lease ended: it is held by rival." in said
    )
    (tmp_path / "back").mkdir()
    said = play(tmp_path / "back", "give back")
    assert "gone on again" not in said
    assert "another run had it meanwhile on every host" in said
