#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_maintenance
short_description: Mark a host as in maintenance, or forget hosts that were taken away
version_added: 0.1.0
author:
  - headroom.libvirt contributors (@headroom-libvirt)
description:
  - Marks the host as in maintenance, or takes the mark off. On a marked host the role
    R(headroom.libvirt.optimistic_provisioning,ansible_collections.headroom.libvirt.optimistic_provisioning_role) makes
    and wakes no machines, and M(headroom.libvirt.placement_plan_info) places none.
  - The mark also remembers which guests the host had, so that the playbook C(headroom.libvirt.restore) brings the same
    ones back. The mark stays over restarts of the host.
  - It changes nothing about guests, and M(headroom.libvirt.appliance_clone) still does what it is told.
options:
  state:
    description:
      - V(present) sets the mark, V(absent) takes it off, with all that it remembers.
      - V(removed) has this host forget O(hosts), which exist no more. The machines that fleets had there are no longer
        expected back, so that the next provisioning run replaces them, and a mark of this host no longer names them.
        Decisions of the past stay as they were taken. The playbook C(headroom.libvirt.remove_host) does so on all hosts
        that stay.
    type: str
    choices: [present, absent, removed]
    default: present
  reason:
    description:
      - Why, for those who find the host so. Unset, what it says stays as it is.
    type: str
  guests:
    description:
      - The guests that are to come back. They are added to those that the mark remembers already.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The guest's name.
        type: str
        required: true
      uuid:
        description:
          - The guest's UUID.
        type: str
        required: true
  hosts:
    description:
      - The hosts on which the guests may be by the time that they are to come back. They are added to those that the
        mark remembers already. While one of them is missing, M(headroom.libvirt.placement_plan_info) forgets no guest.
      - With O(state=removed), and needed then, the hosts that were taken away, by their inventory names.
    type: list
    elements: str
    default: []
  history:
    description:
      - The history database on the host, in which the mark is. It is made when it is not there.
    type: path
    default: /var/lib/headroom/history.sqlite
extends_documentation_fragment:
  - headroom.libvirt.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: headroom.libvirt.host_info
    description: Reads the mark.
  - module: headroom.libvirt.placement_plan_info
    description: Says where the guests of a host can go.
"""

EXAMPLES = r"""
- name: Have nothing new placed here
  headroom.libvirt.host_maintenance:
    reason: new firmware

- name: Take the host back into service
  headroom.libvirt.host_maintenance:
    state: absent

- name: Forget a host that burnt
  headroom.libvirt.host_maintenance:
    hosts: [kvm3]
    state: removed
  register: forgotten

- name: Which machines of which fleets were on it?
  ansible.builtin.debug:
    msg: "{{ forgotten.lost }}"
"""

RETURN = r"""
maintenance:
  description: The mark as it is now, or would be without check mode; null without one.
  returned: success
  type: dict
  contains:
    since:
      description: When it was set, in epoch seconds.
      returned: success
      type: float
      sample: 1795392000.0
    reason:
      description: Why.
      returned: success
      type: str
      sample: new firmware
    guests:
      description: The guests that the host is to get back, by name.
      returned: success
      type: list
      elements: dict
      sample:
        - name: web-1
          uuid: 5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55
    hosts:
      description: The hosts on which these may be, by name.
      returned: success
      type: list
      elements: str
      sample: [kvm1, kvm2]
lost:
  description: The machines of fleets that were on the hosts, as far as this host knows.
  returned: with O(state=removed)
  type: list
  elements: dict
  contains:
    host:
      description: The host's name.
      returned: success
      type: str
      sample: kvm3
    fleet:
      description: The fleet.
      returned: success
      type: str
      sample: web
    name:
      description: The machine's name.
      returned: success
      type: str
      sample: web-7
    uuid:
      description: Its UUID. Null for one that was only about to be made.
      returned: success
      type: str
      sample: 5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55
"""

import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import roster
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import (
    DEFAULT_PATH,
    transact,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._host import maintenance
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_module

if t.TYPE_CHECKING:
    import sqlite3

    from ansible.module_utils.basic import AnsibleModule

_GUEST: t.Final[dict[str, dict[str, t.Any]]] = {
    "name": {"type": "str", "required": True},
    "uuid": {"type": "str", "required": True},
}

ARGUMENTS = ArgumentSpec(
    options={
        "state": {"type": "str", "choices": ["present", "absent", "removed"], "default": "present"},
        "reason": {"type": "str"},
        "guests": {"type": "list", "elements": "dict", "default": [], "options": _GUEST},
        "hosts": {"type": "list", "elements": "str", "default": []},
        "history": {"type": "path", "default": DEFAULT_PATH},
    },
    required_if=[("state", "removed", ("hosts",))],
)

_Transition = tuple[t.Optional[maintenance.Maintenance], t.Optional[maintenance.Maintenance]]


def set_mark(module: AnsibleModule) -> dict[str, t.Any]:
    """Return the result of the task; in check mode what it would be."""
    params, now = module.params, time.time()
    if params["state"] == "removed":
        hosts = list(dict.fromkeys(params["hosts"]))
        return transact(module, lambda connection: _forget_hosts(connection, hosts))
    before, after = transact(module, lambda connection: _change_mark(connection, params, now))
    changes = Changes()
    changes.add("maintenance", _describe_mark(before), _describe_mark(after))
    return {**changes.as_result(), "maintenance": None if after is None else after.as_dict()}


def _forget_hosts(connection: sqlite3.Connection, hosts: list[str]) -> dict[str, t.Any]:
    changes, lost = Changes(), []
    for host in hosts:
        for fleet, entry in roster.forget_host(connection, host):
            changes.add(f"fleet {fleet}: {entry.name} on {host}", "expected", None)
            lost.append({"host": host, "fleet": fleet, "name": entry.name, "uuid": entry.uuid})
        if maintenance.forget_host(connection, host):
            changes.add(f"maintenance: {host}", "may have guests of this host", None)
    mark = maintenance.read(connection)
    return {
        **changes.as_result(),
        "lost": lost,
        "maintenance": None if mark is None else mark.as_dict(),
    }


def _change_mark(
    connection: sqlite3.Connection, params: t.Mapping[str, t.Any], now: float
) -> _Transition:
    before = maintenance.read(connection)
    if params["state"] == "absent":
        maintenance.unmark(connection)
        return before, None
    guests = [maintenance.AbsentGuest(guest["name"], guest["uuid"]) for guest in params["guests"]]
    return before, maintenance.mark(connection, params["reason"], guests, now, params["hosts"])


def _describe_mark(mark: maintenance.Maintenance | None) -> dict[str, t.Any] | None:
    """Return what a diff shows of a mark."""
    return (
        None
        if mark is None
        else {
            "reason": mark.reason,
            "guests": [guest.name for guest in mark.guests],
            "hosts": list(mark.hosts),
        }
    )


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, "mark the host", set_mark)


if __name__ == "__main__":
    main()
