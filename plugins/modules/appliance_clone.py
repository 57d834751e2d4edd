#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: appliance_clone
short_description: Make machines from an appliance
version_added: 0.1.0
author:
  - The headroom.libvirt contributors (@headroom)
description:
  - Makes sure that clones of an appliance exist, by name or by number. By default a clone is a domain whose disks are
    overlays on the disks of the appliance, so that it takes next to no time and room.
  - Each clone has a UUID, MAC addresses and volumes of its own, and knows in its metadata which appliance, fleet and
    tenant it belongs to and which volumes are its own. M(headroom.libvirt.domain) removes these with it.
  - All clones of a task are made, up to four at a time, or none. If a step fails, or the task is stopped by a signal,
    those that were made already are removed, the definition first and then the volumes.
  - Each step is recorded in a journal first. What a run that was killed left is removed by the next one on the same
    host, before it makes its own. See M(headroom.libvirt.transaction_info).
  - Clones that exist already are left as they are, in whatever state they are and with whatever memory. Nothing is ever
    removed, also if there are more than O(count).
options:
  appliance:
    description:
      - The appliance, as V(name:version), or as V(name) for its newest version.
      - With V(name) alone, a clone of any version counts as being there.
    type: str
    required: true
  names:
    description:
      - Names of the clones that shall exist.
      - A domain of one of these names that is no clone of the appliance is an error.
    type: list
    elements: str
  count:
    description:
      - How many clones called C(PREFIX-N) shall exist. Those of the appliance that are there count; for the missing
        ones, the lowest numbers are taken that no domain has.
    type: int
  prefix:
    description:
      - The first part of the names with O(count). O(fleet) when not given.
    type: str
  mode:
    description:
      - How the disks come about. What exists already stays as it is, whatever its mode.
      - V(linked) makes overlays on the disks of the appliance. It copies nothing; the appliance cannot be removed while
        there are such clones.
      - V(reflink) makes files that share the blocks of the appliance's disks until they are written to. It copies
        nothing either, and the clones stand on their own. It needs a file system that can do this, such as XFS or
        btrfs, with the appliance in the same one, and has to run on the host itself, not on a machine that reaches its
        O(uri).
      - V(full) copies the disks. The clones stand on their own.
      - V(streamed) is for a host that does not have the appliance. The clone runs at once, its disks read over the
        network from O(source_uri), and copied from there in the background until it is local. See
        RV(clones[].streaming).
      - V(warm) does not boot. The first such task boots the appliance once and keeps its memory, in an image that is a
        domain called C(headroom-warm-NAME-VERSION-HARDWARE); the clones go on from there. Their guests are told who
        they are by the guest agent, which the appliance must have, and get network cards of their own plugged in. Not
        for machines with UEFI or a TPM.
      - V(auto) is the fastest of V(linked), V(reflink) and V(full) that the pool allows, or V(streamed) where
        O(source_uri) is given and the host does not have the appliance. RV(mode) says which one that is, and
        RV(mode_reason) why.
    type: str
    choices: [auto, linked, reflink, full, streamed, warm]
    default: auto
  source_uri:
    description:
      - The libvirt URI of the host that has the appliance, for O(mode=streamed). It is kept in the clone's metadata
        until the clone is local, so it must not contain a password.
      - It is opened from where the module runs.
    type: str
  source_pool:
    description:
      - The storage pool with the catalogue on O(source_uri). O(appliance_pool) or O(pool) when not given.
    type: str
  source_address:
    description:
      - The address of the source at which the disks are served, and which the host of the clones reads them from. The
        host of O(source_uri) when not given.
    type: str
  source_ports:
    description:
      - The TCP ports of the source of which one is used for each task, as C(FIRST-LAST).
    type: str
    default: 10809-10872
  bandwidth:
    description:
      - How many bytes a second each disk of a streamed clone may take at most in the background, such as V(50MiB). What
        its guest reads itself is not limited.
    type: str
  warm_settle:
    description:
      - How many seconds the appliance goes on after its guest agent has come up, before its memory is kept. Its
        services should run by then.
    type: float
    default: 5.0
  disk_size:
    description:
      - The size of the first disk, if it is to be larger than that of the appliance, for example V(20GiB) or V(20GB).
        As in libvirt, V(GiB) and V(G) are powers of 1024, V(GB) is one of 1000.
      - The guest sees a larger disk. Its partitions and file systems are its own matter; cloud-init grows them.
    type: str
  pool:
    description:
      - The storage pool for the disks of the clones. Its volumes must be files.
    type: str
    default: default
  appliance_pool:
    description:
      - The storage pool that holds the catalogue. O(pool) when not given.
    type: str
  state:
    description:
      - The state of the clones that this task makes.
    type: str
    choices: [running, shutdown]
    default: running
  wait_for:
    description:
      - What is waited for. V(running) is when QEMU runs; V(address) is when DHCP of a libvirt network has given each
        clone that runs an address, those that existed before included.
      - V(local) is when no streamed clone needs its source any more.
    type: str
    choices: [running, address, local]
    default: running
  timeout:
    description:
      - How many seconds to wait for addresses, or until clones are local. Clones that are late are not removed, as they
        run. Also how long the guest of a warm image may take to boot.
      - As long it also waits for another run that is at work on the same clones.
    type: float
    default: 120.0
  fleet:
    description:
      - The fleet that the clones belong to.
    type: str
  tenant:
    description:
      - The tenant that the clones belong to.
    type: str
  memory:
    description:
      - Memory of the clones, if other than that of the appliance. At least what it needs.
    type: str
  vcpus:
    description:
      - Number of vCPUs of the clones, if other than that of the appliance. A CPU topology in the template is then
        dropped.
    type: int
  network:
    description:
      - The libvirt network that the first network card is attached to, if other than in the appliance. A machine
        without network card gets one.
    type: str
  title:
    description:
      - A short text for people.
    type: str
  description:
    description:
      - A longer text for people.
    type: str
  protected:
    description:
      - Whether the clones may not be removed, by M(headroom.libvirt.domain) or by provisioning.
    type: bool
    default: false
  autostart:
    description:
      - Whether the clones start with their host.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    details:
      - The UUID and MAC addresses of a clone that does not exist yet are null in check mode, as they are chosen when it
        is made.
  diff_mode:
    support: full
  idempotent:
    support: full
