#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: provisioning_decision
short_description: Record what was decided about a fleet
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
    type: dict
    required: true
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
"""

RETURN = r"""
fleet:
  description: The fleet.
  returned: success
  type: str
  sample: web
recorded:
  description: Whether the interval had no decision yet, so that this one was kept.
  returned: success
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
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import (
    DEFAULT_PATH,
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
        "decision": {"type": "dict", "required": True},
        "history": {"type": "path", "default": DEFAULT_PATH},
        "keep": {"type": "int", "default": 7_776_000},
        "textfile": {"type": "path"},
    }
)


def record(module: AnsibleModule) -> dict[str, t.Any]:
    """Return the result of the task; in check mode what it would be."""
    params = module.params
    decision = decisions.check_decision("decision", params["decision"])
    check_positive("keep", params["keep"], "seconds")
    recorded, latest = transact(module, lambda opened: _record(opened, decision, params["keep"]))
    changes = Changes()
    changes.add("target", None, decision["machines"]["target"] if recorded else None)
    text = None
    if params["textfile"] is not None:
        text = render(latest)
        _write(changes, params["textfile"], text, check_mode=module.check_mode)
    return {
        **changes.as_result(),
        "fleet": decision["fleet"],
        "recorded": recorded,
        "textfile": text,
    }


def _record(
    connection: sqlite3.Connection, decision: decisions.Decision, keep: int
) -> tuple[bool, list[decisions.Decision]]:
    return decisions.record(connection, decision, keep), decisions.read_latest(connection)


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
