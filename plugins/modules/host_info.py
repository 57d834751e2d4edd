#!/usr/bin/python

# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Capacity, promised and free resources of a libvirt host
version_added: 0.1.0
author:
  - headroom.libvirt contributors (@headroom-libvirt)
description:
  - Says what a host has, what its domains were promised, what can still be given away, and whether its storage
    pools and networks run.
  - Promised is what a domain may grow to, whether it does now or not, namely its vCPUs and its maximum memory.
    Domains that do not run count as well, since any of them may be started; a fleet parks its spare clones that way.
  - No guest's monitor is asked, so a guest that hangs does not hold up the answer.
options:
  pools:
    description:
      - Names of the storage pools to report. Without it all are.
      - A name that the host does not have fails the task.
    type: list
    elements: str
  refresh_pools:
    description:
      - Have libvirt look at the storage of the pools again first.
      - Without it, libvirt tells what it saw when the pool was started or refreshed, corrected by the volumes that were
        made and deleted through it since. Volumes that grew in the meantime are not in these numbers.
      - A pool that cannot be refreshed now is reported with its old numbers, and in RV(host.health).
    type: bool
    default: false
  guests:
    description:
      - Also tell what each guest takes, for M(headroom.libvirt.placement_plan_info). It reads each guest's definition
        and each of its volumes once.
    type: bool
    default: false
  history:
    description:
      - The history database on the host, in which its mark is while it is in maintenance. Read where this module runs
        on the host itself, or reaches it by SSH.
    type: path
    default: /var/lib/headroom/history.sqlite
  output:
    description:
      - V(facts) returns RV(host).
      - V(openmetrics) returns it as text for Prometheus in its place, as RV(openmetrics). Guests that still read from
        another host are among it, and, where this module runs on the host itself, transactions that a run left in
        O(journal), and when libvirt's and QEMU's certificates in C(/etc/pki) expire, which C(openssl) reads.
      - V(textfile) writes that to O(path) in the text format of Prometheus. Dashboards are in C(extensions/grafana) of
        this collection, alert rules in C(extensions/prometheus).
      - Only V(facts) goes with O(uris), since the text does not say which host it is about; Prometheus does that.
    type: str
    choices: [facts, openmetrics, textfile]
    default: facts
  path:
    description:
      - The file that O(output=textfile) writes on the machine where the module runs, for the textfile collector of
        Prometheus' node exporter, which reads files that end in C(.prom).
      - It is replaced as a whole, so that nobody reads half of it. In check mode it stays as it is.
    type: path
seealso:
  - module: headroom.libvirt.domain_stats_info
  - module: headroom.libvirt.host_maintenance
    description: Sets RV(host.maintenance).
  - module: headroom.libvirt.placement_plan_info
    description: Plans with what this module returns.
extends_documentation_fragment:
  - headroom.libvirt.capacity
  - headroom.libvirt.connection
  - headroom.libvirt.hosts
  - headroom.libvirt.journal
  - headroom.libvirt.machine.uri
  - headroom.libvirt.attributes
  - headroom.libvirt.attributes.info_module
  - headroom.libvirt.attributes.actiongroup_all
"""

EXAMPLES = r"""
- name: Read what the host can still take
  headroom.libvirt.host_info:
    memory_reserve: 2GiB
  register: this

- name: Stop unless another guest of 4 GiB fits
  ansible.builtin.assert:
    that: this.host.free.memory_bytes >= 4 * 1024 ** 3

- name: Look at one pool of another host, with sizes as they are now
  headroom.libvirt.host_info:
    uri: qemu+ssh://root@kvm2.example.com/system
    pools:
      - default
    refresh_pools: true
  delegate_to: localhost

- name: Which hosts can take another guest of 4 GiB, and which cannot be asked?
  headroom.libvirt.host_info:
    uris:
      - qemu+ssh://root@kvm1.example.com/system
      - qemu+ssh://root@kvm2.example.com/system
  delegate_to: localhost
  register: everywhere

- name: Show them
  ansible.builtin.debug:
    msg:
      - "{{ answers | selectattr('free.memory_bytes', '>=', 4 * 1024 ** 3) | map(attribute='uri') }}"
      - "{{ everywhere.hosts | rejectattr('problem', 'none') }}"
  vars:
    answers: "{{ everywhere.hosts | selectattr('problem', 'none') }}"

- name: Read what the host can take where CPUs are not shared and memory is ballooned
  headroom.libvirt.host_info:
    cpu_overcommit: 1
    memory_overcommit: 1.5

- name: Hand all of it to Prometheus' node exporter
  headroom.libvirt.host_info:
    output: textfile
    path: /var/lib/prometheus/node-exporter/headroom-host.prom
