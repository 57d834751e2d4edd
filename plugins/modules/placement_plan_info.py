#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: placement_plan_info
short_description: Decide which guests move where, and where new clones go
version_added: 0.1.0
author:
  - headroom.libvirt contributors (@headroom-libvirt)
description:
  - Plans how hosts are drained, how a drained host gets its guests back, how the load is evened out over hosts, and
    where new clones go, with the reasons in plain sentences.
  - It needs no libvirt and changes nothing, so it usually runs once, on the controller, with what
    M(headroom.libvirt.host_info) returned on the hosts. The same input always gives the same plan.
  - It counts CPU and memory under the overcommit and the reserves that M(headroom.libvirt.host_info) was told, the
    space that copied disks take in the pools of their destination, networks and pools that a destination must have, and
    rules on guests that shall be together or apart. Disks in pools that both hosts have take nothing, nor do the
    appliances that a destination has already.
  - When it returns RV(possible=false), nothing is to be moved. RV(refused) names each guest that has nowhere to go, and
    what each host lacks for it.
  - A guest with the tag V(placement:stay) is never moved, be it that its host is drained; that is told, and the host
    still runs it afterwards.
  - Moves go in batches, several at once. A guest on its way takes room on both hosts, so that no host promises too much
    and no hard rule is broken at any moment, whichever moves of a batch end first, or fail.
  - The plan of a drain has the fewest moves it finds. Each guest that has to leave moves once, and others move only
    when that alone makes room for one of them.