notes:
  - The virtual hardware is that of the appliance. On a host without KVM, clones of a KVM appliance run emulated; where
    the host does not know the version of the machine type, they get its newest one. RV(notes) says so.
  - A UEFI clone starts with a new NVRAM, and one with a TPM with an empty TPM.
  - A streamed clone needs its source until it is local. The source serves the disks read-only by a paused domain
    C(headroom-export-TOKEN) with a backup in pull mode, over NBD and in clear, so use a network that you trust.
  - When the source of a streamed clone does not answer, its guest waits or is paused, and its disks stay whole. The
    next run of the same task serves the disks anew and goes on, or fails with RV(ignore:error.kind=streaming_failed).
    Once the clone is local, it ends the export. A guest that lost the source while its boot loader was reading may have
    to be reset afterwards, as boot loaders do not take every pause well.
  - A warm clone sees the SMBIOS UUID of its image until it boots for the first time; all else is its own at once. What
    the guest runs to become another machine is F(/etc/headroom/refresh) with its UUID and name, where it has that.
seealso:
  - module: headroom.libvirt.appliance
  - module: headroom.libvirt.domain
extends_documentation_fragment:
  - headroom.libvirt.connection
  - headroom.libvirt.journal
  - headroom.libvirt.attributes
  - headroom.libvirt.attributes.actiongroup_all
"""

EXAMPLES = r"""
- name: Three web servers of the newest version
  headroom.libvirt.appliance_clone:
    appliance: web
    count: 3
    fleet: web

- name: Two machines by name, for a customer, not started yet
  headroom.libvirt.appliance_clone:
    appliance: web:1.4
    names:
      - shop-a
      - shop-b
    tenant: shop
    memory: 2GiB
    vcpus: 2
    network: customers
    state: shutdown

- name: A machine that can be reached when the task ends
  headroom.libvirt.appliance_clone:
    appliance: web
    names: [web-canary]
    wait_for: address
  register: made

- name: A machine on a new host, which answers before its disk is there
  headroom.libvirt.appliance_clone:
    appliance: web
    names: [web-far]
    source_uri: qemu+ssh://root@kvm1/system
    bandwidth: 50MiB
    wait_for: address

