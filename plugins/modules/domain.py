#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: domain
short_description: Bring libvirt domains into a state
version_added: 0.1.0
author:
  - The headroom.libvirt contributors (@headroom)
description:
  - Starts, shuts down, pauses, saves or removes domains, chosen by name, by fleet or by a pattern, or handed in as a
    machine.
  - Several domains are handled side by side; one that fails does not stop the others, and the task fails naming each.
  - A domain that is removed is undefined for real, with NVRAM, TPM state, saved memory and snapshot metadata, and the
    volumes that it owns are deleted. A volume is owned when the domain's metadata says so, as
    M(headroom.libvirt.appliance_clone) records it. Base images of appliances, shared disks, and anything that another
    domain or volume uses stay, whatever the metadata says.
  - The export that a streamed clone reads from ends with the last of its clones that is removed before it is local. If
    the source does not answer, that is a warning, which says how to end it there.
options:
  name:
    description:
      - Names of the domains.
      - A name that does not exist is an error, except with O(state=absent).
    type: list
    elements: str
  fleet:
    description:
      - All members of this fleet on the host.
    type: str
  pattern:
    description:
      - All domains whose name matches this shell pattern, for example V(ci-*).
      - It is matched case-sensitively against the whole name.
    type: str
  state:
    description:
      - The state that the domains shall be in.
      - V(running) starts, resumes, or restores saved memory, whichever it takes.
      - V(shutdown) asks the guest to shut down and waits for it. A saved domain is off already and keeps its memory.
      - V(paused) stops the vCPUs and keeps the memory; a domain that is off is started paused.
      - V(saved) saves the memory to disk; V(running) continues from there.
      - V(absent) shuts down, undefines, and deletes owned volumes. A protected domain is refused.
      - What a domain still reads from another host, after a move or as a streamed clone, ends there as well. A host
        that does not answer is warned of, and noted in the journal for M(headroom.libvirt.transaction).
    type: str
    choices: [running, shutdown, paused, saved, absent]
  timeout:
    description:
      - How many seconds a guest may take to shut down. The request is repeated every few seconds, as a guest that is
        still booting does not hear the first one.
    type: float
    default: 60.0
  force:
    description:
      - Whether to take the power away from a guest that has not shut down within O(timeout).
      - Without it such a guest fails the task and goes on running.
    type: bool
    default: false
  remove_volumes:
    description:
      - Whether O(state=absent) deletes the volumes that the domain owns. Those of types of pools from which nothing is
        deleted are kept, see R(the storage guide,ansible_collections.headroom.libvirt.docsite.guide_storage).
    type: bool
    default: true
  protected:
    description:
      - Whether the domain is protected from removal, by this module and by provisioning.
      - Unset leaves it as it is.
    type: bool
  autostart:
    description:
      - Whether the domain starts with its host.
      - Unset leaves it as it is.
    type: bool
  labels:
    description:
      - What the domain is for. It is put over what is there, in the definition and while the domain runs, and replaces
        nothing else; an empty text takes a label away, one that is not said stays.
    type: dict
    suboptions:
      fleet:
        description:
          - The fleet that the domain counts for. One that is put there by hand is counted, and never removed, parked or
            replaced by provisioning, even if it is a clone.
        type: str
      tenant:
        description:
          - The tenant that it belongs to, whose quota it counts against.
        type: str
      title:
        description:
          - A line that tells people what it is.
        type: str
      description:
        description:
          - A text that tells people more.
        type: str
      tags:
        description:
          - Words of one's own, which P(headroom.libvirt.domains#inventory) makes groups of.
        type: dict
        suboptions:
          add:
            description: Tags that it shall have.
            type: list
            elements: str
            default: []
          remove:
            description: Tags that it shall not have.
            type: list
            elements: str
            default: []
  in_service:
    description:
      - Record whether the domain has been put into service. Provisioning counts a machine only from then on, and puts a
        machine that is recorded as not in service into service again until that has succeeded.
      - V(false) is recorded before O(state) is reached, V(true) after that.
    type: bool
  parked_for:
    description:
      - Record the fleet for whose sake the domain is parked. Provisioning wakes such a machine as soon as its room is
        free again, and does not remove it meanwhile.
      - It is recorded before O(state) is reached. An empty text takes the record away once it is.
    type: str
extends_documentation_fragment:
  - headroom.libvirt.lease
  - headroom.libvirt.attributes
  - headroom.libvirt.attributes.actiongroup_all
  - headroom.libvirt.connection
  - headroom.libvirt.journal
  - headroom.libvirt.machine
  - headroom.libvirt.machine.uri
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: headroom.libvirt.appliance_clone
    description: Makes domains.
  - module: headroom.libvirt.domain_stats_info
    description: Tells what they do.
"""

EXAMPLES = r"""
- name: Start two guests
  headroom.libvirt.domain:
    name: [db-1, db-2]
    state: running

- name: Shut a fleet down gracefully, and take the power away after two minutes
  headroom.libvirt.domain:
    fleet: web
    state: shutdown
    timeout: 120
    force: true

- name: Remove what a CI run left behind, with its disks
  headroom.libvirt.domain:
    pattern: ci-4711-*
    state: absent
    force: true

- name: Count a database that runs already for its fleet, and tag it
  headroom.libvirt.domain:
    name: db-1
    labels:
      fleet: db
      tenant: shop
      title: The shop's first database
      tags:
        add: [edge, eu]
        remove: [spare]

- name: Never let provisioning take this one
  headroom.libvirt.domain:
    name: web-1
    protected: true

- name: Start a guest that the inventory knows, wherever it is
  headroom.libvirt.domain:
    machine: "{{ hostvars['web-3'].libvirt_machine }}"
    state: running
  delegate_to: localhost

