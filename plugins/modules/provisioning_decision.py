#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: provisioning_decision
short_description: Record what was decided about fleets
version_added: 0.1.0
author:
  - headroom.libvirt contributors (@headroom-libvirt)
description:
  - Keeps a decision of M(headroom.libvirt.provisioning_plan_info) in the history database, one an interval, and writes
    the latest decision of each fleet as text for Prometheus.
  - With a decision goes what the ones before came to, which is how many of this interval's machines were too many, or
    missing.
  - It needs no libvirt.
  - With it goes which machines the fleet has on which hosts, those included that the decision makes. The latest of
    these is what M(headroom.libvirt.demand_sample) returns as RV(headroom.libvirt.demand_sample#module:roster).
options:
  decision:
    description:
      - RV(headroom.libvirt.provisioning_plan_info#module:decision).
      - Either this or O(decisions) is needed.
    type: dict
  decisions:
    description:
      - RV(headroom.libvirt.provisioning_plan_info#module:decisions), those of many fleets, which are kept in one
        transaction.
    type: list
    elements: dict
  holder:
    description:
      - Who holds the leases to O(release).
    type: str
  release:
    description:
      - The names of fleets whose leases are given up in the same transaction, as M(headroom.libvirt.fleet_lease) does.
        What somebody else than O(holder) holds stays.
    type: list
    elements: str
  keep:
    description:
      - For how many seconds decisions are kept.
    type: int
    default: 7776000
  textfile:
    description:
      - The absolute path of a file that gets the latest decision of every fleet in O(history), for the textfile
        collector of Prometheus' node exporter, which reads files that end in C(.prom). It is replaced in one step.
      - Write it on one host only, since each fleet is decided about once.
    type: path
extends_documentation_fragment:
  - headroom.libvirt.history
  - headroom.libvirt.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - Within one interval, whose first decision counts.
seealso:
  - module: headroom.libvirt.provisioning_plan_info
    description: Decides.
  - module: headroom.libvirt.demand_history_info
    description: Reads decisions again, and sums up what they came to.
"""

EXAMPLES = r"""
- name: Keep the decision on every hypervisor
  headroom.libvirt.provisioning_decision:
    decision: "{{ plan.decision }}"

- name: Keep it and tell Prometheus
  headroom.libvirt.provisioning_decision:
    decision: "{{ plan.decision }}"
    textfile: /var/lib/prometheus/node-exporter/headroom.prom
  run_once: true

- name: Keep those of many fleets, and give up those that nothing is to be done for
  headroom.libvirt.provisioning_decision:
    decisions: "{{ plans.decisions }}"
    holder: "{{ run_id }}"
    release: "{{ plans.idle }}"
"""

RETURN = r"""
fleets:
  description: A row of each decision.
  returned: when O(decisions) is set
  type: list
  elements: dict
  sample: [{fleet: web, recorded: true}]
  contains:
    fleet:
      description: The fleet.
      type: str
      returned: success
      sample: web
    recorded:
      description: As RV(recorded).
      type: bool
      returned: success
      sample: true
fleet:
  description: The fleet.
  returned: when O(decision) is set
  type: str
  sample: web
recorded:
  description: Whether the interval had no decision yet, so that this one was kept.
  returned: when O(decision) is set
  type: bool
  sample: true
textfile:
  description: The text for Prometheus, V(none) without O(textfile).
  returned: success
  type: str
  sample: "headroom_fleet_machines_target{fleet=\"web\"} 5.0\n"
"""

import pathlib
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_positive
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import lease
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import (
    DEFAULT_PATH,
    Database,
    transact,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._files import write_atomically
from ansible_collections.headroom.libvirt.plugins.module_utils._provision import decisions
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.openmetrics import render
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_module

if t.TYPE_CHECKING:
    import sqlite3

    from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = ArgumentSpec(
    options={
        "decision": {"type": "dict"},
        "decisions": {"type": "list", "elements": "dict"},
        "holder": {"type": "str"},
        "release": {"type": "list", "elements": "str"},
        "history": {"type": "path", "default": DEFAULT_PATH},
        "keep": {"type": "int", "default": 7_776_000},
        "textfile": {"type": "path"},
    },
    mutually_exclusive=[("decision", "decisions")],
    required_one_of=[("decision", "decisions")],
    required_together=[("holder", "release")],
)


def record(module: AnsibleModule) -> dict[str, t.Any]:
    """Return the result of the task; in check mode what it would be."""
    params = module.params
    all_decisions = _read_decisions(params)
    check_positive("keep", params["keep"], "seconds")
    # Without decisions there is nothing to keep, and no lease to give up in a history that is not there.
    dry_run = module.check_mode or not (all_decisions or Database(params["history"]).exists())
    rows, latest = transact(
        module, lambda opened: _record(opened, all_decisions, params), dry_run=dry_run
    )
    changes = Changes()
    for decision, row in zip(all_decisions, rows):
        name = "target" if params["decisions"] is None else decision["fleet"]
        changes.add(name, None, decision["machines"]["target"] if row["recorded"] else None)
    text = None
    if params["textfile"] is not None:
        text = render(latest)
        _write(changes, params["textfile"], text, check_mode=module.check_mode)
    described = rows[0] if params["decisions"] is None else {"fleets": rows}
    return {**changes.as_result(), **described, "textfile": text}


def _read_decisions(params: t.Mapping[str, t.Any]) -> list[decisions.Decision]:
    if params["decisions"] is None:
        return [decisions.check_decision("decision", params["decision"])]
    return [
        decisions.check_decision(f"decisions[{index}]", decision)
        for index, decision in enumerate(params["decisions"])
    ]


def _record(
    connection: sqlite3.Connection,
    all_decisions: t.Sequence[decisions.Decision],
    params: t.Mapping[str, t.Any],
) -> tuple[list[dict[str, t.Any]], list[decisions.Decision]]:
    """Return a row of each decision, and the latest decisions of all fleets."""
    rows = [
        {
            "fleet": decision["fleet"],
            "recorded": decisions.record(connection, decision, params["keep"]),
        }
        for decision in all_decisions
    ]
    for fleet in params["release"] or ():
        lease.release(connection, fleet, params["holder"])
    return rows, decisions.read_latest(connection)


def _write(changes: Changes, path: str, text: str, *, check_mode: bool) -> None:
    try:
        before = pathlib.Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        before = None
    if changes.add("textfile", before, text) and not check_mode:
        write_atomically("textfile", path, text, 0o644)


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, "record the decision", record)


if __name__ == "__main__":
    main()