- name: Wait until it needs the other host no more
  headroom.libvirt.appliance_clone:
    appliance: web
    names: [web-far]
    source_uri: qemu+ssh://root@kvm1/system
    wait_for: local
    timeout: 3600

- name: Ten more machines in seconds, for a peak
  headroom.libvirt.appliance_clone:
    appliance: web
    count: 10
    fleet: web
    mode: warm

- name: Show its address
  ansible.builtin.debug:
    msg: "{{ item.name }} is at {{ item.addresses | join(', ') }}"
  loop: "{{ made.clones }}"
"""

RETURN = r"""
appliance:
  description: The appliance that missing clones are made from.
  returned: success
  type: str
  sample: web:1.4
clones:
  description: The clones, those that existed before and those that were made.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the domain.
      type: str
      sample: web-1
    uuid:
      description: UUID of the domain. Null in check mode for one that does not exist yet.
      type: str
      sample: 4dea22b3-1d52-4b8f-8c0c-0d9ed6f5a2bb
    macs:
      description:
        - The MAC addresses, in the order of the network cards. Null in check mode for one that does not exist yet.
      type: list
      elements: str
      sample: ["52:54:00:9c:41:07"]
    addresses:
      description:
        - The addresses that DHCP of the host's networks gave it. Empty while it has none, or for a network without.
      type: list
      elements: str
      sample: [192.168.122.41]
    volumes:
      description: The volumes that belong to the clone alone.
      type: list
      elements: dict
      contains:
        pool:
          description: The storage pool.
          type: str
          sample: default
        name:
          description: The volume.
          type: str
          sample: web-1.vda.qcow2
        path:
          description: Its path on the host. Null for one that is not there any more.
          type: str
          sample: /var/lib/libvirt/images/web-1.vda.qcow2
    appliance:
      description: The version that it is a clone of.
      type: str
      sample: web:1.4
    state:
      description: The state that it is in, in the words of M(headroom.libvirt.domain).
      type: str
      sample: running
    created:
      description: Whether this task made it, or would make it in check mode.
      type: bool
      sample: true
    streaming:
      description: How far a streamed clone is. Null for one that is local, and for every other machine.
      type: dict
      contains:
        state:
          description:
            - V(streaming) while it is copied in the background, V(local) when that is done and the export is still to
              be ended, which the next run does, V(streaming-failed) when nothing goes on by itself.
          type: str
          sample: streaming
        done_bytes:
          description: How much of the disks that are not local yet is.
          type: int
          sample: 268435456
        total_bytes:
          description: How much these disks are.
          type: int
          sample: 1073741824
        reason:
          description: Why streaming failed. Null otherwise.
          type: str
          sample: Nothing copies the rest of vda.
    seconds:
      description:
        - The seconds that each stage of making it took. Null for one that existed, and in check mode.
      type: dict
      contains:
        volumes:
          description: Making its volumes. Up to four clones are made at once, so that the stages of several overlap.
          type: float
          sample: 0.031
        define:
          description: Defining the domain.
          type: float
          sample: 0.008
        start:
          description: Starting it.
          type: float
          sample: 0.412
mode:
  description: How the disks of missing clones come about.
  returned: success
  type: str
  sample: linked
mode_reason:
  description: Why it is this mode.
  returned: success
  type: str
  sample: Overlays on the appliance's disks copy nothing, and the pool 'default' allows it.
notes:
  description: Sentences about what on this host is other than the appliance says, and about what was left by runs that
    broke off.
  returned: success
  type: list
  elements: str
  sample: ["This host has no KVM: the clones run under qemu, which is much slower."]
