#!/usr/bin/python

# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: network_reservation_info
short_description: List the addresses that libvirt networks keep and have given out
version_added: 0.1.0
author:
  - The headroom.libvirt contributors (@headroom)
description:
  - Lists the addresses that DHCP of virtual networks keeps for machines, as M(headroom.libvirt.network_reservation) and
    M(headroom.libvirt.appliance_clone) make them, and those that it has given out, of one host or of many.
options:
  network:
    description:
      - Only this virtual network. Without it, all of a host.
      - It is an error if a host has no such network; with O(uris) that host's own.
    type: str
notes:
  - The names that machines gave themselves when they asked for an address are text of guests. Ansible does not evaluate
    templates in it; do not put it into commands unquoted.
seealso:
  - module: headroom.libvirt.network_reservation
  - module: headroom.libvirt.domain_info
    description: Tells the addresses of each domain.
extends_documentation_fragment:
  - headroom.libvirt.connection
  - headroom.libvirt.hosts
  - headroom.libvirt.attributes
  - headroom.libvirt.attributes.actiongroup_all
  - headroom.libvirt.attributes.info_module
"""

EXAMPLES = r"""
- name: Which addresses are taken on this host?
  headroom.libvirt.network_reservation_info:
  register: addresses

- name: Show them
  ansible.builtin.debug:
    msg: "{{ addresses.reservations + addresses.dhcp_leases }}"

- name: For whom does any host keep this address?
  headroom.libvirt.network_reservation_info:
    uris:
      - qemu+ssh://root@kvm1.example.com/system
      - qemu+ssh://root@kvm2.example.com/system
    network: default
  delegate_to: localhost
  register: everywhere

- name: Show who has it
  ansible.builtin.debug:
    msg: "{{ everywhere.reservations | selectattr('address', 'eq', '192.168.122.30') }}"
"""

RETURN = r"""
reservations:
  description: The addresses that are kept for machines, by network.
  returned: success
  type: list
  elements: dict
  contains:
    network:
      description: The virtual network.
      type: str
      sample: default
    mac:
      description: The MAC address of the machine's network card; V(null) for one that is known by its name.
      type: str
      sample: 52:54:00:9c:41:07
    name:
      description: The name that it is given; V(null) without one.
      type: str
      sample: web-1
    address:
      description: The address.
      type: str
      sample: 192.168.122.30
    live:
      description: Whether the network, as it runs, keeps the address.
      type: bool
      sample: true
    persistent:
      description: Whether its definition does, so that this outlives it.
      type: bool
      sample: true
    uri:
      description: The host that it is of.
      type: str
      returned: with O(uris)
      sample: qemu+ssh://root@kvm1.example.com/system
dhcp_leases:
  description: The addresses that DHCP of running networks has given out, by network.
  returned: success
  type: list
  elements: dict
  contains:
    network:
      description: The virtual network.
      type: str
      sample: default
    mac:
      description: The MAC address of who has it.
      type: str
      sample: 52:54:00:9c:41:07
    address:
      description: The address.
      type: str
      sample: 192.168.122.30
    hostname:
      description: The name that the machine gave itself; V(null) without one.
      type: str
      sample: web-1
    expires:
      description: When it ends, in epoch seconds; V(null) if it never does.
      type: int
      sample: 1795392000
    uri:
      description: The host that it is of.
      type: str
      returned: with O(uris)
      sample: qemu+ssh://root@kvm1.example.com/system
hosts:
  description: The hosts that were asked, in the order of O(uris).
  returned: when O(uris) is used
  type: list
  elements: dict
  contains:
    uri:
      description: The URI that it was asked by.
      type: str
      sample: qemu+ssh://root@kvm1.example.com/system
    problem:
      description: Why it could not be asked; V(null) where it was.
      type: str
      sample: null
"""

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import (
    CONNECTION,
    HOSTS,
    ArgumentSpec,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import require_lxml
from ansible_collections.headroom.libvirt.plugins.module_utils._network.listing import (
    list_addresses,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.on_host import (
    merge_rows,
    run_on_hosts,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

ARGUMENTS = CONNECTION.merge(HOSTS, ArgumentSpec(options={"network": {"type": "str"}}))


def collect(connection: Connection, module: AnsibleModule) -> dict[str, t.Any]:
    """Return the addresses of the network that the options choose."""
    require_lxml()
    return {"changed": False, **list_addresses(connection, module.params["network"])}


def main() -> None:
    """Run the module."""
    merge = merge_rows("reservations", "dhcp_leases")
    run_on_hosts(ARGUMENTS, "list the addresses", collect, merge)


if __name__ == "__main__":
    main()
