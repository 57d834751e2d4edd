#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: demand_history_info
short_description: Read the recorded demand of a fleet and what was decided
version_added: 0.1.0
author:
  - headroom.libvirt contributors (@headroom-libvirt)
description:
  - Returns what M(headroom.libvirt.demand_sample) recorded on a host, on request as CSV too, and the decisions that
    M(headroom.libvirt.provisioning_decision) recorded, with what they cost where they were wrong.
  - It needs no libvirt and writes nothing, not even a database that is not there.
options:
  window:
    description:
      - How many seconds before O(until) are returned. Without it, everything.
    type: int
  until:
    description:
      - The end of the time that is returned, in epoch seconds. Without it, now.
    type: float
  csv:
    description:
      - Whether to return the demand as CSV too.
    type: bool
    default: false
extends_documentation_fragment:
  - headroom.libvirt.history.read
  - headroom.libvirt.history.fleet
  - headroom.libvirt.attributes
  - headroom.libvirt.attributes.info_module
seealso:
  - module: headroom.libvirt.demand_history
    description: Imports demand that was recorded elsewhere.
  - module: headroom.libvirt.provisioning_plan_info
    description: Replays a history with its option C(backtest).
"""

EXAMPLES = r"""
- name: Read four weeks
  headroom.libvirt.demand_history_info:
    fleet: web
    window: 2419200
    csv: true
  register: past

- name: Keep them on the controller
  ansible.builtin.copy:
    content: "{{ past.csv }}"
    dest: "/root/web-{{ inventory_hostname }}.csv"
    mode: "0644"
  delegate_to: localhost
"""

RETURN = r"""
fleet:
  description: The fleet.
  returned: success
  type: str
  sample: web
history:
  description: The recorded demand, oldest first.
  returned: success
  type: list
  elements: dict
  sample: [{timestamp: 1795391700.0, value: 11.75, whole: false, reason: null}]
  contains:
    timestamp:
      description: When it was recorded, in epoch seconds.
      type: float
      returned: success
      sample: 1795391700.0
    value:
      description: The demand, V(none) when it was not known.
      type: float
      returned: success
      sample: 11.75
    whole:
      description: Whether it is the whole fleet's demand, and not this host's part.
      type: bool
      returned: success
      sample: false
    reason:
      description: Why it was not known, or why it was 0 without a look; V(none) otherwise.
      type: str
      returned: success
      sample: null
csv:
  description: The same as text, with the columns C(timestamp) and C(demand); V(none) without O(csv).
  returned: success
  type: str
  sample: "timestamp,demand\n2026-11-22T23:55:00Z,11.75\n"
decisions:
  description: The decisions, oldest first, each as M(headroom.libvirt.provisioning_plan_info) returned it in
    RV(headroom.libvirt.provisioning_plan_info#module:decision).
  returned: success
  type: list
  elements: dict
  sample: []
balance:
  description: What the decisions came to.
  returned: success
  type: dict
  sample: {decisions: 288, surplus_machine_hours: 31.5, short_machine_hours: 0.25, unmet_share: 0.0004}
  contains:
    decisions:
      description: How many there are.
      type: int
      returned: success
      sample: 288
    surplus_machine_hours:
      description: The hours of machines that ran and were not needed, C(rule.min) aside.
      type: float
      returned: success
      sample: 31.5
    short_machine_hours:
      description: The hours of machines that were needed and did not run.
      type: float
      returned: success
      sample: 0.25
    unmet_share:
      description: The share of the demand beyond what the machines could carry, V(none) while there was no demand.
      type: float
      returned: success
      sample: 0.0004
"""

import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import (
    check_moment,
    check_positive,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import csv
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import (
    DEFAULT_PATH,
    transact,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.history import History
from ansible_collections.headroom.libvirt.plugins.module_utils._names import check_name
from ansible_collections.headroom.libvirt.plugins.module_utils._provision import decisions
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_module

if t.TYPE_CHECKING:
    import sqlite3

    from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = ArgumentSpec(
    options={
        "fleet": {"type": "str", "required": True},
        "window": {"type": "int"},
        "until": {"type": "float"},
        "csv": {"type": "bool", "default": False},
        "history": {"type": "path", "default": DEFAULT_PATH},
    }
)


def read(module: AnsibleModule) -> dict[str, t.Any]:
    """Return the result of the task."""
    params = module.params
    fleet = check_name("fleet", params["fleet"])
    if params["window"] is not None:
        check_positive("window", params["window"], "seconds")
    until = time.time() if params["until"] is None else check_moment("until", params["until"])
    since = 0.0 if params["window"] is None else until - params["window"]
    result = transact(module, lambda opened: _read(opened, fleet, since, until), dry_run=True)
    rows = [(row["timestamp"], row["value"]) for row in result["history"]]
    return {
        "changed": False,
        "fleet": fleet,
        **result,
        "csv": csv.write(rows) if params["csv"] else None,
    }


def _read(
    connection: sqlite3.Connection, fleet: str, since: float, until: float
) -> dict[str, t.Any]:
    between = decisions.read_between(connection, fleet, since, until)
    return {
        "history": [
            {
                "timestamp": row.timestamp,
                "value": row.value,
                "whole": row.fleet_wide,
                "reason": row.reason,
            }
            for row in History(connection, fleet).read_since(int(since))
            if row.slot <= until
        ],
        "decisions": between,
        "balance": decisions.compute_balance(between),
    }


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, "read the history of the fleet", read)


if __name__ == "__main__":
    main()
