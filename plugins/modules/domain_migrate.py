#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: domain_migrate
short_description: Move guests to another host
version_added: 0.1.0
author:
  - The headroom.libvirt contributors (@headroom)
description:
  - Brings domains to another host, running ones without stopping them. A domain that is there already is left alone.
  - A guest whose disks are not on shared storage need not wait for them. With O(mode=streaming) it runs on the
    destination as soon as its memory is there, reads its disks through from the source, and the rest of them is pulled
    in behind it.
  - Before anything is changed, a preflight looks for whatever would make the migration fail, and says how to mend it.
  - At every moment at most one host runs the guest. Until the switch-over every failure, and every signal, leaves the
    guest running on the source as it was. After it the guest is never taken back; what is left to do is in the journal,
    and running the task again, or M(headroom.libvirt.transaction), finishes it.
  - The journal lies where this module runs. Run it on the source, which is the usual way.
options:
  name:
    description:
      - Names of the domains on the source.
    type: list
    elements: str
  destination_uri:
    description:
      - The libvirt connection URI of the host that the domains shall run on, for example
        V(qemu+ssh://root@host2/system).
      - With O(peer_to_peer=true) the source's libvirt connects to it too, as the user that it runs as. With C(qemu+ssh)
        that is root, whose key the destination must accept.
    type: str
    required: true
  destination_name:
    description:
      - What the domain is called on the destination. Only with one domain.
    type: str
  mode:
    description:
      - How guests are moved.
      - V(auto) takes V(offline) for a guest that is off, V(precopy) where no disk, or only little of it, has to be
        copied, and V(streaming) where copying the disks would take longer than some seconds. The result says why. Never
        V(postcopy).
      - V(precopy) sends the disks, then the memory, again and again what the guest changes meanwhile, until the rest is
        small.
      - V(postcopy) switches over after one pass over the memory, and fetches the rest afterwards. Until that has
        arrived, a lost link or host can cost the guest its memory.
      - V(streaming) is V(precopy) for the memory, while the disks stay on the source and are pulled in after the
        switch-over. Until they have arrived the guest depends on both hosts; a link that is cut makes it wait. With
        several disks it needs QEMU 10.0 or newer, as 7.2 crashes over them.
      - V(offline) moves the definition and the disks of a guest that is off, through the machine that this module runs
        on.
    type: str
    choices: [auto, precopy, postcopy, streaming, offline]
    default: auto
  copy_storage:
    description:
      - What is copied of the disks that are not on shared storage, with V(precopy) and V(postcopy).
      - V(none) copies nothing; the destination must have the disks already.
      - V(all) copies whole disks, with all that they stand on.
      - V(inc) copies only the top layer; the destination must have what it stands on, at the same path. That is
        read on both hosts and compared, unless it is an appliance's.
      - Unset, disks that stand on an appliance that the destination has too are copied as V(inc), others as V(all).
    type: str
    choices: [none, all, inc]
  migrate_disks:
    description:
      - Targets (such as V(vda)) of the disks to move. Unset, all that are writable and not shared.
      - What the guest has besides these, the destination must have already.
    type: list
    elements: str
  destination_pool:
    description:
      - The destination's storage pool for the disks. Unset, the one that has the path that they have on the source.
      - Which types of pools disks are moved from and to is said in
        R(the storage guide,ansible_collections.headroom.libvirt.docsite.guide_storage).
    type: str
  migrate_uri:
    description:
      - Where the source sends the memory to, for example V(tcp://10.0.0.2).
      - Unset, the host of O(destination_uri).
    type: str
  listen_address:
    description:
      - The address that the destination listens on.
    type: str
  export_address:
    description:
      - With O(mode=streaming), the address of the source that the destination reads the disks from. The ports 49216 to
        49279 must be open there.
      - Unset, the one on the source's way to the destination, or the host of O(uri).
    type: str
  bandwidth:
    description:
      - The most that is sent a second, such as V(50MiB), at least V(1MiB). A number without a unit is in MiB, as in
        libvirt.
    type: str
  postcopy_bandwidth:
    description:
      - The most that is sent in the second phase of V(postcopy), as O(bandwidth).
    type: str
  pull_bandwidth:
    description:
      - With O(mode=streaming), the most that is pulled in after the switch-over for each disk, as O(bandwidth).
    type: str
  max_downtime_ms:
    description:
      - How long the guest may stand still at the switch-over. libvirt's default is 300.
    type: int
  auto_converge:
    description:
      - Whether to slow a guest down that changes its memory faster than it can be sent.
    type: bool
    default: false
  compression:
    description:
      - Methods to compress the memory with.
    type: list
    elements: str
    choices: [mt, xbzrle, zlib, zstd]
  parallel_connections:
    description:
      - How many connections send the memory. Unset, one.
    type: int
  tls:
    description:
      - Whether memory and disks travel encrypted. Both hosts need QEMU's certificates in C(/etc/pki/qemu).
    type: bool
    default: false
  peer_to_peer:
    description:
      - Whether the source's libvirt leads the migration. It then ends in order also when this module is killed.
      - With V(false) this module leads it, for hosts that cannot connect to each other's libvirt.
    type: bool
    default: true
  persistent:
    description:
      - Whether the domain is defined on the destination.
    type: bool
    default: true
  undefine_source:
    description:
      - Whether the definition goes from the source.
      - One that stays does not start with the source any more. A guest that starts with its host does so on one host at
        any time, which is the destination once it runs there.
    type: bool
    default: true
  remove_source_volumes:
    description:
      - Whether the disks that were copied are deleted on the source, once all their data is on the destination. What
        another domain or volume uses stays.
      - Unset, it is as C(virsh migrate) does it, and disks that were copied whole stay, listed in
        RV(domains[].kept_on_source); those that were streamed go, since what is left of them is a frozen base and an
        overlay.
      - What was copied of a guest that is off is compared with what was read, and made durable, before anything of it
        is deleted. Where that cannot be known the task fails before the guest moves.
      - What belongs to the machine alone, such as a seed for cloud-init that its metadata lists and the settings of its
        firmware, always goes along, and with the definition it always goes on the source.
      - A guest can only come back to a host that does not have its old disks any more.
      - Only with O(undefine_source=true).
    type: bool
  timeout:
    description:
      - How many seconds the migration of a running guest may take until the switch-over. Unset, as long as it needs.
    type: float
  completion_timeout_per_gib:
    description:
      - The same for each GiB of memory and of disks to be copied, of which two are counted at least; the smaller of
        both counts. V(0) sets no limit.
    type: float
    default: 800.0
  progress_timeout:
    description:
      - How many seconds it may come no further, counted from libvirt's first figures. V(0) sets no limit.
      - With O(bandwidth) it may pause as much longer as 16 MiB take, since QEMU copies that much of a disk at once.
    type: float
    default: 150.0
  timeout_action:
    description:
      - What happens when one of these has passed.
      - V(abort) lets the guest run on the source, and fails.
      - V(postcopy) switches to post-copy.
      - V(suspend) pauses the guest, so that what is left can be sent; it runs again on the destination.
      - V(continue) goes on.
    type: str
    choices: [abort, postcopy, suspend, continue]
    default: abort
  wait:
    description:
      - With O(mode=streaming), until when the task waits.
      - V(local) waits until all data is on the destination and the source is tidied. So does a task for a guest that
        is there already and still reads from where it came from, whoever has moved it; its metadata say from where.
      - V(switched) returns when the guest runs on the destination. The pull goes on without Ansible; running the task
        again finishes it and tidies the source.
    type: str
    choices: [switched, local]
    default: local
  preflight:
    description:
      - V(always) looks for faults, and moves the domains if there are none.
      - V(only) looks, and returns what it found.
    type: str
    choices: [always, only]
    default: always
  parallel:
    description:
      - How many domains are moved at a time.
    type: int
    default: 2
extends_documentation_fragment:
  - headroom.libvirt.lease
  - headroom.libvirt.attributes
  - headroom.libvirt.attributes.actiongroup_all
  - headroom.libvirt.connection
  - headroom.libvirt.journal
  - headroom.libvirt.machine
attributes:
  check_mode:
    support: full
    details:
      - Runs the preflight. To prove shared storage, that makes an empty volume for a moment where a path exists on both
        hosts.
  diff_mode:
    support: full
  idempotent:
    support: full
notes:
  - QEMU's own NBD server is slow over TLS, so that a pull with O(tls=true) takes several times as long.
seealso:
  - module: headroom.libvirt.domain
    description: Starts and stops domains where they are.
  - module: headroom.libvirt.transaction
    description: Finishes what was interrupted.
"""

EXAMPLES = r"""
- name: Move a guest, whatever its disks are on
  headroom.libvirt.domain_migrate:
    name: web-1
    destination_uri: qemu+ssh://root@host2/system

- name: Have it run there at once, and come back for the rest later
  headroom.libvirt.domain_migrate:
    name: db-1
    destination_uri: qemu+ssh://root@host2/system
    mode: streaming
    wait: switched
    pull_bandwidth: 50MiB

- name: Move a small guest for good, and leave none of its disks behind
  headroom.libvirt.domain_migrate:
    name: web-1
    destination_uri: qemu+ssh://root@host2/system
    mode: precopy
    remove_source_volumes: true

- name: Only look for what would go wrong
  headroom.libvirt.domain_migrate:
    name: [web-1, web-2]
    destination_uri: qemu+ssh://root@host2/system
    preflight: only
  register: looked

- name: Move a guest that a remote host runs, from the controller
  headroom.libvirt.domain_migrate:
    machine: "{{ hostvars['web-3'].libvirt_machine }}"
    destination_uri: qemu+ssh://root@host2/system
    migrate_uri: tcp://10.0.0.2
  delegate_to: localhost
"""

RETURN = r"""
domains:
  description: The domains, in the order of the task.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The domain's name on the source.
      type: str
      returned: success
      sample: web-1
    uuid:
      description: The domain's UUID.
      type: str
      returned: success
      sample: 5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55
    machine:
      description:
        - What names the domain when the task is done, in check mode when it would be, for
          O(headroom.libvirt.domain#module:machine).
      type: dict
      returned: success
      sample: {uri: qemu+ssh://root@host2/system, name: web-1, uuid: 5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55}
    changed:
      description: Whether it was moved, or an earlier move was finished.
      type: bool
      returned: success
      sample: true
    source_uri:
      description: The host that it came from.
      type: str
      returned: success
      sample: qemu:///system
    destination_uri:
      description: The host that it went to.
      type: str
      returned: success
      sample: qemu+ssh://root@host2/system
    running_host:
      description: The URI of the host that runs it now, in check mode that would; null for a domain that is off.
      type: str
      returned: success
      sample: qemu+ssh://root@host2/system
    mode:
      description: How it was moved; null when it was there already.
      type: str
      returned: success
      sample: streaming
    plan:
      description:
        - What was planned, with C(mode), C(copy_storage), C(reasons), libvirt's C(flags) and C(parameters), and what
          happens to each of the C(disks) and why; null when the domain was there already.
      type: dict
      returned: success
      sample:
        mode: streaming
        copy_storage: inc
        reasons: [streaming, since the task says so]
        flags: [LIVE, PEER2PEER, PERSIST_DEST, UNDEFINE_SOURCE, ABORT_ON_ERROR, NON_SHARED_INC]
        parameters: {migrate_uri: "tcp://host2", migrate_disks: [vda]}
        disks: []
    preflight:
      description: What the preflight found.
      type: list
      elements: dict
      returned: success
      contains:
        check:
          description: What was looked at.
          type: str
          returned: success
          sample: space
        status:
          description: One of V(ok), V(warning), V(failed), V(skipped).
          type: str
          returned: success
          sample: ok
        detail:
          description: What was found.
          type: str
          returned: success
          sample: the pool 'default' has 1000000000 bytes left of 1000000 needed
        remedy:
          description: What to do about it; empty where there is nothing to do.
          type: str
          returned: success
          sample: ""
    elapsed_seconds:
      description: How many seconds the whole move took.
      type: float
      returned: success
      sample: 98.2
    switch_over_seconds:
      description:
        - How many seconds it took until the guest ran on the destination; null if it did not run.
        - With O(mode=postcopy), until all of its memory was there, since that is what libvirt tells.
      type: float
      returned: success
      sample: 12.7
    downtime_ms:
      description: For how long the guest stood still, as libvirt measured; null where it did not.
      type: int
      returned: success
      sample: 380
    bytes:
      description: How many bytes of memory and disks were sent until the switch-over; null where libvirt does not tell.
      type: int
      returned: success
      sample: 134217728
    iterations:
      description: How many passes over the memory it took; null where libvirt does not tell.
      type: int
      returned: success
      sample: 3
    stages:
      description:
        - How many seconds each step took, in their order. C(preflight) is all that goes before the first change.
      type: dict
      returned: success
      sample: {preflight: 0.9, volume: 0.1, freeze: 0.3, export: 0.7, autostart: 0.1, migrate: 10.4, settle: 0.1}
    kept_on_source:
      description: Paths of volumes that were moved and stayed on the source, each with the reason.
      type: dict
      returned: success
      sample: {}
    transaction:
      description: What names the move in the journal; null when nothing was moved.
      type: str
      returned: success
      sample: 1f2e3d4c
    dependency:
      description:
        - What the guest still reads from another host, as its metadata say it; null for one that is whole. C(kind) is
          V(move), or V(clone) for a streamed clone; C(export) is the helper domain that serves it on C(source_uri), at
          C(address) and C(port); C(since) is when the transaction C(operation) began, and C(disks) are those that are
          not local yet.
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
"""

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import (
    CONNECTION,
    MACHINE,
    ArgumentSpec,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_positive
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.hold import LEASE, hold_lease
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import open_journal
from ansible_collections.headroom.libvirt.plugins.module_utils._machine.machine import (
    DetachedMachine,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import apply
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.model import (
    COPY_STORAGE,
    TIMEOUT_ACTIONS,
    WAITS,
    WANTED,
    Request,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.task import Task
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_module
from ansible_collections.headroom.libvirt.plugins.module_utils._sizes import parse_whole_mib_rate
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = CONNECTION.merge(MACHINE, LEASE).merge(
    ArgumentSpec(
        options={
            "name": {"type": "list", "elements": "str"},
            "destination_uri": {"type": "str", "required": True},
            "destination_name": {"type": "str"},
            "mode": {"type": "str", "choices": list(WANTED), "default": "auto"},
            "copy_storage": {"type": "str", "choices": list(COPY_STORAGE)},
            "migrate_disks": {"type": "list", "elements": "str"},
            "destination_pool": {"type": "str"},
            "migrate_uri": {"type": "str"},
            "listen_address": {"type": "str"},
            "export_address": {"type": "str"},
            "bandwidth": {"type": "str"},
            "postcopy_bandwidth": {"type": "str"},
            "pull_bandwidth": {"type": "str"},
            "max_downtime_ms": {"type": "int"},
            "auto_converge": {"type": "bool", "default": False},
            "compression": {
                "type": "list",
                "elements": "str",
                "choices": ["mt", "xbzrle", "zlib", "zstd"],
            },
            "parallel_connections": {"type": "int"},
            "tls": {"type": "bool", "default": False},
            "peer_to_peer": {"type": "bool", "default": True},
            "persistent": {"type": "bool", "default": True},
            "undefine_source": {"type": "bool", "default": True},
            "remove_source_volumes": {"type": "bool"},
            "timeout": {"type": "float"},
            "completion_timeout_per_gib": {"type": "float", "default": 800.0},
            "progress_timeout": {"type": "float", "default": 150.0},
            "timeout_action": {"type": "str", "choices": list(TIMEOUT_ACTIONS), "default": "abort"},
            "wait": {"type": "str", "choices": list(WAITS), "default": "local"},
            "preflight": {"type": "str", "choices": ["always", "only"], "default": "always"},
            "parallel": {"type": "int", "default": 2},
            "journal": {"type": "path"},
        },
        required_one_of=[("name", "machine")],
        mutually_exclusive=[("name", "machine")],
    )
)

_NOT_OF_A_REQUEST = frozenset(
    {"name", "machine", "uri", "connect_timeout", "preflight", "parallel", "journal", "lease"}
)


def _request(params: dict[str, t.Any]) -> Request:
    options = {name: params[name] for name in ARGUMENTS.options if name not in _NOT_OF_A_REQUEST}
    options["migrate_disks"] = (
        None if params["migrate_disks"] is None else tuple(params["migrate_disks"])
    )
    options["compression"] = tuple(params["compression"] or ())
    for name in ("bandwidth", "postcopy_bandwidth", "pull_bandwidth"):
        if params[name] is not None:
            options[name] = parse_whole_mib_rate(name, str(params[name]))
    return Request(**options)


def migrate(module: AnsibleModule) -> dict[str, t.Any]:
    """Return the result of the task; in check mode what it would be."""
    params = module.params
    names = tuple(dict.fromkeys(params["name"] or ()))
    if params["destination_name"] and len(names) > 1:
        raise InvalidInput(
            "destination_name",
            params["destination_name"],
            "is one name for several domains",
            "Move them one by one.",
        )
    check_positive("parallel", params["parallel"], "domains")
    only = params["preflight"] == "only"
    task = Task(
        uri=params["uri"],
        names=names,
        request=_request(params),
        act=not module.check_mode and not only,
        preflight_only=only,
        parallel=params["parallel"],
        connect_timeout=params["connect_timeout"],
        journal=open_journal(module),
    )
    with hold_lease(params["lease"], module.warn, act=task.act):
        if params["machine"] is None:
            results = apply.move_all(task)
        else:
            machine = DetachedMachine(params["machine"], connect_timeout=params["connect_timeout"])
            results = [machine.migrate(task)]
    changes = Changes()
    for moved in results:
        if moved.changed:
            changes.add(
                moved.name,
                {"host": mask_uri(moved.source_uri)},
                {"host": mask_uri(moved.destination_uri)},
            )
    return {**changes.as_result(), "domains": [moved.as_dict() for moved in results]}


def main() -> None:
    run_module(ARGUMENTS, "move the domains", migrate)


if __name__ == "__main__":
    main()
