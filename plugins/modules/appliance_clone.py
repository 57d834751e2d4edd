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
      - Either this or O(machine) is needed.
    type: str
  machine:
    description:
      - A clone out of any result or of the inventory, of which there shall be more on its host. Takes the place of
        O(uri) and O(appliance), and is read as O(headroom.libvirt.domain#module:machine) is.
      - They are made from the very version that it was made from. What O(pool), O(fleet), O(tenant), O(memory) and
        O(vcpus) do not say is as it is with this machine, O(pool) that of its first volume.
      - A machine that was made from no appliance is refused. Capture it by M(headroom.libvirt.appliance) first.
    type: dict
  names:
    description:
      - Names of the clones that shall exist.
      - A domain of one of these names that is no clone of the appliance is an error.
      - None may begin with C(headroom-), as what the collection keeps for itself does.
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
        there are such clones. In Ceph it makes Ceph's own copy-on-write clones, of which the same holds.
      - V(reflink) makes files that share the blocks of the appliance's disks until they are written to. It copies
        nothing either, and the clones stand on their own. It needs a file system that can do this, such as XFS or
        btrfs, with the appliance in the same one, and has to run on the host itself, not on a machine that reaches its
        O(uri).
      - V(full) copies the disks. The clones stand on their own. Where this runs on the host itself, files are copied as
        they are, so that what is compressed stays compressed; elsewhere libvirt has C(qemu-img convert) copy them.
      - V(streamed) is for a host that does not have the appliance. The clone runs at once, its disks read over the
        network from O(source_uri), and copied from there in the background until it is local. See
        RV(clones[].streaming). Appliances with several disks need QEMU 10.0 or newer there, as 7.2 crashes over them.
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
  tls:
    description:
      - Whether the disks of streamed clones travel encrypted. Both hosts need QEMU's certificates in C(/etc/pki/qemu).
      - The source's must be for O(source_address) or, when that is not given, for the host of O(source_uri). Where no
        such connection comes about, nothing is made.
      - V(auto) is V(true) where both hosts have certificates, and V(false) where one has none; RV(notes) says which. A
        connection that does not come about for another reason fails as with V(true).
    type: str
    choices: [auto, "true", "false"]
    default: "false"
  bandwidth:
    description:
      - How much each disk of a streamed clone may take a second at most in the background, such as V(50MiB). A number
        without a unit is in MiB, as in libvirt. What its guest reads itself is not limited.
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
      - The storage pool for the disks of the clones. Which modes each type of pool can is said in
        R(the storage guide,ansible_collections.headroom.libvirt.docsite.guide_storage).
      - In Ceph (a pool of the type C(rbd)) the appliance has to lie in the same pool.
      - Unset, it is V(default).
    type: str
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
      - What is waited for, of the clones that run, those that existed before included.
      - V(defined) and V(running) wait for nothing more than O(state) makes of them; QEMU runs when it has been started.
      - V(address) is when DHCP of a libvirt network has given the clone an address.
      - V(agent) is when the guest agent answers.
      - V(port) is when the clone has an address and takes connections on O(port), from the machine where this module
        runs.
      - V(local) is when no streamed clone needs its source any more.
    type: str
    choices: [defined, running, address, agent, port, local]
    default: running
  port:
    description:
      - The TCP port that O(wait_for=port) waits for.
    type: int
  timeout:
    description:
      - How many seconds to wait for that. Clones that are late are not removed, as they
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
  console_password:
    description:
      - The password of the clones' consoles by VNC and SPICE. With VNC 8 characters count, and a longer one is refused.
      - Where the original of the appliance had one, its clones get none of themselves, as no manifest keeps it. Without
        this option their consoles then listen on C(127.0.0.1) of their host alone, and RV(notes) says so; with it they
        listen where the original did.
      - It is not logged, and neither results nor the journal hold it. libvirt keeps it in the definition.
    type: str
  addresses:
    description:
      - Addresses that DHCP of the libvirt network of the first network card keeps for clones, as C(NAME-OF-CLONE) and
        address. Reservations are made as M(headroom.libvirt.network_reservation) makes them, and go with the clones.
    type: dict
  other_hosts:
    description:
      - The URIs of hosts whose guests are in the same networks. No clone gets a MAC address that one of theirs has.
      - A host that does not answer makes the task fail, as its addresses cannot be known.
    type: list
    elements: str
  seed:
    description:
      - Whether the clones get a seed for cloud-init, a small read-only disk with the label C(cidata). It tells each its
        hostname, which is its name, and that it is a new instance, by its UUID, whereupon cloud-init makes new SSH host
        keys.
      - The default is V(true) if one of O(user_data), O(meta_data) and O(network_config) is given, else V(false).
    type: bool
  user_data:
    description:
      - What cloud-init in each clone shall do, as text that cloud-init knows (C(#cloud-config), a script, MIME), or as
        the dict of a cloud-config.
      - With C(## template) in its first line, cloud-init fills in what differs from clone to clone.
      - It is not logged, and no result repeats it.
    type: raw
  meta_data:
    description:
      - Further meta-data for cloud-init. C(local-hostname) replaces the name; C(instance-id) cannot be set.
      - It is not logged, and no result repeats it.
    type: dict
  network_config:
    description:
      - The network configuration for cloud-init, of version 1 or 2. Without it, the first card asks DHCP.
      - All clones of the task get the same. Where it holds addresses and they are several, RV(notes) says so.
      - It is not logged, and no result repeats it.
    type: dict
  quota:
    description:
      - The most that O(tenant) may have on this host, counted over all of its machines as they are defined, running or
        not. What exists already never makes the task fail, only what would be added.
      - Tasks that run on the same machine count one after the other.
    type: dict
    suboptions:
      machines:
        description: Number of machines.
        type: int
      vcpus:
        description: Number of vCPUs.
        type: int
      memory:
        description: Memory, with a unit.
        type: str
      disk:
        description: Disks as large as their guests see them, with a unit.
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
  in_service:
    description:
      - What is recorded of new clones from the beginning. With V(false) provisioning counts them only once
        O(headroom.libvirt.domain#module:in_service) says that they have been put into service. Unset records nothing,
        and they count as soon as they run.
    type: bool
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
  - A UEFI clone has an NVRAM of its own. It is a volume with what the firmware of the captured machine kept (boot
    entries, keys of secure boot), or, where the appliance holds none of that, a copy of its firmware's template. A
    clone with a TPM starts with an empty one.
  - A streamed clone needs its source until it is local. The source serves the disks read-only by a paused domain of its
    own with a backup in pull mode, over NBD. Without O(tls=true) that is in clear, so use a network that you trust.
  - QEMU's own NBD server is slow over TLS, so that streaming with O(tls=true) takes several times as long.
  - When the source of a streamed clone does not answer, its guest waits or is paused, and its disks stay whole. The
    next run of the same task serves the disks anew and goes on, or fails with RV(ignore:error.kind=streaming_failed).
    Once the clone is local, it ends the export. A guest that lost the source while its boot loader was reading may have
    to be reset afterwards, as boot loaders do not take every pause well.
  - A warm clone sees the SMBIOS UUID of its image until it boots for the first time; all else is its own at once. What
    the guest runs to become another machine is F(/etc/headroom/refresh) with its UUID and name, where it has that.
requirements:
  - pycdlib >= 1.11.0, for O(seed) only (Debian, Ubuntu and Fedora call it python3-pycdlib)
seealso:
  - module: headroom.libvirt.appliance
  - module: headroom.libvirt.domain
  - module: headroom.libvirt.network_reservation
extends_documentation_fragment:
  - headroom.libvirt.connection
  - headroom.libvirt.machine.uri
  - headroom.libvirt.journal
  - headroom.libvirt.lease
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

- name: A machine with a fixed address that cloud-init sets up, as far as the tenant's quota goes
  headroom.libvirt.appliance_clone:
    appliance: debian
    names: [shop-db]
    tenant: shop
    addresses:
      shop-db: 192.168.122.30
    user_data:
      packages: [postgresql]
      ssh_authorized_keys: ["{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}"]
    quota:
      machines: 10
      memory: 32GiB
      disk: 500GiB

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

- name: Make two more of what another host's busiest web server is made from, on its host
  headroom.libvirt.appliance_clone:
    machine: "{{ hostvars['kvm1'].usage.domains | sort(attribute='rates.cpu.used_cores') | last }}"
    names: [web-8, web-9]
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
    machine:
      description: What names the domain on any host, for O(headroom.libvirt.domain#module:machine).
      type: dict
      sample: {uri: qemu+ssh://kvm1/system, name: web-1, uuid: 4dea22b3-1d52-4b8f-8c0c-0d9ed6f5a2bb}
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
        address:
          description: From its start until it had an address. Only if that was waited for.
          type: float
          sample: 6.81
        agent:
          description: From its start until its guest agent answered. Only if that was waited for.
          type: float
          sample: 7.304
        port:
          description: From its start until it took connections on O(port). Only if that was waited for.
          type: float
          sample: 7.112
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
  description: Sentences about what on this host is other than the appliance says, about what was left by runs that
    broke off, and with O(tls=auto) about how the disks travel.
  returned: success
  type: list
  elements: str
  sample: ["This host has no KVM: the clones run under qemu, which is much slower."]
"""

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import (
    CONNECTION,
    JOURNAL,
    MACHINE,
    MACHINE_URI,
    ArgumentSpec,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.ready import STAGES
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.task import (
    CloneTask,
    make_clones,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.hold import LEASE, hold_lease
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import open_journal
from ansible_collections.headroom.libvirt.plugins.module_utils._machine.machine import (
    DetachedMachine,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_module
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = CONNECTION.merge(JOURNAL, MACHINE, MACHINE_URI, LEASE).merge(
    ArgumentSpec(
        options={
            "appliance": {"type": "str"},
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
            "tls": {"type": "str", "choices": ["auto", "true", "false"], "default": "false"},
            "bandwidth": {"type": "str"},
            "warm_settle": {"type": "float", "default": 5.0},
            "disk_size": {"type": "str"},
            "pool": {"type": "str"},
            "appliance_pool": {"type": "str"},
            "state": {"type": "str", "choices": ["running", "shutdown"], "default": "running"},
            "wait_for": {"type": "str", "choices": list(STAGES), "default": "running"},
            "port": {"type": "int"},
            "timeout": {"type": "float", "default": 120.0},
            "fleet": {"type": "str"},
            "tenant": {"type": "str"},
            "memory": {"type": "str"},
            "vcpus": {"type": "int"},
            "network": {"type": "str"},
            "console_password": {"type": "str", "no_log": True},
            "addresses": {"type": "dict"},
            "other_hosts": {"type": "list", "elements": "str"},
            "seed": {"type": "bool"},
            "user_data": {"type": "raw", "no_log": True},
            "meta_data": {"type": "dict", "no_log": True},
            "network_config": {"type": "dict", "no_log": True},
            "quota": {
                "type": "dict",
                "options": {
                    "machines": {"type": "int"},
                    "vcpus": {"type": "int"},
                    "memory": {"type": "str"},
                    "disk": {"type": "str"},
                },
            },
            "title": {"type": "str"},
            "description": {"type": "str"},
            "protected": {"type": "bool", "default": False},
            "autostart": {"type": "bool", "default": False},
            "in_service": {"type": "bool"},
        },
        mutually_exclusive=[("appliance", "machine"), ("names", "count"), ("names", "prefix")],
        required_one_of=[("appliance", "machine"), ("names", "count")],
        required_if=[("wait_for", "port", ["port"])],
    )
)


def clone(module: AnsibleModule) -> dict[str, t.Any]:
    """Return the task's result: clones of an appliance on a host, or of what a machine is made from, where it is."""
    with hold_lease(module.params["lease"], module.warn, act=not module.check_mode):
        return _clone(module)


def _clone(module: AnsibleModule) -> dict[str, t.Any]:
    params = module.params
    task = CloneTask(params, open_journal(module), module.warn, act=not module.check_mode)
    if params["machine"] is not None:
        machine = DetachedMachine(params["machine"], connect_timeout=params["connect_timeout"])
        return machine.clone(task)
    with open_connection(params["uri"], timeout=params["connect_timeout"]) as connection:
        return make_clones(connection, task)


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, "make the clones", clone)


if __name__ == "__main__":
    main()