"""

import datetime as dt
import secrets
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import CONNECTION, JOURNAL, ArgumentSpec
from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.apply import Maker, Row, existing_row
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.origin import opened, way_of
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.ready import addresses, await_addresses
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.recovery import leftovers, settle
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.request import request_from
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.survey import make_plan
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.watch import Watch, streaming
from ansible_collections.headroom.libvirt.plugins.module_utils._journal import journal_of
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_on_host
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.headroom.libvirt.plugins.module_utils._connection import Connection

ARGUMENTS = CONNECTION.merge(JOURNAL).merge(
    ArgumentSpec(
        options={
            "appliance": {"type": "str", "required": True},
            "names": {"type": "list", "elements": "str"},
            "count": {"type": "int"},
            "prefix": {"type": "str"},
            "mode": {
                "type": "str",
                "choices": ["auto", "linked", "reflink", "full", "streamed", "warm"],
                "default": "auto",
            },
            "source_uri": {"type": "str"},
            "source_pool": {"type": "str"},
            "source_address": {"type": "str"},
            "source_ports": {"type": "str", "default": "10809-10872"},
            "bandwidth": {"type": "str"},
            "warm_settle": {"type": "float", "default": 5.0},
            "disk_size": {"type": "str"},
            "pool": {"type": "str", "default": "default"},
            "appliance_pool": {"type": "str"},
            "state": {"type": "str", "choices": ["running", "shutdown"], "default": "running"},
            "wait_for": {"type": "str", "choices": ["running", "address", "local"], "default": "running"},
            "timeout": {"type": "float", "default": 120.0},
            "fleet": {"type": "str"},
            "tenant": {"type": "str"},
            "memory": {"type": "str"},
            "vcpus": {"type": "int"},
            "network": {"type": "str"},
            "title": {"type": "str"},
            "description": {"type": "str"},
            "protected": {"type": "bool", "default": False},
            "autostart": {"type": "bool", "default": False},
        },
        mutually_exclusive=[("names", "count"), ("names", "prefix")],
        required_one_of=[("names", "count")],
    )
)


def bring_about(connection: Connection, module: AnsibleModule) -> dict[str, t.Any]:
    """Make what is missing and return the task's result."""
    request, journal = request_from(module.params), journal_of(module)
    options = {name: value for name, value in module.params.items() if name not in CONNECTION.options}
    left = leftovers(journal, connection)
    if not module.check_mode:
        left = settle(journal, connection, request, SYSTEM_CLOCK, module.params["timeout"], module.warn)
    watch = Watch(connection, SYSTEM_CLOCK, module.params["connect_timeout"], act=not module.check_mode)
    changes = Changes()
    for name, course in watch.settle_all(request).items():
        if course.is_changed:
            changes.add(f"{name} streaming", course.before.state, course.after and course.after.state)
    with opened(connection, module.params, request) as origin:
        plan = make_plan(origin.catalogue, origin.request, left, connection)
        way = way_of(plan, origin, connection, options, SYSTEM_CLOCK)
        for clone in plan.clones:
            changes.add(clone.name, None, plan.summary(clone))
        rows = [existing_row(connection, name) for name in plan.selection.existing]
        if module.check_mode:
            rows += [plan.predicted_row(clone) for clone in plan.clones]
        else:
            created = dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
            rows += Maker(connection, plan, created, SYSTEM_CLOCK, secrets.token_bytes, journal, options, way).make()
    if not module.check_mode:
        _await(rows, watch, module.params)
    return {
        **changes.as_result(),
        "appliance": str(plan.manifest.id),
        "clones": _as_they_are(connection, rows),
        "mode": plan.choice.mode,
        "mode_reason": plan.choice.reason,
        "notes": [*left.notes, *plan.notes],
    }


def _await(rows: t.Sequence[Row], watch: Watch, params: t.Mapping[str, t.Any]) -> None:
    if params["wait_for"] == "address":
        running = [row for row in rows if row["state"] == "running"]
        await_addresses(watch.connection, _macs(running), params["timeout"], SYSTEM_CLOCK)
    if params["wait_for"] == "local":
        for row in rows:
            watch.await_local(row["name"], params["timeout"])


def _as_they_are(connection: Connection, rows: t.Sequence[Row]) -> list[Row]:
    """Return the rows with what changes by itself."""
    known = addresses(connection, _macs(rows))
    return [{**row, "addresses": known[row["name"]], "streaming": streaming(connection, row["name"])} for row in rows]


def _macs(rows: t.Sequence[t.Mapping[str, t.Any]]) -> dict[str, list[str]]:
    return {row["name"]: row["macs"] or [] for row in rows}


def main() -> None:
    """Run the module."""
    run_on_host(ARGUMENTS, "make the clones", bring_about)


if __name__ == "__main__":
    main()
