#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_observe
short_description: Look at all fleets of a host at once
version_added: 0.1.0
author:
  - headroom.libvirt contributors (@headroom-libvirt)
description:
  - One look at a host for all fleets together, so that a run costs a task a host however many fleets there are. It
    claims each fleet, measures and records what it is asked for, tells its machines, what the host can still take, and
    which fleets it can make clones for.
  - For each fleet it does what M(headroom.libvirt.fleet_lease), M(headroom.libvirt.demand_sample) and
    M(headroom.libvirt.appliance_info) do, and what M(headroom.libvirt.host_info) does for the host. The statistics of
    all machines are read by one bulk call, and Prometheus servers are asked side by side.
  - What is in the way of one fleet, such as an expression that yields no number or a Prometheus server that is down, is
    that fleet's RV(fleets[].problem). Its demand is missing data then, as it were for a host that does not answer, and
    the other fleets go on.
  - The results of all hosts are what M(headroom.libvirt.provisioning_plan_info) plans with. The role
    P(headroom.libvirt.optimistic_provisioning#role) does all of this.
options:
  fleets:
    description:
      - The fleets, described as for the role P(headroom.libvirt.optimistic_provisioning#role). What is not an option
        here is left to whoever makes the machines, and does not reach the host.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - The fleet's name. Its machines are those whose metadata name it.
        type: str
        required: true
      appliance:
        description:
          - The appliance that its clones are made of, as C(name:version), or C(name) for the newest version. Looked for
            in the pool of O(fleets[].machine).
        type: str
      tenant:
        description:
          - Of no use here. It is for M(headroom.libvirt.provisioning_plan_info).
        type: str
      demand:
        description:
          - Where the demand comes from.
        type: dict
        suboptions:
          query:
            description:
              - A JMESPath expression, as O(headroom.libvirt.demand_sample#module:demand).
            type: raw
          prometheus:
            description:
              - A server to ask, as O(headroom.libvirt.demand_sample#module:prometheus).
            type: dict
            suboptions:
              url:
                description: Its address.
                type: raw
              query:
                description: The query.
                type: raw
              headers:
                description:
                  - Headers to send. They are not logged.
                type: dict
              ca:
                description: A file of certificates.
                type: raw
              timeout:
                description: For how many seconds it may keep silent.
                type: raw
          value:
            description:
              - The demand of the whole fleet, measured elsewhere.
            type: raw
          scale:
            description:
              - What the query yields is multiplied by this.
            type: raw
          window:
            description:
              - How many seconds of the history are returned, V(86400) if not said.
            type: raw
      rule:
        description:
          - Its rule, of which only C(interval) matters here.
        type: dict
      machine:
        description:
          - What a machine differs in from its appliance. Only C(pool) and C(network) matter here.
        type: dict
      health:
        description:
          - All options of O(headroom.libvirt.demand_sample#module:health).
        type: dict
      rollout:
        description:
          - All options of O(headroom.libvirt.provisioning_plan_info#module:rollout). Of no use here.
        type: dict
      priority:
        description:
          - Of no use here. It is for M(headroom.libvirt.provisioning_plan_info).
        type: raw
      best_effort:
        description:
          - Of no use here. It is for M(headroom.libvirt.provisioning_plan_info).
        type: raw
      expected_digest:
        description:
          - Of no use here. It is for M(headroom.libvirt.provisioning_plan_info).
        type: str
  holder:
    description:
      - Who claims the fleets, as O(headroom.libvirt.fleet_lease#module:holder). A fleet that somebody else holds is
        looked at, and not written.
      - Without it, none is claimed.
    type: str
  seconds:
    description:
      - For how many seconds they are claimed.
    type: float
    default: 900
  begin:
    description:
      - Names of fleets that may be written to a history that does not know them yet. Those that may not are looked at
        all the same, and are in RV(new), so that what is wrong with a new fleet can be told before anything is written.
      - Without it, all may.
    type: list
    elements: str
  timestamp:
    description:
      - The time of this run in epoch seconds. Handing the same one to all hosts puts them into the same interval.
      - Without it, the host's clock counts.
    type: float
  keep:
    description:
      - For how many seconds rows are kept.
    type: int
    default: 7776000
  tenants:
    description:
      - The tenants of which is told what their machines take of the host. The definition of each of the host's domains
        is read for that.
    type: list
    elements: str
    default: []
  usage:
    description:
      - Whether to return how full the host was as well, for O(headroom.libvirt.provisioning_plan_info#module:outlook).
      - It is recorded in any case, hour by hour, whenever the demand of a fleet is.
    type: bool
    default: false
extends_documentation_fragment:
  - headroom.libvirt.history
  - headroom.libvirt.capacity
  - headroom.libvirt.connection
  - headroom.libvirt.machine.uri
  - headroom.libvirt.attributes
  - headroom.libvirt.attributes.actiongroup_all
attributes:
  check_mode:
    support: full
    details:
      - The demand is evaluated and returned, and nothing is claimed or recorded.
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - Within one interval.
requirements:
  - jmespath where the module runs, for fleets whose demand is a query (packaged as C(python3-jmespath))
seealso:
  - module: headroom.libvirt.provisioning_plan_info
    description: Plans for all fleets with what all hosts returned.
  - module: headroom.libvirt.demand_sample
    description: Does it for one fleet.
"""

EXAMPLES = r"""
- name: Look at all fleets on each hypervisor
  headroom.libvirt.fleet_observe:
    fleets:
      - name: web
        appliance: web:1.0
        demand:
          query: sum(domains[].rates.cpu.used_cores)
      - name: ci
        appliance: runner
        demand:
          prometheus:
            url: https://prometheus.example:9090
            query: sum(ci_jobs_waiting)
        rule:
          interval: 60
    holder: "{{ run_id }}"
    timestamp: "{{ run_time }}"
  register: observation

- name: Say what is in the way of any fleet here
  ansible.builtin.debug:
    msg: "{{ observation.fleets | selectattr('problem') | map(attribute='problem.message') }}"
"""

RETURN = r"""
fleets:
  description: A row of each fleet, in their order.
  returned: success
  type: list
  elements: dict
  contains:
    fleet:
      description: The fleet.
      type: str
      returned: success
      sample: web
    new:
      description: Whether the history says nothing of it yet, and does not begin to (O(begin)).
      type: bool
      returned: success
      sample: false
    lease:
      description: Whose the fleet is on this host, V(none) without O(holder).
      type: dict
      returned: success
      sample: {held: true, by: run-7f3k2m, since: 1795392000.0, until: 1795392900.0, recorded: true}
      contains:
        held:
          description: Whether O(holder) holds it now, or would without check mode.
          type: bool
          returned: success
          sample: true
        by:
          description: Who holds it now.
          type: str
          returned: success
          sample: run-7f3k2m
        since:
          description: When that holder took it, in epoch seconds.
          type: float
          returned: success
          sample: 1795392000.0
        until:
          description: When it ends by itself, in epoch seconds.
          type: float
          returned: success
          sample: 1795392900.0
        recorded:
          description: Whether the history says so now. It does not in check mode, nor of a fleet that is new.
          type: bool
          returned: success
          sample: true
    sample:
      description: The demand of this interval on this host, as RV(headroom.libvirt.demand_sample#module:sample).
      type: dict
      returned: success
      sample: {timestamp: 1795392000.0, value: 12.5, reason: null}
    members:
      description: The fleet's machines on this host, as RV(headroom.libvirt.demand_sample#module:members).
      type: list
      elements: dict
      returned: success
      sample: []
    appliance:
      description: The appliance of clones, with what one takes of a host; V(none) where the host has not got it.
      type: dict
      returned: success
      sample: {id: "web:1.0", vcpus: 2, memory_bytes: 2147483648, disk_bytes: 8589934592}
    refuses:
      description: Why the host can make no clones for the fleet, and what to do about it; V(none) where it can.
      type: str
      returned: success
      sample: "it has no network customers (it has: default; define it there, or correct machine.network)"
    lacks:
      description: The appliance, where nothing but that is missing for clones; V(none) where more is missing, or
        nothing.
      type: str
      returned: success
      sample: null
    problem:
      description: Why the demand could not be measured, as RV(ignore:error) of a task that fails, with its C(message);
        V(none) where it could.
      type: dict
      returned: success
      sample: null
    past:
      description: What is recorded of the fleet on this host, as JSON, for M(headroom.libvirt.provisioning_plan_info).
        It has C(history) (time, demand, whether it is the whole fleet's, why it is missing), C(loads) (time, used
        cores, vCPUs), C(readiness) and C(roster), as M(headroom.libvirt.demand_sample) returns them.
      type: str
      returned: success
      sample: '{"history":[[1795392000.0,12.5,false]],"loads":[],"readiness":[],"roster":null}'
new:
  description: The names of fleets that the history does not know, and of which nothing was written (O(begin)).
  returned: success
  type: list
  elements: str
  sample: []
tenants:
  description: What the machines of O(tenants) take of the host, those that are off as well.
  returned: success
  type: dict
  sample: {acme: {machines: 3, vcpus: 6, memory_bytes: 6442450944}}
usage:
  description: How full the host's pools and its memory were, hour by hour, as JSON, for
    O(headroom.libvirt.provisioning_plan_info#module:outlook); V(none) without O(usage).
  returned: success
  type: str
  sample: '[{"kind":"pool","name":"default","total_bytes":858993459200,"start":1795388400,"used_bytes":[214748364800]}]'
peer_uri:
  description: The O(machine_uri), by which other hosts reach this one; V(none) where it is not set.
  returned: success
  type: str
  sample: qemu+ssh://root@kvm1/system
host:
  description: What the host has and what of it is free, as RV(headroom.libvirt.host_info#module:host).
  returned: success
  type: dict
  sample: {hostname: kvm1, free: {vcpus: 12, memory_bytes: 17179869184, pools: {default: 107374182400}}}
holder:
  description: The O(holder), by which whoever plans knows what one run has seen.
  returned: success
  type: str
  sample: run-7f3k2m
timestamp:
  description: The time of the run in epoch seconds.
  returned: success
  type: float
  sample: 1795392000.0
"""

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import (
    CONNECTION,
    MACHINE_URI,
    ArgumentSpec,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import Database
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.sampling import WallClock
from ansible_collections.headroom.libvirt.plugins.module_utils._fleet.apply import observe_fleets
from ansible_collections.headroom.libvirt.plugins.module_utils._fleet.definition import FLEETS
from ansible_collections.headroom.libvirt.plugins.module_utils._fleet.request import read_request
from ansible_collections.headroom.libvirt.plugins.module_utils._fleet.survey import survey_host
from ansible_collections.headroom.libvirt.plugins.module_utils._fleet.tenants import (
    measure_tenants,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._host.facts import POLICY, read_facts
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import require_lxml
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_module
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = CONNECTION.merge(
    MACHINE_URI,
    POLICY,
    ArgumentSpec(
        options={
            "fleets": {**FLEETS, "required": True},
            "holder": {"type": "str"},
            "seconds": {"type": "float", "default": 900},
            "begin": {"type": "list", "elements": "str"},
            "timestamp": {"type": "float"},
            "keep": {"type": "int", "default": 7_776_000},
            "tenants": {"type": "list", "elements": "str", "default": []},
            "usage": {"type": "bool", "default": False},
        }
    ),
)


def observe(module: AnsibleModule) -> dict[str, t.Any]:
    """Return the result of the task; the options are checked before the host is asked."""
    require_lxml()
    params, clock = module.params, WallClock()
    request = read_request(params, clock.now())
    database = Database(params["history"], dry_run=module.check_mode)
    if not module.check_mode:
        database.check_writable()
        # A history that is not there knows no fleet, so without one that may begin there is nothing to write.
        database = dataclasses.replace(
            database, dry_run=request.begin == frozenset() and not database.exists()
        )
    with open_connection(params["uri"], timeout=params["connect_timeout"]) as connection:
        facts = read_facts(connection, params, clock.now())
        survey = survey_host(connection, request, facts, clock)
        tenants = measure_tenants(connection, params["tenants"])
    result, warnings = database.run(
        lambda opened: observe_fleets(opened, request, survey, keep=not module.check_mode),
        clock.now(),
    )
    for warning in warnings:
        module.warn(warning)
    return {
        **result,
        "host": facts,
        "tenants": tenants,
        "holder": request.holder,
        "timestamp": request.timestamp,
        "peer_uri": params["machine_uri"] and mask_uri(params["machine_uri"]),
    }


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, "look at the fleets", observe)


if __name__ == "__main__":
    main()