options:
  action:
    description:
      - What to plan.
      - V(drain) moves all guests that run on O(host) elsewhere.
      - V(restore) moves those back that O(host) had before it was drained, as its mark remembers them.
      - V(rebalance) mends what breaks hard rules or was promised too much, and evens out the load if that gains
        O(minimum_gain).
      - V(place) finds hosts for new O(clones).
    type: str
    choices: [drain, restore, rebalance, place]
    required: true
  host:
    description:
      - The hosts to drain, or the one to restore, by their names in O(hosts).
    type: list
    elements: str
  hosts:
    description:
      - All hosts.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - The host's name.
        type: str
        required: true
      facts:
        description:
          - The RV(headroom.libvirt.host_info#module:host) that M(headroom.libvirt.host_info) returned on it, with
            O(headroom.libvirt.host_info#module:guests=true).
          - Null for a host that did not answer. Such a one takes nothing, and cannot be drained.
        type: dict
  pending:
    description:
      - What is left of a plan that is being carried out, as RV(moves) told it.
      - Look at the hosts again before each batch. V(drain) and V(rebalance) keep to this as long as it still holds for
        the hosts as they are then. When it does not, or when somebody would be left out, they plan anew.
    type: list
    elements: dict
    default: []
  moving:
    description:
      - Guests that are on their way between hosts. They count on both, and are left alone.
      - A guest that runs on two of O(hosts), as libvirt shows one on its way, is known to be so without this.
    type: list
    elements: dict
    default: []
    suboptions:
      guest:
        description:
          - Its name or UUID.
        type: str
        required: true
      source:
        description:
          - The host that it comes from.
        type: str
        required: true
      destination:
        description:
          - The host that it goes to.
        type: str
        required: true
      failed:
        description:
          - Whether the move was tried in this run and failed. The guest is left alone and counts on both hosts, as what
            the move has left may be in the way. V(restore) brings the others back nevertheless.
        type: bool
        default: false
  rules:
    description:
      - Which guests shall be together or apart. They are about running guests.
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description:
          - V(affinity) is for guests that shall be on one host, V(anti_affinity) for guests of which no two shall be on
            one.
        type: str
        choices: [affinity, anti_affinity]
        required: true
      strength:
        description:
          - V(hard) is never broken by a plan, V(soft) only where there is no other way.
        type: str
        choices: [soft, hard]
        default: soft
      fleets:
        description:
          - Patterns of fleets, such as V(web) or V(*).
        type: list
        elements: str
        default: []
      tags:
        description:
          - Patterns of tags in the guests' metadata.
        type: list
        elements: str
        default: []
      names:
        description:
          - Patterns of guests' names.
        type: list
        elements: str
        default: []
      each:
        description:
          - Whether each fleet (or tag) that matches is a group of its own. Otherwise all guests that match are one
            group.
        type: bool
        default: false
  n_plus_one:
    description:
      - Whether the running guests of any host must still fit on the others if it was lost.
      - V(soft) tells where they would not, V(hard) plans nothing that leads there, be it only while guests are on their
        way and count on both hosts.
      - It is judged by CPU and memory, and a packing that first fit does not find counts as none.
    type: str
    choices: [ignore, soft, hard]
    default: soft
  pool_reserve:
    description:
      - Space that stays free in every pool that disks are copied to, such as V(10GiB).
    type: str
    default: 1GiB
  shared_pools:
    description:
      - Names of pools that are the same storage on all hosts. Pools of libvirt's network types are known by their
        source.
    type: list
    elements: str
    default: []
  destination_pool:
    description:
      - The pool that disks are copied to, as for M(headroom.libvirt.domain_migrate). Unset, the one with the same path.
    type: str
  count_stopped:
    description:
      - Whether guests that are off count where they are, since they can be started at any time.
    type: bool
    default: true
  include_stopped:
    description:
      - Whether V(drain) moves guests that are off, too.
    type: bool
    default: false
  minimum_gain:
    description:
      - By how much V(rebalance) must bring the fullest and the emptiest host closer to move anything. V(0.1) is a tenth
        of a host, of its CPU or its memory, whichever is fuller.
    type: float
    default: 0.1
  most_moves:
    description:
      - The most moves of a V(rebalance).
    type: int
  moves_per_host:
    description:
      - How many guests of the plan may be on their way from and to one host at a time, at least 1. With V(1) they go
        one after the other. What others move, as O(moving) tells it, is not counted.
    type: int
    default: 4
  moves_per_link:
    description:
      - How many guests may be on their way between the same two hosts at a time, at least 1.
    type: int
    default: 2
  clones:
    description:
      - What V(place) finds hosts for.
    type: dict
    suboptions:
      count:
        description:
          - How many clones.
        type: int
        default: 1
      fleet:
        description:
          - The fleet that they belong to.
        type: str
      vcpus:
        description:
          - The vCPUs of one.
        type: int
        default: 1
      memory:
        description:
          - The memory of one, such as V(2GiB).
        type: str
        required: true
      disk:
        description:
          - What one takes of the pool.
        type: str
        default: 1GiB
      pool:
        description:
          - The pool.
        type: str
        default: default
      spread:
        description:
          - V(even) takes the host where the fleet has the fewest first, V(pack) the one where it has the most.
        type: str
        choices: [even, pack]
        default: even
      max_per_host:
        description:
          - How many of the fleet one host may have.
        type: int
extends_documentation_fragment:
  - headroom.libvirt.attributes
  - headroom.libvirt.attributes.info_module
seealso:
  - module: headroom.libvirt.host_info
    description: Returns what this module plans with.
  - module: headroom.libvirt.domain_migrate
    description: Carries a move out.
  - module: headroom.libvirt.host_maintenance
    description: Marks a host that is drained.
"""

EXAMPLES = r"""
- name: Read what the hosts have and what their guests take
  headroom.libvirt.host_info:
    guests: true
  register: seen

- name: Put this host's part of the picture together
  ansible.builtin.set_fact:
    known_host:
      name: "{{ inventory_hostname }}"
      facts: "{{ seen.host }}"

- name: Ask where the guests of kvm1 could go
  headroom.libvirt.placement_plan_info:
    action: drain
    host: kvm1
    hosts: "{{ ansible_play_hosts | map('extract', hostvars, 'known_host') }}"
    rules:
      - kind: anti_affinity
        fleets: ['*']
        each: true
  run_once: true
  delegate_to: localhost
  register: plan

- name: Tell it
  ansible.builtin.debug:
    msg: "{{ plan.reasons }}"
  run_once: true

- name: Ask whether evening out the load is worth it
  headroom.libvirt.placement_plan_info:
    action: rebalance
    minimum_gain: 0.2
    n_plus_one: hard
    hosts: "{{ ansible_play_hosts | map('extract', hostvars, 'known_host') }}"
  run_once: true
  delegate_to: localhost

- name: Find hosts for three clones
  headroom.libvirt.placement_plan_info:
    action: place
    clones:
      count: 3
      fleet: web
      memory: 2GiB
    hosts: "{{ ansible_play_hosts | map('extract', hostvars, 'known_host') }}"
  run_once: true
  delegate_to: localhost
"""

RETURN = r"""
possible:
  description: Whether the plan can be carried out. Otherwise RV(moves) is empty.
  returned: success
  type: bool
  sample: true
moves:
  description: What to move, in this order; those of one C(batch) go at once.
  returned: unless O(action=place)
  type: list
  elements: dict
  contains:
    guest:
      description: The guest's name.
      type: str
      sample: web-1
    uuid:
      description: Its UUID.
      type: str
      sample: 5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55
    machine:
      description:
        - What names the guest on any host, for O(headroom.libvirt.domain#module:machine).
        - Null if its host did not tell.
      type: dict
      sample: {uri: qemu+ssh://kvm1/system, name: web-1, uuid: 5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55}
    source:
      description: The host that it is on.
      type: str
      sample: kvm1
    destination:
      description: The host that it goes to.
      type: str
      sample: kvm2
    reason:
      description: Why, and why there.
      type: str
      sample: kvm1 is drained; kvm2 would be 40 % full with it, the least of all that can take it
    fleet:
      description: The fleet that it belongs to, null for none.
      type: str
      sample: web
    vcpus:
      description: The vCPUs that it takes.
      type: int
      sample: 2
    memory_bytes:
      description: The memory that it takes.
      type: int
      sample: 2147483648
    disk_bytes:
      description: The space that its disks take on the destination.
      type: int
      sample: 1073741824
    batch:
      description: The batch that it goes in, from 1. Each begins when the one before has ended.
      type: int
      sample: 1
refused:
  description: The guests that have nowhere to go.
  returned: unless O(action=place)
  type: list
  elements: dict
  contains:
    guest:
      description: The guest's name.
      type: str
      sample: db-1
    uuid:
      description: Its UUID.
      type: str
      sample: 5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55
    host:
      description: The host that it is on.
      type: str
      sample: kvm1
    shortages:
      description: What each host lacks for it, by the host's name.
      type: dict
      sample:
        kvm2: has 4 GiB of memory free of 16 GiB needed
    message:
      description: The same in a sentence.
      type: str
      sample: "db-1 cannot leave kvm1: kvm2 has 4 GiB of memory free of 16 GiB needed."
reasons:
  description: Each move, each refusal and what else is to be known, as sentences.
  returned: success
  type: list
  elements: str
  sample:
    - "web-1 goes from kvm1 to kvm2: kvm1 is drained; kvm2 would be 40 % full with it."
remember:
  description: The guests to be remembered for each drained host, for M(headroom.libvirt.host_maintenance).
  returned: unless O(action=place)
  type: dict
  sample:
    kvm1:
      - name: web-1
        uuid: 5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55
loads:
  description:
    - How full each host is before and after the plan, as a share of its CPU or its memory, whichever is fuller, and how
      many guests run there.
  returned: unless O(action=place)
  type: list
  elements: dict
  sample:
    - name: kvm1
      before: {guests: 3, load: 0.4}
      after: {guests: 0, load: 0.0}
placed:
  description: The host of each clone.
  returned: when O(action=place)
  type: list
  elements: str
  sample: [kvm1, kvm2, kvm1]
missing:
  description: How many clones found no place.
  returned: when O(action=place)
  type: int
  sample: 0
"""

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._placement.plan import plan_placement
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.request import ARGUMENTS
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_module

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


def run(module: AnsibleModule) -> dict[str, t.Any]:
    """Return the task's result."""
    return {"changed": False, **plan_placement(module.params)}


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, "plan where guests go", run)


if __name__ == "__main__":
    main()
