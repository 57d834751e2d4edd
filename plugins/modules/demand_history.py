#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: demand_history
short_description: Import recorded demand into the history of a fleet
version_added: 0.1.0
author:
  - headroom.libvirt contributors (@headroom-libvirt)
description:
  - Puts demand that was recorded elsewhere, such as by a load balancer, into the history that
    M(headroom.libvirt.demand_sample) keeps on a host, so that a forecast knows days and weeks from the first run on.
  - What the history knows already stays, unless O(replace).
  - It needs no libvirt. A row that it writes without knowing the demand is missing data, and never 0.
options:
  csv:
    description:
      - The rows as text, with the columns C(timestamp) (ISO 8601, UTC unless it says otherwise, or seconds since 1970)
        and C(demand) (empty where it is not known). Other columns do not matter.
      - Between columns there may be commas, semicolons, tabs or C(|); after semicolons, a comma may stand before
        decimals. Milliseconds, C(20260101), the days of spreadsheets, numbers with their thousands apart and whatever
        else could mean two things is refused, with its line. A demand is at most 1e22.
      - C(lookup('ansible.builtin.file', ...)) hands in a file of the controller.
    type: str
    required: true
  interval:
    description:
      - The seconds from one run to the next, as for M(headroom.libvirt.demand_sample). Several rows within one interval
        are averaged.
    type: int
    default: 300
  whole:
    description:
      - Whether the rows are the demand of the whole fleet. Then it counts once, and one host is enough to import it on.
      - With V(false) they are this host's part.
    type: bool
    default: true
  replace:
    description:
      - Whether rows take the place of other values that the history knows.
    type: bool
    default: false
extends_documentation_fragment:
  - headroom.libvirt.history
  - headroom.libvirt.history.fleet
  - headroom.libvirt.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - The difference is in numbers of intervals.
  idempotent:
    support: full
seealso:
  - module: headroom.libvirt.demand_history_info
    description: Reads and exports it.
  - module: headroom.libvirt.demand_sample
    description: Records the demand of each interval.
"""

EXAMPLES = r"""
- name: Begin with what the load balancer recorded
  headroom.libvirt.demand_history:
    fleet: web
    csv: "{{ lookup('ansible.builtin.file', 'requests.csv') }}"
  run_once: true
"""

RETURN = r"""
fleet:
  description: The fleet.
  returned: success
  type: str
  sample: web
intervals:
  description: In how many intervals the rows lie, by what became of them.
  returned: success
  type: dict
  sample: {added: 8064, replaced: 0, kept: 12, same: 0}
  contains:
    added:
      description: Were not in the history.
      type: int
      returned: success
      sample: 8064
    replaced:
      description: Took the place of other values, or of missing data.
      type: int
      returned: success
      sample: 0
    kept:
      description: Were left out, as the history knows other values and O(replace) is off.
      type: int
      returned: success
      sample: 12
    same:
      description: Say nothing that the history does not know.
      type: int
      returned: success
      sample: 0
"""

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_positive
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import csv
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import (
    DEFAULT_PATH,
    transact,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.history import (
    History,
    build_records,
    import_records,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._names import check_name
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_module

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = ArgumentSpec(
    options={
        "fleet": {"type": "str", "required": True},
        "csv": {"type": "str", "required": True},
        "interval": {"type": "int", "default": 300},
        "whole": {"type": "bool", "default": True},
        "replace": {"type": "bool", "default": False},
        "history": {"type": "path", "default": DEFAULT_PATH},
    }
)


def import_rows(module: AnsibleModule) -> dict[str, t.Any]:
    """Return the result of the task; in check mode what it would be."""
    params = module.params
    fleet, interval = check_name("fleet", params["fleet"]), params["interval"]
    check_positive("interval", interval, "seconds")
    records = build_records(csv.read("csv", params["csv"]), interval, fleet_wide=params["whole"])
    counts = transact(
        module,
        lambda opened: import_records(History(opened, fleet), records, replace=params["replace"]),
    )
    changes = Changes()
    changes.add("added", 0, counts["added"])
    changes.add("replaced", 0, counts["replaced"])
    return {**changes.as_result(), "fleet": fleet, "intervals": counts}


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, "import the demand of the fleet", import_rows)


if __name__ == "__main__":
    main()
