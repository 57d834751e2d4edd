# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role selftest: a host that was silent before it began, as in the playbook join, is told."""

from __future__ import annotations

import os
import subprocess
import sys
import typing as t
from pathlib import Path

from tools.checkout import ROOT, collections_path

INVENTORY: t.Final = """
[hypervisors]
kvm1 ansible_connection=local
kvm2 ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1
kvm3 ansible_connection=local
"""
PLAYS: t.Final = """
- hosts: hypervisors
  gather_facts: false
  tasks: [{ping: }]
- hosts: hypervisors
  gather_facts: false
  tasks:
    - include_vars: {file: %(role)s/vars/main.yml}
    - set_fact: {__selftest_seen: {name: "{{ inventory_hostname }}", report: null, findings: [{check: look,
        status: fail, detail: it is slow, remedy: Wait.}]}}
    - headroom.libvirt.cluster_selftest_info: {hosts: "{{ __selftest_hosts }}"}
      register: together
      run_once: true
      delegate_to: localhost
    - debug: {msg: "{{ together.findings | map(attribute='check') | zip(together.findings | map(attribute='subject'))
        | map('join', ':') | join(' ') }}"}
      run_once: true
"""


def test_a_host_that_was_silent_before_is_told(tmp_path: Path) -> None:
    (tmp_path / "inventory").write_text(
        f"{INVENTORY}[all:vars]\nansible_python_interpreter={sys.executable}\n"
    )
    (tmp_path / "play.yml").write_text(PLAYS % {"role": ROOT / "roles" / "selftest"})
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [program, "-i", "inventory", "play.yml"],
        cwd=tmp_path,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collections_path())},
        check=False,
        capture_output=True,
        text=True,
    )
    assert "reachable:kvm2" in done.stdout, done.stdout
    assert "no attribute" not in done.stdout
