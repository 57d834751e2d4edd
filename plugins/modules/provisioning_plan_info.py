#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: provisioning_plan_info
short_description: Decide how many machines a fleet needs next, and where
version_added: 0.1.0
author:
  - headroom.libvirt contributors (@headroom-libvirt)
description:
  - Adds up the demand that the hosts recorded, forecasts it, and plans which machines to create, wake, park and remove,
    with the reasons in plain sentences.
  - It needs no libvirt and changes nothing, so it usually runs once, on the controller, with what the tasks before
    returned on the hosts. The same input always gives the same plan.
  - Growth is prompt. When demand rose and the rise goes on, the forecast extends it; a single jump raises the alert and
    is followed without being extended.
  - A machine goes only when fewer were enough during the whole of O(rule.cooldown), the most idle first, never a
    protected one, and never below O(rule.min).
  - Missing data and hosts that did not answer never take a machine away.
  - A machine that is paused, saved or off is woken before a new one is made.
options:
  fleet:
    description:
      - The fleet's name. Its machines are called C(FLEET-N); new ones get the lowest free number.
      - When a host did not answer, new ones get numbers above all that the fleet could have, so that two machines never
        have one name.
    type: str
    required: true
  rule:
    description:
      - How demand becomes machines.
    type: dict
    required: true
    suboptions:
      capacity:
        description:
          - The demand that one machine carries, in the unit of the demand.
        type: float
        required: true
      unit:
        description:
          - What the demand is counted in, such as V(requests/s). It is for the sentences only.
        type: str
        default: ""
      max:
        description:
          - How many machines may run at most.
        type: int
        required: true
      min:
        description:
          - How many machines always run.
        type: int
        default: 1
      interval:
        description:
          - The seconds from one run to the next, as for M(headroom.libvirt.demand_sample).
        type: int
        default: 300
      horizon:
        description:
          - How many seconds ahead to provision, which is at least what a new machine takes to be ready. Machines are
            there for the highest demand forecast within it.
          - Without it, one interval.
        type: int
      forecaster:
        description:
          - How demand is forecast. V(trend) watches the distance between intervals and needs no history, so a rise
            that goes on is expected to go on.
          - V(blend) also learns days and weeks, and sets its upper value by its own past errors so that O(rule.risk) is
            kept. It is the better one as soon as there are some days of history, up to four weeks of which it uses.
        type: str
        choices: [trend, blend]
        default: trend
      headroom:
        description:
          - The share to keep free on top of the forecast. V(0.1) keeps 10 %.
        type: float
        default: 0.1
      risk:
        description:
          - The share of intervals in which demand may exceed the forecast's upper value. That value follows the errors
            of the forecasts before, as soon as there are enough of them.
        type: float
        default: 0.05
      cooldown:
        description:
          - For how many seconds fewer machines must have been enough before one goes.
        type: int
        default: 900
      scale_out_limit:
        description:
          - How many machines may be created within one interval. Waking is not limited.
          - Without it, as many as are needed.
        type: int
      scale_in_limit:
        description:
          - How many machines one run may park or remove.
        type: int
        default: 1
      alert_growth:
        description:
          - Raise the alert when demand grows by this factor from one interval to the next, and by more than is usual.
        type: float
        default: 2.0
      parked:
        description:
          - How many machines that are not needed are kept, saved, to be woken when they are.
        type: int
        default: 0
      n_plus_one:
        description:
          - Whether to create a machine only while the guests of any one host would still fit on the others.
        type: bool
        default: false
  hosts:
    description:
      - What is known of each host. A host that did not answer belongs here too, without facts and sample.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - The host's name, as the plan shall call it.
        type: str
        required: true
      facts:
        description:
          - RV(headroom.libvirt.host_info#module:host) of the host. A host without it gets no new machines.
        type: dict
      sample:
        description:
          - What M(headroom.libvirt.demand_sample) returned on the host. Without it, the host's machines are not known.
          - The result of a task that failed counts as none.
        type: dict
  machine:
    description:
      - What one new machine takes of a host. What is left out is taken from the fleet's largest machine.
    type: dict
    default: {}
    suboptions:
      vcpus:
        description:
          - Its vCPUs.
        type: int
      memory:
        description:
          - Its memory with a unit, for example V(2GiB).
        type: str
        aliases: [memory_bytes]
      disk:
        description:
          - The room that its volumes shall find in the pool, with a unit.
        type: str
        default: 1GiB
        aliases: [disk_bytes]
      pool:
        description:
          - The pool of its volumes.
        type: str
        default: default
      network:
        description:
          - Its network, which makes no difference to the plan.
        type: str
  now:
    description:
      - The time to plan for in epoch seconds, the same as the samples'
        O(headroom.libvirt.demand_sample#module:timestamp).
      - Without it, the clock counts.
    type: float
extends_documentation_fragment:
  - headroom.libvirt.attributes
  - headroom.libvirt.attributes.info_module
  - headroom.libvirt.attributes.actiongroup_all
seealso:
  - module: headroom.libvirt.demand_sample
    description: Records the demand on each host.
  - module: headroom.libvirt.host_info
    description: Tells what each host can still take.
"""

EXAMPLES = r"""
- name: Sample the demand on each hypervisor
  headroom.libvirt.demand_sample:
    fleet: web
    demand: sum(domains[].rates.cpu.used_cores)
    timestamp: "{{ run_time }}"
  register: sample

- name: Read what each hypervisor can still take
  headroom.libvirt.host_info:
  register: host_info

- name: Put together what is known of this host
  ansible.builtin.set_fact:
    observed:
      name: "{{ inventory_hostname }}"
      facts: "{{ host_info.host }}"
      sample: "{{ sample }}"

- name: Plan for the fleet
  headroom.libvirt.provisioning_plan_info:
    fleet: web
    rule:
      capacity: 1.5
      min: 2
      max: 40
      horizon: 600
    machine:
      vcpus: 2
      memory: 2GiB
    now: "{{ run_time }}"
    hosts: "{{ ansible_play_hosts | map('extract', hostvars, 'observed') }}"
  delegate_to: localhost
  run_once: true
  register: plan

- name: Say what will be done and why
  ansible.builtin.debug:
    msg: "{{ plan.reasons }}"
  run_once: true
"""

RETURN = r"""
demand:
  description: The fleet's demand.
  returned: success
  type: dict
  contains:
    current:
      description: The demand of this interval, V(none) when it is not known.
      type: float
      returned: success
      sample: 20.0
    series:
      description: The demand of each interval since the first one recorded. A value that is not known is V(none).
      type: list
      elements: dict
      returned: success
      sample: [{timestamp: 1795384800, value: 5.0}, {timestamp: 1795388400, value: 10.0}]
forecast:
  description: The highest demand expected within the horizon.
  returned: success
  type: dict
  contains:
    value:
      description: The demand that is expected, V(none) while nothing is known.
      type: float
      returned: success
      sample: 40.0
    upper:
      description: The demand that it should stay under, given the usual error; V(none) while nothing is known.
      type: float
      returned: success
      sample: 44.5
    at:
      description: The start of the interval that it is expected in, in epoch seconds.
      type: int
      returned: success
      sample: 1795395600
    method:
      description: How it was forecast.
      type: str
      returned: success
      sample: trend
alert:
  description: Whether demand jumped.
  returned: success
  type: dict
  contains:
    raised:
      description: Whether it did.
      type: bool
      returned: success
      sample: true
    reason:
      description: What happened, V(none) when nothing did.
      type: str
      returned: success
      sample: Demand doubled from one interval to the next (10 → 20).
    growth:
      description: This interval's demand as a multiple of the one before, V(none) when one is not known or 0.
      type: float
      returned: success
      sample: 2.0
machines:
  description: Numbers of running machines.
  returned: success
  type: dict
  contains:
    current:
      description: How many run now.
      type: int
      returned: success
      sample: 2
    needed:
      description: How many the forecast asks for, V(none) while no demand is known.
      type: int
      returned: success
      sample: 5
    target:
      description: How many run when the plan has been carried out.
      type: int
      returned: success
      sample: 5
actions:
  description: What to do, in this order.
  returned: success
  type: list
  elements: dict
  sample: [{action: create, name: web-3, host: kvm1, reason: the fleet needs it}]
  contains:
    action:
      description: One of V(create), V(wake), V(park) and V(remove).
      type: str
      returned: success
      sample: create
    name:
      description: The machine's name.
      type: str
      returned: success
      sample: web-3
    host:
      description: The host that it is on, or shall be.
      type: str
      returned: success
      sample: kvm1
    reason:
      description: Why.
      type: str
      returned: success
      sample: the fleet needs it
create:
  description: The names of the machines to create, by host. Hosts with none are left out.
  returned: success
  type: dict
  sample: {kvm1: [web-3], kvm2: [web-4, web-5]}
wake:
  description: The names of the machines to wake, by host.
  returned: success
  type: dict
  sample: {}
park:
  description: The names of the machines to park, by host.
  returned: success
  type: dict
  sample: {}
remove:
  description: The names of the machines to remove, by host.
  returned: success
  type: dict
  sample: {}
reasons:
  description: The decision in plain sentences, with what held it back and what is not known.
  returned: success
  type: list
  elements: str
  sample:
    - Demand rose 5 → 10 → 20; each gap is 2 times the one before.
    - In 1 h 40 is expected.
    - That takes 5 machines of 10 each with 10 % headroom; 2 run.
    - "3 machines are created: web-3 on kvm1, web-4 on kvm2 and web-5 on kvm1."
digest:
  description: A fingerprint of the machines that the plan was made for. Another one means that they have changed since.
  returned: success
  type: str
  sample: 0c5a5c4b6c1d3c6ed4d9bd7f0b0cf5f7f4f8e9f7b4a2b6a1d0c3e2f1a0b9c8d7
"""

import dataclasses
import math
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._names import check_name
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.blend import Blend
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.forecast import TrendRule
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.observed import Wanted, observe
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.plan import decide
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule, validate
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_module
from ansible_collections.headroom.libvirt.plugins.module_utils._sizes import parse_size

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.headroom.libvirt.plugins.module_utils._provision.model import Observed, Plan

_RULE: t.Final[dict[str, dict[str, t.Any]]] = {
    "capacity": {"type": "float", "required": True},
    "max": {"type": "int", "required": True},
    "min": {"type": "int", "default": 1},
    "interval": {"type": "int", "default": 300},
    "horizon": {"type": "int"},
    "forecaster": {"type": "str", "choices": ["trend", "blend"], "default": "trend"},
    "headroom": {"type": "float", "default": 0.1},
    "risk": {"type": "float", "default": 0.05},
    "cooldown": {"type": "int", "default": 900},
    "scale_out_limit": {"type": "int"},
    "scale_in_limit": {"type": "int", "default": 1},
    "alert_growth": {"type": "float", "default": 2.0},
    "parked": {"type": "int", "default": 0},
    "unit": {"type": "str", "default": ""},
    "n_plus_one": {"type": "bool", "default": False},
}

_MACHINE: t.Final[dict[str, dict[str, t.Any]]] = {
    "vcpus": {"type": "int"},
    "memory": {"type": "str", "aliases": ["memory_bytes"]},
    "disk": {"type": "str", "default": "1GiB", "aliases": ["disk_bytes"]},
    "pool": {"type": "str", "default": "default"},
    "network": {"type": "str"},
}

_HOST: t.Final[dict[str, dict[str, t.Any]]] = {
    "name": {"type": "str", "required": True},
    "facts": {"type": "dict"},
    "sample": {"type": "dict"},
}

ARGUMENTS = ArgumentSpec(
    options={
        "fleet": {"type": "str", "required": True},
        "rule": {"type": "dict", "required": True, "options": _RULE},
        "hosts": {"type": "list", "elements": "dict", "required": True, "options": _HOST},
        "machine": {"type": "dict", "default": {}, "options": _MACHINE},
        "now": {"type": "float"},
    }
)


def make_plan(module: AnsibleModule) -> dict[str, t.Any]:
    """Return the result of the task."""
    params = module.params
    fleet = check_name("fleet", params["fleet"])
    rule = validate(Rule(**params["rule"]))
    now = time.time() if params["now"] is None else params["now"]
    if not math.isfinite(now) or now < 0:
        raise InvalidInput("now", now, "is no time", "Write seconds since 1970, for example 1795392000.")
    observed = observe(fleet, now, rule.interval, params["hosts"], _wanted(params["machine"]))
    forecaster = Blend(rule.risk) if rule.forecaster == "blend" else TrendRule(rule.risk)
    return _result(observed, rule, decide(observed, rule, forecaster))


def _wanted(machine: t.Mapping[str, t.Any]) -> Wanted:
    vcpus, memory = machine["vcpus"], machine["memory"]
    if vcpus is not None and vcpus < 1:
        raise InvalidInput("machine.vcpus", vcpus, "is no number of vCPUs", "Write 1 or more.")
    return Wanted(
        vcpus=vcpus,
        memory_bytes=None if memory is None else parse_size("machine.memory", memory),
        disk_bytes=parse_size("machine.disk", machine["disk"]),
        pool=machine["pool"],
    )


def _result(observed: Observed, rule: Rule, plan: Plan) -> dict[str, t.Any]:
    series = observed.series
    return {
        "changed": False,
        "demand": {
            "current": series.current,
            "series": [{"timestamp": start, "value": value} for start, value in series.slots()],
        },
        "forecast": _forecast(observed, rule, plan),
        "alert": dataclasses.asdict(plan.alert),
        "machines": {"current": plan.running, "needed": plan.need.now, "target": plan.target},
        "actions": [dataclasses.asdict(action) for action in plan.actions],
        "create": plan.named("create"),
        "wake": plan.named("wake"),
        "park": plan.named("park"),
        "remove": plan.named("remove"),
        "reasons": list(plan.reasons),
        "digest": plan.digest,
    }


def _forecast(observed: Observed, rule: Rule, plan: Plan) -> dict[str, t.Any]:
    made = plan.need.forecast
    if made is None:
        return {"value": None, "upper": None, "at": None, "method": None}
    series, peak = observed.series, made.peak
    at = series.start + (len(series.values) + peak) * rule.interval
    return {"value": made.steps[peak].value, "upper": made.steps[peak].upper, "at": at, "method": made.method}


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, "plan for the fleet", make_plan)


if __name__ == "__main__":
    main()