"""

RETURN = r"""
host:
  description: What the host has and what of it is free.
  type: dict
  returned: when O(uris) is not used, with O(output=facts)
  contains:
    uri:
      description: The connection URI, with its password masked.
      type: str
      returned: success
      sample: qemu:///system
    hostname:
      description: What the host calls itself.
      type: str
      returned: success
      sample: kvm1.example.com
    uuid:
      description: The host's UUID, V(none) where the driver has none.
      type: str
      returned: success
      sample: 5f0f7b1c-52c7-4a3a-9a50-6f5c1c1b2a10
    libvirt_version:
      description: The version of the host's libvirt.
      type: str
      returned: success
      sample: 11.3.0
    hypervisor:
      description: The name of libvirt's driver.
      type: str
      returned: success
      sample: QEMU
    hypervisor_version:
      description: The version of the hypervisor.
      type: str
      returned: success
      sample: 10.0.2
    cpu:
      description: The host's CPUs.
      type: dict
      returned: success
      contains:
        threads:
          description: How many CPU threads are online.
          type: int
          returned: success
          sample: 32
        arch:
          description: The architecture, V(none) where the driver does not know.
          type: str
          returned: success
          sample: x86_64
        model:
          description: The CPU model by libvirt's name, V(none) where the driver does not know.
          type: str
          returned: success
          sample: EPYC-Rome
        vendor:
          description: The maker of the CPU, V(none) where the driver does not know.
          type: str
          returned: success
          sample: AMD
    memory:
      description: The host's memory.
      type: dict
      returned: success
      contains:
        total_bytes:
          description: All of it.
          type: int
          returned: success
          sample: 137438953472
        free_bytes:
          description: Memory that nothing uses now, V(none) where the driver does not know.
          type: int
          returned: success
          sample: 4294967296
        available_bytes:
          description: Free memory, buffers and caches together, V(none) where the driver does not know.
          type: int
          returned: success
          sample: 68719476736
    allowed:
      description: What may be promised in all, under the overcommit options and O(memory_reserve).
      type: dict
      returned: success
      sample:
        vcpus: 128
        memory_bytes: 136365211648
    committed:
      description:
        - What domains were promised. Domains that the collection keeps for itself are left out, such as the image that
          warm clones go on from.
      type: dict
      returned: success
      contains:
        running:
          description: What the active domains were promised.
          type: dict
          returned: success
          sample:
            vcpus: 12
            memory_bytes: 25769803776
        defined:
          description: What all domains were promised, active or not.
          type: dict
          returned: success
          sample:
            vcpus: 16
            memory_bytes: 34359738368
    domains:
      description:
        - How many domains are in each state that occurs, and in C(total), without those that the collection keeps for
          itself.
      type: dict
      returned: success
      sample:
        running: 6
        shutoff: 2
        total: 8
    pools:
      description: The storage pools, sorted by name.
      type: list
      elements: dict
      returned: success
      contains:
        name:
          description: The name of the pool.
          type: str
          returned: success
          sample: default
        type:
          description: The type of the pool.
          type: str
          returned: success
          sample: dir
        path:
          description: Where the pool's volumes appear on the host, V(none) for a pool without a path.
          type: str
          returned: success
          sample: /var/lib/libvirt/images
        state:
          description:
            - One of V(inactive), V(building), V(running), V(degraded), V(inaccessible), or V(unknown) where
              libvirt knows more.
          type: str
          returned: success
          sample: running
        autostart:
          description: Whether the pool starts with its host.
          type: bool
          returned: success
          sample: true
        capacity_bytes:
          description: The size of the pool, V(none) unless it runs.
          type: int
          returned: success
          sample: 1099511627776
        allocation_bytes:
          description: What of it is written, V(none) unless it runs.
          type: int
          returned: success
          sample: 214748364800
        available_bytes:
          description: What of it can still be written, V(none) unless it runs.
          type: int
          returned: success
          sample: 884763262976
        source:
          description:
            - What names the storage behind a pool on a network, by which hosts tell that they have the same; V(none)
              for a pool of the host's own.
          type: str
          returned: success
          sample: netfs nas.example.com /images
    networks:
      description: The virtual networks, sorted by name.
      type: list
      elements: dict
      returned: success
      contains:
        name:
          description: The name of the network.
          type: str
          returned: success
          sample: default
        active:
          description: Whether the network runs.
          type: bool
          returned: success
          sample: true
        autostart:
          description: Whether the network starts with its host.
          type: bool
          returned: success
          sample: true
        bridge:
          description: The bridge of the network, V(none) where it has none.
          type: str
          returned: success
          sample: virbr0
        forward:
          description: How the network is connected to others, V(none) where it is isolated.
          type: str
          returned: success
          sample: nat
    free:
      description:
        - What can still be promised, which is never less than nothing.
        - This is the host's CPUs and memory under the overcommit options and O(memory_reserve), less
          RV(host.committed.defined).
      type: dict
      returned: success
      contains:
        vcpus:
          description: vCPUs.
          type: int
          returned: success
          sample: 112
        memory_bytes:
          description: Guest memory.
          type: int
          returned: success
          sample: 102005473280
        pools:
          description: The bytes that can still be written, by the name of the pool, for those that run.
          type: dict
          returned: success
          sample:
            default: 884763262976
    maintenance:
      description:
        - The mark of a host in maintenance, V(none) for a host without it, and where this module neither runs on the
          host nor reaches it by SSH.
      type: dict
      returned: success
      contains:
        since:
          description: When it was set, in epoch seconds.
          type: float
          returned: success
          sample: 1795392000.0
        reason:
          description: Why.
          type: str
          returned: success
          sample: new firmware
        guests:
          description: The guests that the host is to get back, with their C(name) and C(uuid).
          type: list
          elements: dict
          returned: success
          sample: []
        hosts:
          description: The hosts on which these may be.
          type: list
          elements: str
          returned: success
          sample: [kvm1, kvm2]
    leases:
      description:
        - Which provisioning runs have claimed which fleets on the host, see M(headroom.libvirt.fleet_lease); known
          where RV(host.maintenance) is.
      type: list
      elements: dict
      returned: success
      contains:
        fleet:
          description: The fleet.
          type: str
          returned: success
          sample: web
        holder:
          description: Who may change it.
          type: str
          returned: success
          sample: controller-4711
        since:
          description: Since when, in epoch seconds.
          type: float
          returned: success
          sample: 1795392000.0
        until:
          description: Until when, unless it is renewed.
          type: float
          returned: success
          sample: 1795392600.0
    guests:
      description: The guests by name, with what they take.
      type: list
      elements: dict
      returned: when O(guests=true)
      contains:
        name:
          description: The guest's name.
          type: str
          returned: success
          sample: web-1
        uuid:
          description: The guest's UUID.
          type: str
          returned: success
          sample: 5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55
        machine:
          description: What names the guest on any host, for O(headroom.libvirt.domain#module:machine).
          type: dict
          returned: success
          sample: {uri: qemu+ssh://kvm1/system, name: web-1, uuid: 5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55}
        state:
          description: libvirt's state.
          type: str
          returned: success
          sample: running
        running:
          description: Whether the guest is active, be it paused.
          type: bool
          returned: success
          sample: true
        helper:
          description: Whether it is none of the users', but serves disks to other hosts or keeps a clone's memory.
          type: bool
          returned: success
          sample: false
        vcpus:
          description: Its vCPUs.
          type: int
          returned: success
          sample: 2
        memory_bytes:
          description: The most that its memory may grow to.
          type: int
          returned: success
          sample: 4294967296
        fleet:
          description: The fleet that it belongs to, V(none) for none.
          type: str
          returned: success
          sample: web
        tenant:
          description: The tenant that it belongs to, V(none) for none.
          type: str
          returned: success
          sample: shop
        tags:
          description: Its tags.
          type: list
          elements: str
          returned: success
          sample: [ha]
        networks:
          description: The virtual networks that it is attached to.
          type: list
          elements: str
          returned: success
          sample: [default]
        bridges:
          description: The host's bridges, and cards under a macvtap, that it is attached to.
          type: list
          elements: str
          returned: success
          sample: [br0]
        disks:
          description:
            - The disks that come along when it moves, each with its C(target), C(path), C(pool), C(capacity_bytes), the
              C(bytes) that it holds, the appliance's volume that is its C(base), and the C(base_bytes) below it.
          type: list
          elements: dict
          returned: success
          sample: []
        busy:
          description:
            - Why it cannot be moved now, in words, such as a disk that is being copied or a device of its host; V(none)
              where it can.
          type: str
          returned: success
          sample: one of its disks is being copied
        dependency:
          description:
            - What it still reads from another host, by its metadata, as
              RV(headroom.libvirt.domain_migrate#module:domains[].dependency); V(none) for one that is whole. One that
              runs is moved all the same, once that has been pulled in.
          type: dict
          returned: success
          sample:
            kind: move
            source_uri: qemu+ssh://kvm1/system
            export: headroom-export-0123456789ab
            address: 192.0.2.11
            port: 49216
            since: "2026-05-04T09:30:00Z"
            operation: 1f2e3d4c
            disks: [vda]
    cards:
      description:
        - The names of the host's bridges and network cards, by which placement knows where guests on bridges can go.
        - V(none) where its libvirt has no driver for interfaces.
      type: list
      elements: str
      returned: when O(guests=true)
      sample: [br0, eth0, lo]
    appliance_volumes:
      description: The names of the appliances' disks in the running pools.
      type: list
      elements: str
      returned: when O(guests=true)
      sample: [headroom-appliance.web@1.0.3f2a9c41b7d0.vda.qcow2]
    health:
      description: What was looked at, and what was found.
      type: list
      elements: dict
      returned: success
      contains:
        check:
          description:
            - What was looked at, one of V(cpu), V(memory), V(pool), V(network), or V(storage) and V(networks) where
              libvirt's daemon for these does not answer, or V(maintenance) where the mark could not be read.
              Only the text for Prometheus also has V(certificate), where one could not be read.
          type: str
          returned: success
          sample: pool
        name:
          description: The name of the pool or network, V(none) for other checks.
          type: str
          returned: success
          sample: default
        status:
          description: One of V(ok), V(warning), V(error).
          type: str
          returned: success
          sample: ok
        detail:
          description: The finding, for people.
          type: str
          returned: success
          sample: the pool runs
hosts:
  description:
    - The hosts that O(uris) names, in that order, each as RV(host) describes it, with the C(uri) that it was asked by
      and a C(problem), which is V(null). Of one that could not be asked only the C(uri) and the C(problem) are there.
  type: list
  elements: dict
  returned: when O(uris) is used
  sample: [{uri: qemu+ssh://root@kvm2.example.com/system, problem: "could not connect"}]
openmetrics:
  description: The host as OpenMetrics text.
  returned: with O(output=openmetrics)
  type: str
  sample: |
    # HELP headroom_host_free_vcpus vCPUs that can still be promised.
    # TYPE headroom_host_free_vcpus gauge
    headroom_host_free_vcpus{} 112
    # EOF
path:
  description: The file that was written.
  returned: with O(output=textfile)
  type: str
  sample: /var/lib/prometheus/node-exporter/headroom-host.prom
"""

import dataclasses
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import (
    CONNECTION,
    HOSTS,
    JOURNAL,
    MACHINE_URI,
    ArgumentSpec,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._files import write_atomically
from ansible_collections.headroom.libvirt.plugins.module_utils._host.facts import POLICY, read_facts
from ansible_collections.headroom.libvirt.plugins.module_utils._host.openmetrics import render_host
from ansible_collections.headroom.libvirt.plugins.module_utils._host.watch import read_watch
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import open_journal
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import require_lxml
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.on_host import (
    HostAnswer,
    describe_hosts,
    run_on_hosts,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

ARGUMENTS = CONNECTION.merge(
    HOSTS,
    MACHINE_URI,
    POLICY,
    JOURNAL,
    ArgumentSpec(
        options={
            "pools": {"type": "list", "elements": "str"},
            "refresh_pools": {"type": "bool", "default": False},
            "guests": {"type": "bool", "default": False},
            "output": {
                "type": "str",
                "choices": ["facts", "openmetrics", "textfile"],
                "default": "facts",
            },
            "path": {"type": "path"},
        },
        mutually_exclusive=[("uris", "machine_uri")],
        required_if=[("output", "textfile", ["path"])],
    ),
)


def read_capacity(connection: Connection, module: AnsibleModule) -> dict[str, t.Any]:
    """Return the task's result."""
    require_lxml()
    params, now = module.params, time.time()
    is_text = params["output"] != "facts"
    if is_text and params["uris"] is not None:
        raise InvalidInput(
            "output",
            params["output"],
            "says nothing of which host it is about, so it is for one host",
            "Leave out `uris`, and run the task on each host.",
        )
    host = read_facts(
        connection,
        params,
        now,
        pools=params["pools"],
        refresh=params["refresh_pools"],
        with_guests=params["guests"] or is_text,
        machine_uri=params["machine_uri"],
    )
    return _export(connection, host, module, now) if is_text else {"host": host}


def _export(
    connection: Connection, host: dict[str, t.Any], module: AnsibleModule, now: float
) -> dict[str, t.Any]:
    """Return or write the text for Prometheus."""
    watch, checks = read_watch(connection.uri, open_journal(module), now)
    host["health"] += [dataclasses.asdict(check) for check in checks]
    if module.params["output"] == "openmetrics":
        return {"openmetrics": render_host(host, watch)}
    path = module.params["path"]
    if not module.check_mode:
        write_atomically("path", path, render_host(host, watch, openmetrics=False), 0o644)
    return {"path": path}


def merge(answers: t.Sequence[HostAnswer]) -> dict[str, t.Any]:
    """Return the result about many hosts: a row for each, be it that it could not be asked."""
    rows = []
    for answer, row in zip(answers, describe_hosts(answers)):
        host = {} if answer.result is None else answer.result["host"]
        rows.append({**host, **row})
    return {"hosts": rows}


def main() -> None:
    """Run the module."""
    run_on_hosts(ARGUMENTS, "read the host's capacity", read_capacity, merge)


if __name__ == "__main__":
    main()
