#!/usr/bin/python

# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: domain_info
short_description: List the domains of one host or of many
version_added: 0.1.0
author:
  - The headroom.libvirt contributors (@headroom)
description:
  - Lists domains with their labels, what they were made from, their disks and what these stand on, what belongs to
    them, how they are and what is unfinished about them.
  - Reads one host, or all that O(uris) names, side by side and each within O(timeout). Run it once on the controller
    for all hosts, or on each of them.
  - Options that choose domains are all to hold. Without any, every domain is listed.
  - No guest is asked unless an option asks for it, so one that hangs does not hold up the answer.
  - For what domains use of processors, memory, disks and networks see M(headroom.libvirt.domain_stats_info).
options:
  name:
    description:
      - Only domains of these names. An empty list lists none.
      - A name that no host has is no error; see RV(missing).
    type: list
    elements: str
  fleet:
    description:
      - Only members of this fleet.
    type: str
  tenant:
    description:
      - Only domains of this tenant.
    type: str
  pattern:
    description:
      - Only domains whose name matches this shell pattern, for example V(ci-*).
      - It is matched case-sensitively against the whole name.
    type: str
  tags:
    description:
      - Only domains that have all of these tags.
    type: list
    elements: str
    default: []
  backing:
    description:
      - Also look into the storage pools for what disks stand on, and in which pool and volume each layer lies.
      - What a disk of a domain that is active stands on is always told. The definition of one that is off may end
        early, see RV(domains[].disks[].layers_complete).
      - It costs three libvirt calls for each pool and one for each volume, and O(on_host) does not apply.
    type: bool
    default: false
  address_sources:
    description:
      - Where the addresses of domains are looked for, as by the inventory plugin
        P(headroom.libvirt.domains#inventory).
      - V(lease) is what the DHCP servers of libvirt's networks gave out, V(reservation) what these networks keep for a
        MAC address, V(arp) what the host has heard of its neighbours.
      - V(agent) asks the guest agent of each running domain that has one, at the same time. It believes what the guest
        says, so ask only guests that you trust.
    type: list
    elements: str
    choices: [lease, reservation, arp, agent]
    default: [lease, reservation]
  ask_agents:
    description:
      - Ask the guest agent of each running domain that has one whether it answers, all at the same time. Without it,
        RV(domains[].health.agent) is what libvirt knows by itself.
      - It needs a user who may change domains, as does O(address_sources=agent).
    type: bool
    default: false
  agent_timeout:
    description:
      - How many seconds to wait for the next agent's answer. When none comes, those that still owe one are taken not to
        answer.
    type: float
    default: 2.0
  on_host:
    description:
      - Whether a host with a C(+ssh) URI is read by a small program that C(python3) runs there, as
        O(headroom.libvirt.domains#inventory:on_host) describes it. With it the number of libvirt calls does not depend
        on how many domains a host has, where that program or this module runs as C(root).
    type: bool
    default: true
  query:
    description:
      - A JMESPath expression over RV(domains), RV(hosts) and RV(missing). What it yields is returned as RV(result) in
        their place.
      - Needs the Python library C(jmespath) where the module runs.
    type: str
extends_documentation_fragment:
  - headroom.libvirt.connection
  - headroom.libvirt.hosts
  - headroom.libvirt.machine.uri
  - headroom.libvirt.journal
  - headroom.libvirt.attributes
  - headroom.libvirt.attributes.info_module
  - headroom.libvirt.attributes.actiongroup_all
notes:
  - Titles, descriptions, tags, the names that guests give themselves, and all other text of domains may be written by
    others than the operator. Ansible does not evaluate templates in it; do not put it into commands unquoted.
  - Where the memory of this process is limited (C(ulimit -v), a control group), the task fails before the rows and the
    result that is made of them go beyond the limit. Choose fewer domains then, or fewer hosts.
  - Reading a host takes three libvirt calls, one more for its name, and one more for each active network; each agent
    that is asked is a call more, as is each definition where O(on_host) does not apply. RV(hosts[].calls) tells.
seealso:
  - module: headroom.libvirt.domain
  - module: headroom.libvirt.domain_stats_info
  - module: headroom.libvirt.transaction_info
  - plugin: headroom.libvirt.domains
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: List the domains of the host
  headroom.libvirt.domain_info:
  register: guests

- name: Say what is wrong with each
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.health.problems | join(', ') }}"
  loop: "{{ guests.domains }}"
  loop_control:
    label: "{{ item.name }}"
  when: item.health.problems | length > 0

