#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_selftest_info
short_description: Say what is wrong with a host, and what to do about it
version_added: 0.1.0
author:
  - headroom.libvirt contributors (@headroom-libvirt)
description:
  - Looks at a host, at its libvirt, at its guests and at what runs have left there, and judges what it sees. Each
    finding is a pass, a warning or a failure, and says what to do about it.
  - It changes nothing and asks no guest, so that it is safe on any host at any time.
  - What is wrong with the machine itself, such as its name, its certificates or its files, is only seen where the
    module runs on the host.
  - The playbook C(headroom.libvirt.selftest) runs it on all hosts, compares them by
    M(headroom.libvirt.cluster_selftest_info), and writes reports.
options:
  pool:
    description:
      - The storage pool that holds the appliances.
    type: str
    default: default
  peers:
    description:
      - The libvirt connection URIs of other hosts that this one has to reach, since guests move there.
    type: list
    elements: str
    default: []
  controller_time:
    description:
      - What the controller's clock says, in epoch seconds. It is returned in RV(clock), so that
        M(headroom.libvirt.cluster_selftest_info) can tell a clock that is off.
    type: float
seealso:
  - module: headroom.libvirt.cluster_selftest_info
  - module: headroom.libvirt.host_info
  - module: headroom.libvirt.transaction_info
extends_documentation_fragment:
  - headroom.libvirt.capacity
  - headroom.libvirt.connection
  - headroom.libvirt.history.read
  - headroom.libvirt.journal
  - headroom.libvirt.attributes
  - headroom.libvirt.attributes.info_module
  - headroom.libvirt.attributes.actiongroup_all
"""

EXAMPLES = r"""
- name: Look for what is wrong
  headroom.libvirt.host_selftest_info:
    peers:
      - qemu+ssh://root@kvm2.example.com/system
  register: tested

- name: Tell what has to be done
  ansible.builtin.debug:
    msg: "{{ item.check }} {{ item.subject }}: {{ item.detail }}. {{ item.remedy }}"
  loop: "{{ tested.findings | rejectattr('status', 'equalto', 'pass') }}"

- name: Stop where anything failed
  ansible.builtin.assert:
    that: tested.summary.fail == 0
"""

RETURN = r"""
findings:
  description: What the checks say, the worst first.
  type: list
  elements: dict
  returned: success
  contains:
    check:
      description: Which check it is.
      type: str
      sample: hostname
    status:
      description: V(pass), V(warn) or V(fail).
      type: str
      sample: fail
    subject:
      description: What it is about, such as a guest, a pool or a file. Empty for the host itself.
      type: str
      sample: ""
    detail:
      description: What was seen.
      type: str
      sample: "the host's own name leads to 127.0.1.1: guests that come here connect to themselves"
    remedy:
      description: What to write or to run. Empty for a pass.
      type: str
      sample: "Take the name off the line of 127.0.1.1 in /etc/hosts."
summary:
  description: How many findings have each status.
  type: dict
  returned: success
  sample: {fail: 1, warn: 0, pass: 17}
shared:
  description: What is compared with other hosts, for O(headroom.libvirt.cluster_selftest_info#module:hosts).
  type: dict
  returned: success
  sample: {hostname: kvm1, uuid: 5f0f7b1c-52c7-4a3a-9a50-6f5c1c1b2a10}
clock:
  description:
    - What the host's clock said, in epoch seconds, and O(controller_time).
  type: dict
  returned: success
  sample: {reading: 1795392001.3, before: 1795392000.2}
"""

import dataclasses
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import (
    CONNECTION,
    JOURNAL,
    ArgumentSpec,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._host.facts import POLICY
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import open_journal
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import require_lxml
from ansible_collections.headroom.libvirt.plugins.module_utils._selftest.judge import (
    count_statuses,
    judge_host,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._selftest.survey import (
    LookRequest,
    take_look,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.on_host import run_on_host

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

ARGUMENTS = CONNECTION.merge(
    POLICY,
    JOURNAL,
    ArgumentSpec(
        options={
            "pool": {"type": "str", "default": "default"},
            "peers": {"type": "list", "elements": "str", "default": []},
            "controller_time": {"type": "float"},
        }
    ),
)


def test_host(connection: Connection, module: AnsibleModule) -> dict[str, t.Any]:
    """Return the task's result."""
    require_lxml()
    now = time.time()
    request = LookRequest(
        module.params, open_journal(module), now, module.params["connect_timeout"]
    )
    look = take_look(connection, request)
    findings = judge_host(look)
    return {
        "findings": [dataclasses.asdict(finding) for finding in findings],
        "summary": count_statuses(findings),
        "shared": look.as_shared(),
        "clock": {"reading": now, "before": module.params["controller_time"]},
    }


def main() -> None:
    """Run the module."""
    run_on_host(ARGUMENTS, "test the host", test_host)


if __name__ == "__main__":
    main()
