#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: network_reservation
short_description: Keep an address of a libvirt network for one machine
version_added: 0.1.0
author:
  - The headroom.libvirt contributors (@headroom)
description:
  - Makes sure that DHCP of a virtual network gives a machine always the same address, or that it does so no more.
  - A network that runs is changed as it runs and in its definition, in one step and without a restart, so no guest
    notices. One that does not run is changed in its definition.
  - Reservations that M(headroom.libvirt.appliance_clone) makes for its clones go with them. Those of this module stay
    until it removes them.
options:
  network:
    description:
      - The virtual network.
    type: str
    default: default
  mac:
    description:
      - The MAC address of the machine's network card.
    type: str
  name:
    description:
      - The name that DHCP gives the machine and the network's DNS knows it by. Without O(mac), the machine is known by
        the name that it calls itself.
      - Letters, digits, V(-) and V(.), beginning with a letter.
    type: str
  address:
    description:
      - The IPv4 address. Required with O(state=present).
      - It must lie in the network that DHCP serves. Whether it lies in the range that DHCP gives out from does not
        matter, since a reserved address is given to nobody else.
    type: str
  state:
    description:
      - V(present) reserves the address. A reservation that the same O(mac) has is changed.
      - V(absent) removes the reservations that have all that is given of O(mac), O(name) and O(address). Those of IPv6
        addresses are removed by O(address) only.
    type: str
    choices: [present, absent]
    default: present
  force:
    description:
      - Whether reservations of others that are in the way are removed, and leases of others are not looked at.
        Otherwise they make the task fail and are named.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
notes:
  - A machine that runs gets its new address when it asks next, at the latest when half of its lease is over.
  - IPv6 addresses cannot be reserved, since libvirt knows IPv6 machines by an identifier that the guest chooses. A
    machine may have one beside, by the same name; it is left as it is.
  - What else an entry says, such as the time of its leases, is kept when the module changes it.
seealso:
  - module: headroom.libvirt.appliance_clone
    description: Its O(headroom.libvirt.appliance_clone#module:addresses) makes a clone with a reservation.
extends_documentation_fragment:
  - headroom.libvirt.connection
  - headroom.libvirt.attributes
  - headroom.libvirt.attributes.actiongroup_all
"""

EXAMPLES = r"""
- name: The mail server has always the same address
  headroom.libvirt.network_reservation:
    mac: 52:54:00:12:34:56
    name: mail
    address: 192.168.122.25

- name: What was kept for it is free again
  headroom.libvirt.network_reservation:
    mac: 52:54:00:12:34:56
    state: absent

- name: An address is taken over from whatever had it
  headroom.libvirt.network_reservation:
    network: customers
    mac: 52:54:00:65:43:21
    address: 10.20.0.5
    force: true
"""

RETURN = r"""
network:
  description: The network.
  returned: success
  type: str
  sample: default
reservation:
  description: What is reserved now; null with O(state=absent).
  returned: success
  type: dict
  contains:
    mac:
      description: The MAC address in lower case, null for a machine that is known by its name.
      type: str
      sample: 52:54:00:12:34:56
    name:
      description: The name, null without one.
      type: str
      sample: mail
    address:
      description: The address.
      type: str
      sample: 192.168.122.25
live:
  description: Whether the network runs, so that the change is in force already.
  returned: success
  type: bool
  sample: true
persistent:
  description: Whether the network has a definition, so that the change outlives it.
  returned: success
  type: bool
  sample: true
notes:
  description: Sentences about what may surprise.
  returned: success
  type: list
  elements: str
  sample: ["192.168.122.25 lies in the range that DHCP gives out; from now on it goes to nobody else."]
"""

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import (
    CONNECTION,
    ArgumentSpec,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._network import apply
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.network_xml import Reservation
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.on_host import run_on_host

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

ARGUMENTS = CONNECTION.merge(
    ArgumentSpec(
        options={
            "network": {"type": "str", "default": "default"},
            "mac": {"type": "str"},
            "name": {"type": "str"},
            "address": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "force": {"type": "bool", "default": False},
        },
        required_one_of=[("mac", "name", "address")],
        required_if=[
            ("state", "present", ("address",)),
            ("state", "present", ("mac", "name"), True),
        ],
    )
)


def ensure_reservation(connection: Connection, module: AnsibleModule) -> dict[str, t.Any]:
    """Reserve or release, and return the task's result."""
    params = module.params
    desired = Reservation(params["mac"], params["address"], params["name"])
    if params["state"] == "present":
        plan = apply.plan_to_reserve(connection, params["network"], desired, force=params["force"])
    else:
        plan = apply.plan_to_release(connection, params["network"], desired)
    if not module.check_mode:
        apply.carry_out(plan)
    return {
        **plan.changes.as_result(),
        "network": params["network"],
        "reservation": None if plan.reserved is None else plan.reserved.as_dict(),
        "live": plan.sides.live is not None,
        "persistent": plan.sides.config is not None,
        "notes": list(plan.notes),
    }


def main() -> None:
    """Run the module."""
    run_on_host(ARGUMENTS, "change the reservation", ensure_reservation)


if __name__ == "__main__":
    main()
