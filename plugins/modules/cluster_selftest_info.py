#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_selftest_info
short_description: Say what is wrong between hosts, and write the reports of a self-test
version_added: 0.1.0
author:
  - headroom.libvirt contributors (@headroom-libvirt)
description:
  - Compares what M(headroom.libvirt.host_selftest_info) returned on each host, such as their UUIDs, their clocks, their
    releases, guests that start or run on two of them, and MAC addresses that two guests have.
  - It returns all findings together, and the same as JUnit XML and as an HTML page, for
    M(ansible.builtin.copy).
  - It needs no libvirt and changes nothing, so it usually runs once, on the controller.
options:
  hosts:
    description:
      - All hosts.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - The host's name.
        type: str
        required: true
      report:
        description:
          - What M(headroom.libvirt.host_selftest_info) returned on it. Null for a host that did not answer.
        type: dict
      after:
        description:
          - What the controller's clock said after the host had answered, in epoch seconds.
        type: float
      findings:
        description:
          - More findings about the host, of checks of one's own or of what was tried on it.
        type: list
        elements: dict
        default: []
  title:
    description:
      - The title of the reports.
    type: str
    default: Self-test
  now:
    description:
      - When the reports say that they were made, in epoch seconds. Without it, now.
    type: float
seealso:
  - module: headroom.libvirt.host_selftest_info
extends_documentation_fragment:
  - headroom.libvirt.attributes
  - headroom.libvirt.attributes.info_module
"""

EXAMPLES = r"""
- name: Look for what is wrong with each host
  headroom.libvirt.host_selftest_info:
    controller_time: "{{ now(utc=true).timestamp() }}"
  register: tested

- name: Put a host's part of the picture together
  ansible.builtin.set_fact:
    seen:
      name: "{{ inventory_hostname }}"
      report: "{{ tested }}"
      after: "{{ now(utc=true).timestamp() }}"

- name: Look for what is wrong between the hosts
  headroom.libvirt.cluster_selftest_info:
    hosts: "{{ ansible_play_hosts | map('extract', hostvars, 'seen') }}"
  run_once: true
  delegate_to: localhost
  register: together

- name: Write the report
  ansible.builtin.copy:
    content: "{{ together.html }}"
    dest: /root/selftest.html
    mode: "0600"
  run_once: true
  delegate_to: localhost
"""

RETURN = r"""
findings:
  description: All findings, by the order of O(hosts), those between hosts first.
  type: list
  elements: dict
  returned: success
  contains:
    host:
      description: The host's name. Empty for what is between hosts.
      type: str
      sample: kvm1
    check:
      description: Which check it is.
      type: str
      sample: autostart_twice
    status:
      description: V(pass), V(warn) or V(fail).
      type: str
      sample: fail
    subject:
      description: What it is about, such as a guest.
      type: str
      sample: web-1
    detail:
      description: What was seen.
      type: str
      sample: "it starts with kvm1 and kvm2: after a power cut it runs twice"
    remedy:
      description: What to write or to run. Empty for a pass.
      type: str
      sample: "On the host where it should not be, run: virsh autostart --disable web-1"
summary:
  description: How many findings have each status.
  type: dict
  returned: success
  sample: {fail: 1, warn: 0, pass: 34}
lines:
  description: What is no pass, a line each, for people.
  type: list
  elements: str
  returned: success
  sample: ["fail, between hosts, autostart_twice, web-1: it starts with kvm1 and kvm2. Run: …"]
junit:
  description: The report as JUnit XML.
  type: str
  returned: success
  sample: <?xml version="1.0" encoding="utf-8"?>
html:
  description: The report as a page without scripts.
  type: str
  returned: success
  sample: <!DOCTYPE html>
"""

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_module
from ansible_collections.headroom.libvirt.plugins.module_utils._selftest.request import (
    describe_cluster,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = ArgumentSpec(
    options={
        "hosts": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "name": {"type": "str", "required": True},
                "report": {"type": "dict"},
                "after": {"type": "float"},
                "findings": {"type": "list", "elements": "dict", "default": []},
            },
        },
        "title": {"type": "str", "default": "Self-test"},
        "now": {"type": "float"},
    }
)


def test_cluster(module: AnsibleModule) -> dict[str, t.Any]:
    """Return the task's result."""
    return describe_cluster(module.params)


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, "compare the hosts", test_cluster)


if __name__ == "__main__":
    main()
