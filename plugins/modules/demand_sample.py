#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: demand_sample
short_description: Record what a fleet is asked for on a host
version_added: 0.1.0
author:
  - headroom.libvirt contributors (@headroom-libvirt)
description:
  - Evaluates the demand of a fleet over the statistics of its machines on this host, with rates against the run before,
    and records it in the host's history, one row an interval.
  - It is meant to run once an interval on every hypervisor. M(headroom.libvirt.provisioning_plan_info) adds the hosts
    up and decides.
  - What cannot be told is recorded as missing, with the reason, and never as 0. That is so for rates at the first run,
    and while a machine does not answer. A host on which no machine of the fleet runs has a demand of 0.
  - A machine that was made or started after the run before counts from its start, so demand does not seem to fall
    whenever the fleet grows.
options:
  fleet:
    description:
      - The fleet's name. Its machines are those whose metadata name it.
    type: str
    required: true
  demand:
    description:
      - A JMESPath expression that yields a number of 0 or more over C({domains, totals}), as
        M(headroom.libvirt.domain_stats_info) returns them of this host's machines of the fleet, with rates against the
        run before.
      - Where a machine that runs does not tell all that the expression looks at, the demand is missing data, and no sum
        over the others. Say what counts instead with C(||) or C(not_null), or leave such machines out with a filter.
      - Try it with O(headroom.libvirt.domain_stats_info#module:query) and an interval.
    type: str
  prometheus:
    description:
      - Ask a Prometheus server for the demand of the whole fleet. It counts once, on however many hosts it is recorded.
      - The whole O(window) is asked for, so that the history is there from the first run on, and RV(history) is what
        the server knows. The database O(history) then only keeps what the rates of machines are measured against, and
        is no loss when it is lost. While the server knows nothing, RV(history) is what it told the runs before.
      - What the server does not know, and what is no number (C(NaN)), is missing data, and never 0. So is an answer
        with warnings, which say that a part of what the server asks did not answer, or with C(isPartial).
      - A server that cannot be reached, and a query that it refuses, fail the task.
    type: dict
    suboptions:
      url:
        description:
          - The address of the server, without C(/api).
        type: str
        required: true
      query:
        description:
          - A query in PromQL that yields one series of numbers of 0 or more.
          - It is evaluated once an interval, so a C(rate()) should look back at least that long.
        type: str
        required: true
      headers:
        description:
          - Headers to send, such as C(Authorization). They are not logged. A value has no line break and no white space
            at its ends.
        type: dict
        default: {}
      ca:
        description:
          - A file with the certificates of the authority that signed the server's. Without it, those of the system
            count.
        type: path
      timeout:
        description:
          - For how many seconds the server may keep silent.
        type: float
        default: 10.0
  scale:
    description:
      - What O(demand) or O(prometheus) yields is multiplied by this, to have it in the unit that people think in.
        JMESPath does not multiply. With one request making 17 kB of traffic, V(0.0000588) turns bytes into requests.
      - Changing it changes what the history means, so begin a new one.
    type: float
    default: 1.0
  value:
    description:
      - The demand of the whole fleet, measured elsewhere. It counts once, on however many hosts it is recorded.
    type: float
  interval:
    description:
      - The seconds from one run to the next. A second run in the same interval records nothing.
    type: int
    default: 300
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
  window:
    description:
      - How many seconds of the history are returned.
    type: int
    default: 86400
extends_documentation_fragment:
  - headroom.libvirt.history
  - headroom.libvirt.upkeep
  - headroom.libvirt.connection
  - headroom.libvirt.machine.uri
  - headroom.libvirt.attributes
  - headroom.libvirt.attributes.actiongroup_all
attributes:
  check_mode:
    support: full
    details:
      - The demand is evaluated and returned, and nothing is recorded.
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - Within one interval.
requirements:
  - jmespath where the module runs, for O(demand) (packaged as C(python3-jmespath))
seealso:
  - module: headroom.libvirt.domain_stats_info
    description: What the expression sees.
  - module: headroom.libvirt.provisioning_plan_info
    description: What becomes of the samples.
"""

EXAMPLES = r"""
- name: Record the CPU cores that the fleet uses
  headroom.libvirt.demand_sample:
    fleet: web
    demand: sum(domains[].rates.cpu.used_cores)
    interval: 300

- name: Record the packets that reach it
  headroom.libvirt.demand_sample:
    fleet: web
    demand: totals.rates.interface.rx_pkts_per_second
    timestamp: "{{ run_time }}"
  register: sample

- name: Record the requests, by the traffic of one
  headroom.libvirt.demand_sample:
    fleet: web
    demand: totals.rates.interface.tx_bytes_per_second
    scale: "{{ 1 / 17000 }}"

- name: Record the requests as Prometheus knows them, with four weeks of history
  headroom.libvirt.demand_sample:
    fleet: web
    prometheus:
      url: https://prometheus.example:9090
      query: sum(rate(haproxy_frontend_http_requests_total{proxy="web"}[5m]))
      headers:
        Authorization: "Bearer {{ prometheus_token }}"
      ca: /etc/ssl/certs/site-ca.pem
    window: 2419200

- name: Record the length of a queue that was asked elsewhere
  headroom.libvirt.demand_sample:
    fleet: ci
    value: "{{ queue.json.waiting }}"
    interval: 60
"""

RETURN = r"""
fleet:
  description: The fleet.
  returned: success
  type: str
  sample: web
sample:
  description: The row of this interval, as it is recorded, or would be without check mode.
  returned: success
  type: dict
  sample: {timestamp: 1795392000.0, value: 12.5, reason: null}
  contains:
    timestamp:
      description: The time of the run that recorded it, in epoch seconds.
      type: float
      returned: success
      sample: 1795392000.0
    value:
      description: The demand, V(none) when it is not known.
      type: float
      returned: success
      sample: 12.5
    reason:
      description: Why the demand is not known, or is 0 without a look at any machine; V(none) otherwise.
      type: str
      returned: success
      sample: "this is the first sample: rates are known from the next one on"
history:
  description: The rows of the last O(window) seconds, oldest first.
  returned: success
  type: list
  elements: dict
  sample: [{timestamp: 1795391700.0, value: 11.75, whole: false}, {timestamp: 1795392000.0, value: 12.5, whole: false}]
  contains:
    timestamp:
      description: The time of the run that recorded it, in epoch seconds.
      type: float
      returned: success
      sample: 1795392000.0
    value:
      description: The demand, V(none) when it was not known.
      type: float
      returned: success
      sample: 12.5
    whole:
      description: Whether it is the whole fleet's demand, handed in with O(value), and not this host's part.
      type: bool
      returned: success
      sample: false
    reason:
      description:
        - Why the demand is not known. A demand of 0 that has one was measured by nobody, since no machine ran on the
          host. It adds nothing to what other hosts measured, and is missing where all say so.
      type: str
      returned: when there is one
      sample: no member runs on this host
loads:
  description:
    - What the fleet's machines that ran on this host used of their processors in the latest 288 intervals, oldest
      first, for O(headroom.libvirt.provisioning_plan_info#module:rule.measure_capacity). Intervals in which that is not
      known are left out.
  returned: success
  type: list
  elements: dict
  sample: [{timestamp: 1795392000.0, used_cores: 1.25, vcpus: 4}]
  contains:
    timestamp:
      description: The time of the run that recorded it, in epoch seconds.
      type: float
      returned: success
      sample: 1795392000.0
    used_cores:
      description: The CPU cores that they used.
      type: float
      returned: success
      sample: 1.25
    vcpus:
      description: The vCPUs that they had.
      type: int
      returned: success
      sample: 4
readiness:
  description:
    - How long new machines took, in the latest 20 runs that made any on this host, oldest first, as
      M(headroom.libvirt.fleet_readiness) recorded it.
  returned: success
  type: list
  elements: dict
  sample: [{machines: 2, seconds: 41.5}]
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
roster:
  description:
    - The fleet's machines on all hosts, as M(headroom.libvirt.provisioning_decision) kept them with the latest
      decision; V(none) before any. By these M(headroom.libvirt.provisioning_plan_info) knows what may be on hosts that
      a run has not.
  returned: success
  type: dict
  sample: {moment: 1795391700.0, machines: [{host: kvm1, name: web-1, uuid: 5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55}]}
  contains:
    moment:
      description: The time of the decision in epoch seconds.
      type: float
      returned: success
      sample: 1795391700.0
    machines:
      description: The machines, by host and name.
      type: list
      elements: dict
      returned: success
      sample: [{host: kvm1, name: web-1, uuid: 5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55}]
      contains:
        host:
          description: The host's name, as the plan calls it.
          type: str
          returned: success
          sample: kvm1
        name:
          description: The domain's name.
          type: str
          returned: success
          sample: web-1
        uuid:
          description: The domain's UUID, V(none) for one that the decision was to make.
          type: str
          returned: success
          sample: 5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55
members:
  description: The fleet's machines on this host, by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The domain's name.
      type: str
      returned: success
      sample: web-1
    uuid:
      description: The domain's UUID.
      type: str
      returned: success
      sample: 5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55
    machine:
      description: What names the domain on any host, for O(headroom.libvirt.domain#module:machine).
      type: dict
      returned: success
      sample: {uri: qemu+ssh://kvm1/system, name: web-1, uuid: 5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55}
    state:
      description: libvirt's name of its state, or V(saved) for one that is off with its memory saved.
      type: str
      returned: success
      sample: running
    state_reason:
      description: libvirt's name of the reason for its state, V(none) when that is not known.
      type: str
      returned: success
      sample: booted
    protected:
      description: Whether it must not be removed.
      type: bool
      returned: success
      sample: false
    created:
      description: When it was cloned, in ISO 8601, V(none) when that is not known.
      type: str
      returned: success
      sample: "2026-11-23T00:14:32Z"
    appliance:
      description: The appliance that it is a clone of, as C(name:version); V(none) of a machine that is none.
      type: str
      returned: success
      sample: web:1.0
    labelled:
      description:
        - Whether somebody put it into the fleet, and no clone task made it for that. Provisioning counts it, and never
          removes, parks or replaces it.
      type: bool
      returned: success
      sample: false
    parked_for:
      description: The fleet for whose sake it was parked; V(none) for none.
      type: str
      returned: success
      sample: null
    in_service:
      description: Whether it has been put into service; V(none) where nobody keeps account of that.
      type: bool
      returned: success
      sample: true
    in_service_since:
      description: Since when that is so, in ISO 8601; V(none) where nobody keeps account of it.
      type: str
      returned: success
      sample: "2026-11-23T00:15:02Z"
    healthy:
      description: What O(health) has shown; V(none) where that is not certain, or does not apply.
      type: bool
      returned: when O(health) is set
      sample: true
    health_kind:
      description:
        - V(passed), what it fails by, or V(off) and V(unknown). It fails by V(io error), V(crashed), V(stopped),
          V(hung), V(no address), V(refused), V(silent) or V(failing).
      type: str
      returned: when O(health) is set
      sample: refused
    health_reason:
      description: The same in words.
      type: str
      returned: when O(health) is set
      sample: nothing listens on port 80 of 192.168.122.30
    awaited:
      description: Whether it has yet to pass for the first time since it came up, and has time left for that.
      type: bool
      returned: when O(health) is set
      sample: false
    has_passed:
      description: Whether it has ever passed this check.
      type: bool
      returned: when O(health) is set
      sample: true
    activity:
      description: The CPU cores that it uses, by which the most idle is found; V(none) when that is not known.
      type: float
      returned: success
      sample: 0.75
    vcpus:
      description: The vCPUs that it may have.
      type: int
      returned: success
      sample: 2
    memory_bytes:
      description: The memory that it may have.
      type: int
      returned: success
      sample: 2147483648
"""

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import (
    CONNECTION,
    MACHINE_URI,
    ArgumentSpec,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import prometheus, verdict
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import (
    DEFAULT_PATH,
    Database,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.request import read_request
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.sampling import (
    WallClock,
    take_sample,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_module
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.headroom.libvirt.plugins.module_utils._demand.request import (
        SamplingRequest,
    )

ARGUMENTS = CONNECTION.merge(MACHINE_URI).merge(
    ArgumentSpec(
        options={
            "fleet": {"type": "str", "required": True},
            "demand": {"type": "str"},
            "scale": {"type": "float", "default": 1.0},
            "value": {"type": "float"},
            "prometheus": {"type": "dict", "options": prometheus.OPTIONS},
            "interval": {"type": "int", "default": 300},
            "timestamp": {"type": "float"},
            "history": {"type": "path", "default": DEFAULT_PATH},
            "keep": {"type": "int", "default": 7_776_000},
            "window": {"type": "int", "default": 86_400},
            "health": {"type": "dict", "options": verdict.SPEC},
        },
        mutually_exclusive=[("demand", "value", "prometheus")],
        required_one_of=[("demand", "value", "prometheus")],
    )
)


def sample(module: AnsibleModule) -> dict[str, t.Any]:
    """Return the result of the task; the options are checked before the host is asked."""
    params = module.params
    clock = WallClock()
    request = read_request(params, clock.now())
    with open_connection(params["uri"], timeout=params["connect_timeout"]) as connection:
        return _sample(connection, request, module, clock)


def _sample(
    connection: Connection, request: SamplingRequest, module: AnsibleModule, clock: WallClock
) -> dict[str, t.Any]:
    result = take_sample(
        connection, request, Database(module.params["history"], dry_run=module.check_mode), clock
    )
    for warning in result.pop("warnings"):
        module.warn(warning)
    return result


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, "sample the demand of the fleet", sample)


if __name__ == "__main__":
    main()