- name: Shut the guests down that another host's statistics show to be idle
  headroom.libvirt.domain:
    machine: "{{ item }}"
    state: shutdown
  loop: "{{ hostvars['kvm1'].usage.domains | selectattr('rates.cpu.used_cores', 'lt', 0.01) }}"
  loop_control:
    label: "{{ item.name }}"
"""

RETURN = r"""
domains:
  description: The chosen domains, by name.
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
      description: What names the domain on any host, for O(machine).
      type: dict
      returned: success
      sample: {uri: qemu+ssh://kvm1/system, name: web-1, uuid: 5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55}
    state_before:
      description: The situation that the domain was found in.
      type: str
      returned: success
      sample: shutdown
    state:
      description: The state that it is in now, or would be in without check mode.
      type: str
      returned: success
      sample: running
    changed:
      description: Whether anything about this domain changed.
      type: bool
      returned: success
      sample: true
    steps:
      description: The steps that led there, in order.
      type: list
      elements: str
      returned: success
      sample: [shut down, undefine]
    removed_volumes:
      description: Owned volumes that were deleted with the domain.
      type: list
      elements: dict
      returned: success
      sample: [{pool: default, name: web-1.vda.qcow2}]
    removed_reservations:
      description: Addresses that networks kept for the domain alone, and keep no more.
      type: list
      elements: dict
      returned: success
      sample: [{network: default, mac: "52:54:00:9c:41:07", address: 192.168.122.30}]
    kept_volumes:
      description: Volumes that the domain's metadata claims and that stayed, with the reason.
      type: list
      elements: dict
      returned: success
      sample: [{pool: default, name: data.qcow2, reason: the domain 'db-1' uses it}]
missing:
  description: Names that do not exist; only with O(state=absent).
  returned: success
  type: list
  elements: str
  sample: [web-9]
"""

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import (
    CONNECTION,
    JOURNAL,
    MACHINE,
    MACHINE_URI,
    ArgumentSpec,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.hold import LEASE, hold_lease
from ansible_collections.headroom.libvirt.plugins.module_utils._domain import apply, labels, survey
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.model import TARGET_STATES
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.request import read_request
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput, NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import open_journal
from ansible_collections.headroom.libvirt.plugins.module_utils._machine.machine import (
    DetachedMachine,
    Machine,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_module
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.headroom.libvirt.plugins.module_utils._domain.apply import (
        DomainTask,
        Outcome,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._domain.request import (
        DomainRequest,
    )

ARGUMENTS = CONNECTION.merge(JOURNAL, MACHINE, MACHINE_URI, LEASE).merge(
    ArgumentSpec(
        options={
            "name": {"type": "list", "elements": "str"},
            "fleet": {"type": "str"},
            "pattern": {"type": "str"},
            "state": {"type": "str", "choices": list(TARGET_STATES)},
            "timeout": {"type": "float", "default": 60.0},
            "force": {"type": "bool", "default": False},
            "remove_volumes": {"type": "bool", "default": True},
            "protected": {"type": "bool"},
            "autostart": {"type": "bool"},
            "labels": {"type": "dict", "options": labels.SPEC},
            "in_service": {"type": "bool"},
            "parked_for": {"type": "str"},
        },
        required_one_of=[
            ("name", "fleet", "pattern", "machine"),
            ("state", "protected", "autostart", "labels", "in_service", "parked_for"),
        ],
        mutually_exclusive=[("machine", "name"), ("machine", "fleet"), ("machine", "pattern")],
    )
)


_BEHAVIOURS: t.Final[
    t.Mapping[str | None, t.Callable[[Machine, DomainTask, DomainRequest], Outcome]]
] = {
    "running": Machine.start,
    "shutdown": Machine.shutdown,
    "paused": Machine.pause,
    "saved": Machine.save,
    "absent": Machine.undefine,
    None: Machine.set_properties,
}


def bring_into_state(module: AnsibleModule) -> dict[str, t.Any]:
    """Return the result of the task; in check mode what it would be."""
    params = module.params
    request = read_request(params)
    task = apply.DomainTask(
        open_journal(module), module.warn, not module.check_mode, params["machine_uri"]
    )
    with hold_lease(params["lease"], module.warn, act=not module.check_mode):
        if params["machine"] is None:
            outcome = _bring_chosen(params, request, task)
        else:
            machine = DetachedMachine(params["machine"], connect_timeout=params["connect_timeout"])
            outcome = _BEHAVIOURS[request.state](machine, task, request)
    return {
        **outcome.changes.as_result(),
        "domains": outcome.as_rows(),
        "missing": list(outcome.missing),
    }


def _bring_chosen(params: dict[str, t.Any], request: DomainRequest, task: DomainTask) -> Outcome:
    """Return what happened to the domains of the host that the options choose."""
    names = params["name"] or []
    for name in names:
        if not name:
            raise InvalidInput(
                "name",
                name,
                "does not name a domain",
                "Write the domain's name, or leave the item out.",
            )
    with open_connection(params["uri"], timeout=params["connect_timeout"]) as connection:
        choice = survey.choose(
            connection, names=names, fleet=params["fleet"], pattern=params["pattern"]
        )
        if choice.missing and request.state != "absent":
            raise NotFound(
                f"name: the host has no domain called {', '.join(map(repr, choice.missing))}. Check the names with "
                "`virsh list --all`, or make the domains first.",
                missing=choice.missing,
            )
        outcome = apply.bring_into_state(connection, choice.domains, request, task)
    return dataclasses.replace(outcome, missing=tuple(choice.missing))


def main() -> None:
    run_module(ARGUMENTS, "bring the domains into the state", bring_into_state)


if __name__ == "__main__":
    main()