- name: Find what is wrong anywhere, in one task
  headroom.libvirt.domain_info:
    uris:
      - qemu+ssh://root@kvm1.example.com/system
      - qemu+ssh://root@kvm2.example.com/system
    timeout: 10
    query: >-
      {hosts: hosts[?problem].[uri, problem],
       domains: domains[?health.problems].{machine: machine, problems: health.problems}}
  delegate_to: localhost
  register: wrong

- name: List the members of a fleet that were made from an older version
  headroom.libvirt.domain_info:
    fleet: web
    query: domains[?version != '2.0'].name
  register: older

- name: Shut down what a tenant has tagged as spare, wherever it is
  headroom.libvirt.domain_info:
    uris: "{{ groups['hypervisors'] | map('regex_replace', '^(.*)$', 'qemu+ssh://root@\\1/system') }}"
    tenant: acme
    tags: [spare]
  delegate_to: localhost
  run_once: true
  register: spare

- name: Shut it down
  headroom.libvirt.domain:
    machine: "{{ item.machine }}"
    state: shutdown
  delegate_to: localhost
  run_once: true
  loop: "{{ spare.domains }}"
  loop_control:
    label: "{{ item.name }}"
"""

RETURN = r"""
domains:
  description: The domains, sorted by name.
  returned: when O(query) is not used
  type: list
  elements: dict
  contains:
    name:
      description: The domain's name.
      type: str
      sample: web-1
    uuid:
      description: Its UUID.
      type: str
      sample: 5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55
    uri:
      description: The host that was asked, by O(uri) or O(uris).
      type: str
      sample: qemu:///system
    machine:
      description: What names the domain on any host, for O(headroom.libvirt.domain#module:machine).
      type: dict
      sample: {uri: qemu+ssh://kvm1/system, name: web-1, uuid: 5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55}
    state:
      description:
        - V(running), V(paused), V(shutoff), V(crashed), V(pmsuspended), V(shutdown), V(blocked), V(nostate) or
          V(unknown).
      type: str
      sample: running
    state_reason:
      description: Why it is in this state, by libvirt's name.
      type: str
      sample: booted
    address:
      description: The address to reach it by; V(null) where none is known.
      type: str
      sample: 192.168.122.30
    autostart:
      description: Whether it starts with its host.
      type: bool
      sample: true
    protected:
      description: Whether its metadata forbid to remove it.
      type: bool
      sample: false
    helper:
      description: Whether it is none of the users', but serves disks to other hosts or keeps a clone's memory.
      type: bool
      sample: false
    title:
      description: Its title; V(null) without one.
      type: str
      sample: Web server 1
    description:
      description: Its description; V(null) without one.
      type: str
      sample: Serves www.example.com
    fleet:
      description: Its fleet; V(null) without one.
      type: str
      sample: web
    tenant:
      description: Its tenant; V(null) without one.
      type: str
      sample: acme
    tags:
      description: Its tags.
      type: list
      elements: str
      sample: [edge]
    appliance:
      description: The appliance that it was made from; V(null) for what no clone task made.
      type: str
      sample: web:1.2
    version:
      description: The version of that appliance.
      type: str
      sample: "1.2"
    parent:
      description: What it was cloned from, an appliance or the UUID of a domain.
      type: str
      sample: web:1.2
    created:
      description: When it was cloned.
      type: str
      sample: "2026-05-04T09:30:00Z"
    vcpus:
      description: How many vCPUs it may have.
      type: int
      sample: 2
    memory_bytes:
      description: The most that its memory may grow to.
      type: int
      sample: 2147483648
    disks:
      description: Its disks, in the order of its definition.
      type: list
      elements: dict
      contains:
        target:
          description: The disk's name in the domain.
          type: str
          sample: vda
        device:
          description: V(disk), V(cdrom), V(floppy) or V(lun).
          type: str
          sample: disk
        bus:
          description: The bus that it is on.
          type: str
          sample: virtio
        type:
          description: What it is stored in, by libvirt's word.
          type: str
          sample: file
        source:
          description: The path of its own file or device; V(null) where it has none.
          type: str
          sample: /var/lib/libvirt/images/web-1.vda.qcow2
        pool:
          description: The pool of its own volume, where the definition names one.
          type: str
          sample: null
        volume:
          description: Its own volume, where the definition names one.
          type: str
          sample: null
        format:
          description: The format that the definition declares.
          type: str
          sample: qcow2
        readonly:
          description: Whether the domain may only read it.
          type: bool
          sample: false
        shareable:
          description: Whether several domains may use it.
          type: bool
          sample: false
        layers:
          description:
            - What it stands on, itself first. The name under which this collection serves a disk to another host is
              masked.
          type: list
          elements: dict
          contains:
            type:
              description: What the layer is stored in, by libvirt's word.
              type: str
              sample: file
            format:
              description: The format that the definition declares, or libvirt sees below a volume.
              type: str
              sample: qcow2
            path:
              description: The path of a file or a device.
              type: str
              sample: /var/lib/libvirt/images/web-1.vda.qcow2
            pool:
              description: The pool that it lies in, where the definition names it, or with O(backing).
              type: str
              sample: default
            volume:
              description: The volume that it is, where the definition names it, or with O(backing).
              type: str
              sample: web-1.vda.qcow2
            address:
              description: Where a layer is on a network.
              type: str
              sample: null
        layers_complete:
          description: Whether these are all layers. If not, O(backing) may find more.
          type: bool
          sample: true
    interfaces:
      description: Its network cards, in the order of its definition.
      type: list
      elements: dict
      contains:
        mac:
          description: The MAC address.
          type: str
          sample: 52:54:00:9c:41:07
        type:
          description: What it is attached to, by libvirt's word.
          type: str
          sample: network
        source:
          description: The network, bridge or device that it is attached to.
          type: str
          sample: default
        target:
          description: Its device on the host; V(null) while the domain is off.
          type: str
          sample: vnet3
        model:
          description: What kind of card the guest sees.
          type: str
          sample: virtio
        addresses:
          description: The addresses that O(address_sources) know.
          type: list
          elements: str
          sample: [192.168.122.30]
        hostname:
          description: The name that the guest gave itself, where a source knows it.
          type: str
          sample: web-1
    graphics:
      description: Its screens, each with C(type), C(address), C(port), C(tls_port) and C(socket).
      type: list
      elements: dict
      sample: [{type: vnc, address: 127.0.0.1, port: 5900, tls_port: null, socket: null}]
    volumes:
      description: The volumes that belong to it alone, by its metadata, and go with it.
      type: list
      elements: dict
      sample: [{pool: default, name: web-1.vda.qcow2}]
    reservations:
      description: The addresses that networks keep for it alone, by its metadata, and that go with it.
      type: list
      elements: dict
      sample: [{network: default, mac: "52:54:00:9c:41:07", address: 192.168.122.30}]
    dependency:
      description:
        - What it still reads from another host, by its metadata, as
          RV(headroom.libvirt.domain_migrate#module:domains[].dependency); V(null) for one that is whole.
      type: dict
      sample: null
    health:
      description: How it is, as far as that is known without asking it.
      type: dict
      contains:
        agent:
          description:
            - V(connected) or V(disconnected) as libvirt sees the channel of its guest agent, with O(ask_agents)
              V(answers) or V(silent) in place of V(connected) for one that runs. V(null) for a domain without that
              channel, or that is off.
          type: str
          sample: connected
        io_error:
          description: Whether it is paused as one of its disks had an I/O error.
          type: bool
          sample: false
        incomplete_disks:
          description: The disks of which a part is still on another host.
          type: list
          elements: str
          sample: []
        problems:
          description: What is wrong with it, in words; empty for one that is well.
          type: list
          elements: str
          sample: []
    transactions:
      description:
        - What is unfinished about it, for M(headroom.libvirt.transaction); each with C(id), C(kind), C(alive) (a
          process works on it) and C(problem). V(null) where a journal could not be read.
        - Looked for in O(journal) where this module runs, and with O(on_host) in the one of that path on the host.
      type: list
      elements: dict
      sample: [{id: 5f0c9a1e, kind: migrate, alive: false, problem: null}]
    problem:
      description:
        - Why the domain could not be read; V(null) for others. Of one that could not, little more than the name and the
          state is known, and the options that choose by labels leave it out.
      type: str
      sample: null
hosts:
  description: The hosts that were asked, in the order of O(uris).
  returned: when O(query) is not used
  type: list
  elements: dict
  contains:
    uri:
      description: The URI that it was asked by.
      type: str
      sample: qemu+ssh://root@kvm1.example.com/system
    domains:
      description: How many domains of it are listed; V(null) where it could not be read.
      type: int
      sample: 12
    calls:
      description: How many libvirt calls it took to read its domains; V(null) where it could not be read.
      type: int
      sample: 4
    problem:
      description: Why it could not be read; V(null) where it was.
      type: str
      sample: null
missing:
  description:
    - The names in O(name) that no domain has. While a host could not be read, they may be on that.
  returned: when O(query) is not used
  type: list
  elements: str
  sample: []
result:
  description: What O(query) yields.
  returned: when O(query) is used
  type: raw
  sample: [web-1, web-4]
"""

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import (
    CONNECTION,
    HOSTS,
    JOURNAL,
    MACHINE_URI,
    ArgumentSpec,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.listing import (
    list_domains,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.request import (
    read_request,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import open_journal
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import require_lxml
from ansible_collections.headroom.libvirt.plugins.module_utils._query import compile_query
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_module

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import Record

ARGUMENTS = CONNECTION.merge(HOSTS, MACHINE_URI, JOURNAL).merge(
    ArgumentSpec(
        options={
            "name": {"type": "list", "elements": "str"},
            "fleet": {"type": "str"},
            "tenant": {"type": "str"},
            "pattern": {"type": "str"},
            "tags": {"type": "list", "elements": "str", "default": []},
            "backing": {"type": "bool", "default": False},
            "address_sources": {
                "type": "list",
                "elements": "str",
                "choices": ["lease", "reservation", "arp", "agent"],
                "default": ["lease", "reservation"],
            },
            "ask_agents": {"type": "bool", "default": False},
            "agent_timeout": {"type": "float", "default": 2.0},
            "on_host": {"type": "bool", "default": True},
            "query": {"type": "str"},
        },
        mutually_exclusive=[("uris", "machine_uri")],
    )
)


def read_domains(module: AnsibleModule) -> dict[str, t.Any]:
    """Return ``{domains, hosts, missing}``, with a query ``{result}``."""
    require_lxml()
    params = module.params
    query = None if params["query"] is None else compile_query("query", params["query"])
    listing = list_domains(read_request(params, _read_unfinished(module)))
    if listing.error is not None and params["uris"] is None:
        raise listing.error
    names = {row["name"] for row in listing.domains}
    data = {
        "domains": listing.domains,
        "hosts": listing.hosts,
        "missing": [name for name in dict.fromkeys(params["name"] or ()) if name not in names],
    }
    return data if query is None else {"result": query.evaluate(data)}


def _read_unfinished(module: AnsibleModule) -> list[Record] | None:
    """Return the transactions that have not ended; a journal that cannot be read is no reason to tell nothing."""
    try:
        return open_journal(module).list_unfinished()
    except HeadroomError as error:
        module.warn(f"What is unfinished is not known: {error.message}")
        return None


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, "list the domains", read_domains)


if __name__ == "__main__":
    main()
