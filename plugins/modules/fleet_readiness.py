#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_readiness
short_description: Record how long new machines of a fleet took to be of use
version_added: 0.1.0
author:
  - headroom.libvirt contributors (@headroom-libvirt)
description:
  - Keeps in the host's history how long the machines took that a run made there. From that,
    M(headroom.libvirt.provisioning_plan_info) learns how far ahead to provision
    (O(headroom.libvirt.provisioning_plan_info#module:rule.horizon=auto)).
  - The latest 20 runs are kept. It needs no libvirt.
options:
  machines:
    description:
      - How many machines the run made on this host.
    type: int
    required: true
  seconds:
    description:
      - How long it took until all of them were of use, from the sample (O(timestamp)) on, since that is from when on
        forecasts count.
    type: float
    required: true
  timestamp:
    description:
      - The time of the run in epoch seconds, the same as O(headroom.libvirt.demand_sample#module:timestamp).
    type: float
    required: true
extends_documentation_fragment:
  - headroom.libvirt.history
  - headroom.libvirt.history.fleet
  - headroom.libvirt.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - What is recorded for a O(timestamp) first stays.
seealso:
  - module: headroom.libvirt.provisioning_plan_info
    description: Makes use of it.
  - module: headroom.libvirt.demand_sample
    description: Returns it with each sample.
"""

EXAMPLES = r"""
- name: Clone what the plan asks for
  headroom.libvirt.appliance_clone:
    appliance: web:1.0
    names: "{{ plan.create[inventory_hostname] }}"
    fleet: web
    wait_for: agent

- name: Record how long that took
  headroom.libvirt.fleet_readiness:
    fleet: web
    machines: "{{ plan.create[inventory_hostname] | length }}"
    seconds: "{{ now().timestamp() - run_time }}"
    timestamp: "{{ run_time }}"
"""

RETURN = r"""
fleet:
  description: The fleet.
  returned: success
  type: str
  sample: web
readiness:
  description: The latest 20 runs that made machines on this host, oldest first, with this one.
  returned: success
  type: list
  elements: dict
  sample: [{machines: 1, seconds: 38.1}, {machines: 2, seconds: 41.5}]
  contains:
    machines:
      description: How many machines the run made.
      type: int
      returned: success
      sample: 2
    seconds:
      description: How long it took until all of them were of use.
      type: float
      returned: success
      sample: 41.5
"""

import math
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import (
    check_at_least,
    check_moment,
    check_positive,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import (
    DEFAULT_PATH,
    transact,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.history import (
    History,
    Readiness,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._names import check_name
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_module

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = ArgumentSpec(
    options={
        "fleet": {"type": "str", "required": True},
        "machines": {"type": "int", "required": True},
        "seconds": {"type": "float", "required": True},
        "timestamp": {"type": "float", "required": True},
        "history": {"type": "path", "default": DEFAULT_PATH},
    }
)


def record(module: AnsibleModule) -> dict[str, t.Any]:
    """Return the result of the task; in check mode what it would be."""
    params = module.params
    readiness = _read_readiness(params)
    recorded, latest = transact(
        module, lambda opened: _record(History(opened, params["fleet"]), readiness)
    )
    changes = Changes()
    changes.add("seconds", None, readiness.seconds if recorded else None)
    return {
        **changes.as_result(),
        "fleet": params["fleet"],
        "readiness": [run.as_dict() for run in latest],
    }


def _record(history: History, readiness: Readiness) -> tuple[bool, list[Readiness]]:
    recorded = history.add_readiness(readiness)
    return recorded, history.read_readiness()


def _read_readiness(params: t.Mapping[str, t.Any]) -> Readiness:
    check_name("fleet", params["fleet"])
    check_positive("machines", params["machines"], "machines")
    check_at_least("seconds", params["seconds"], 0, "seconds")
    moment = math.floor(check_moment("timestamp", params["timestamp"]))
    return Readiness(moment, params["machines"], params["seconds"])


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, "record how long new machines took", record)


if __name__ == "__main__":
    main()
