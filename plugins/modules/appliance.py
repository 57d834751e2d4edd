#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: appliance
short_description: Keep golden images for cloning in a host's catalogue
version_added: 0.1.0
author:
  - The headroom.libvirt contributors (@headroom)
description:
  - An appliance is one or more immutable disks, the template of a domain, and a manifest that says what both are. It is
    named by name and version; M(headroom.libvirt.appliance_clone) makes machines of it.
  - It is made from a stopped domain or from an image file, and kept as read-only volumes in a storage pool of the host.
    Their names begin with C(headroom-appliance.).
  - The source is copied whole and flat; nothing refers back to it. The manifest is written last, so that an appliance
    is visible only when it is complete. What an interrupted run left is removed by the next run that makes the same
    version, and by any run after an hour.
  - Everything goes through libvirt's API, so the module works on the host and from afar. The checksum is taken of what
    was sent, or of what lies in the pool.
  - An image that names other files (a backing file, a data file) is refused, whatever it names.
options:
  name:
    description:
      - Name of the appliance. Letters, digits, C(.), C(_) and C(-).
    type: str
    required: true
  version:
    description:
      - Version of the appliance. Letters, digits, C(.), C(_), C(-), C(+) and C(~).
      - A version never changes. If it exists, the task changes nothing, and the source is not read again. It fails if
        O(sha256) or O(manifest) says that the content should be another.
    type: str
    required: true
  pool:
    description:
      - The storage pool that holds the catalogue. Its volumes must be files.
    type: str
    default: default
  state:
    description:
      - Whether the appliance is there.
      - V(absent) refuses while anything stands on its disks, and names what does.
    type: str
    choices: [present, absent]
    default: present
  source:
    description:
      - Where the appliance comes from. Needed for O(state=present).
    type: dict
    suboptions:
      domain:
        description:
          - A domain of the host that is shut down. All its disks are copied; what is in its CD-ROM and floppy drives is
            not.
          - Its XML becomes the template, without what makes it this one machine on this one host (name, UUID, MAC
            addresses, NVRAM, paths, ports, pinning). The addresses of devices inside the guest stay.
          - A domain with devices of which there is only one (host devices, shared disks and folders) is refused.
        type: str
      file:
        description:
          - Path of an image, where the module runs. It becomes the only disk.
        type: path
      files:
        description:
          - Paths of several images by the targets that they have in the template, such as C(vda) and C(vdb).
        type: dict
      format:
        description:
          - Format of the files. V(auto) takes for qcow2 what has its header, and refuses what has the header of another
            format; all else is raw.
          - V(raw) takes the content as it is, whatever it looks like.
        type: str
        choices: [auto, qcow2, raw]
        default: auto
  manifest:
    description:
      - The manifest that M(headroom.libvirt.appliance_info) or this module returned on another host, for registering
        the same appliance here. Template, requirements and time of creation are taken from it, and the checksums of the
        files must be those that it says.
    type: dict
  template:
    description:
      - The domain XML of the clones, or the path of a file with it where the module runs.
      - Without it, and without O(source.domain) and O(manifest), a template with virtio devices, a serial console and
        the channel of the guest agent is made.
    type: str
  memory:
    description:
      - Memory of a clone, in the template that is made. V(1GiB) when not given.
    type: str
  vcpus:
    description:
      - Number of vCPUs of a clone, in the template that is made. V(1) when not given.
    type: int
  arch:
    description:
      - Architecture, in the template that is made. That of the machine where the module runs when not given.
    type: str
  machine:
    description:
      - Machine type, in the template that is made. V(q35) on PCs and V(virt) on ARM and RISC-V when not given.
    type: str
  firmware:
    description:
      - Firmware, in the template that is made. V(bios) when not given.
    type: str
    choices: [bios, efi]
  network:
    description:
      - The libvirt network of the interface, in the template that is made. V(default) when not given; an empty string
        for a machine without interface.
    type: str
  os_id:
    description:
      - Which operating system it is, as a libosinfo id. Taken from the domain's metadata when not given.
    type: str
  min_ram:
    description:
      - The least memory that a clone must have.
    type: str
  min_disk:
    description:
      - The disk space that a clone comes to need. The size of the disks when not given.
    type: str
  description:
    description:
      - A text for people.
    type: str
  sha256:
    description:
      - The SHA-256 that the file must have. It is checked before the appliance becomes visible.
    type: str
attributes:
  check_mode:
    support: full
    details:
      - Checksums, sizes of files and the names of volumes are null in check mode, as nothing was copied.
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: headroom.libvirt.appliance_info
  - module: headroom.libvirt.appliance_clone
extends_documentation_fragment:
  - headroom.libvirt.connection
  - headroom.libvirt.attributes
  - headroom.libvirt.attributes.actiongroup_all
"""

EXAMPLES = r"""
- name: Capture a machine that was set up once
  headroom.libvirt.appliance:
    name: web
    version: "1.4"
    source:
      domain: web-golden
    min_ram: 512MiB
  register: captured

- name: Keep a published image, checked before anyone can use it
  headroom.libvirt.appliance:
    name: debian
    version: "13"
    source:
      file: /srv/images/debian-13-generic-amd64.qcow2
    sha256: "{{ published_sha256 }}"
    memory: 1GiB
    vcpus: 2
    os_id: http://debian.org/debian/13

- name: Register the same appliance on a second host, after its file was copied there
  headroom.libvirt.appliance:
    name: web
    version: "1.4"
    source:
      file: /var/tmp/web-1.4.qcow2
    manifest: "{{ hostvars['kvm1'].captured.appliance.manifest }}"

- name: Remove a version that nothing stands on any more
  headroom.libvirt.appliance:
    name: web
    version: "1.3"
    state: absent
"""

RETURN = r"""
appliance:
  description: The appliance. Null after O(state=absent).
  returned: success
  type: dict
  contains:
    id:
      description: Name and version.
      type: str
      sample: web:1.4
    name:
      description: Name.
      type: str
      sample: web
    version:
      description: Version.
      type: str
      sample: "1.4"
    pool:
      description: The pool with its volumes.
      type: str
      sample: default
    created:
      description: When it was made first, on whichever host.
      type: str
      sample: "2026-05-04T09:30:00Z"
    arch:
      description: Architecture.
      type: str
      sample: x86_64
    firmware:
      description: Either V(bios) or V(efi).
      type: str
      sample: bios
    os_id:
      description: Which operating system it is, as a libosinfo id. Null when not known.
      type: str
      sample: http://debian.org/debian/13
    parent:
      description: The appliance that the captured domain was a clone of. Null when there is none.
      type: str
      sample: debian:13
    description:
      description: A text for people. Null when there is none.
      type: str
      sample: The web servers of the shop
    min_ram_bytes:
      description: The least memory that a clone must have.
      type: int
      sample: 536870912
    min_disk_bytes:
      description: The disk space that a clone comes to need.
      type: int
      sample: 10737418240
    vcpus:
      description: Number of vCPUs of a clone that overrides nothing.
      type: int
      sample: 2
    memory_bytes:
      description: Memory of a clone that overrides nothing.
      type: int
      sample: 1073741824
    disk_bytes:
      description: Sum of the sizes of the disks, as a guest sees them.
      type: int
      sample: 10737418240
    clones:
      description: Names of the domains on this host that are clones of it.
      type: list
      elements: str
      sample: [web-1, web-2]
    disks:
      description: The disks.
      type: list
      elements: dict
      contains:
        target:
          description: The name of the disk in the template.
          type: str
          sample: vda
        volume:
          description: The name of its volume. Null in check mode.
          type: str
          sample: headroom-appliance.web@1.4.0f3a9c2e71b5.vda.qcow2
        path:
          description: The path of its file on the host, to be copied to another host. Null in check mode.
          type: str
          sample: /var/lib/libvirt/images/headroom-appliance.web@1.4.0f3a9c2e71b5.vda.qcow2
        format:
          description: Either V(qcow2) or V(raw).
          type: str
          sample: qcow2
        virtual_size_bytes:
          description: The size that a guest sees.
          type: int
          sample: 10737418240
        size_bytes:
          description: The length of the file. Null in check mode.
          type: int
          sample: 734003200
        sha256:
          description: The SHA-256 of the file. Null in check mode.
          type: str
          sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    manifest:
      description: All of this as it is stored, with the template, for O(manifest) on another host. Null in check mode.
      type: dict
      sample: {"format": 1, "name": "web", "version": "1.4"}
"""

import datetime as dt
import secrets
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import catalogue as catalogues
from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import register
from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.request import appliance_id, request_from
from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import CONNECTION, ArgumentSpec
from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_on_host

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.catalogue import Catalogue
    from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.manifest import Manifest
    from ansible_collections.headroom.libvirt.plugins.module_utils._connection import Connection

_SOURCE: t.Mapping[str, t.Any] = {
    "type": "dict",
    "options": {
        "domain": {"type": "str"},
        "file": {"type": "path"},
        "files": {"type": "dict"},
        "format": {"type": "str", "choices": ["auto", "qcow2", "raw"], "default": "auto"},
    },
    "mutually_exclusive": [("domain", "file", "files")],
    "required_one_of": [("domain", "file", "files")],
}

ARGUMENTS = CONNECTION.merge(
    ArgumentSpec(
        options={
            "name": {"type": "str", "required": True},
            "version": {"type": "str", "required": True},
            "pool": {"type": "str", "default": "default"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "source": _SOURCE,
            "manifest": {"type": "dict"},
            "template": {"type": "str"},
            "memory": {"type": "str"},
            "vcpus": {"type": "int"},
            "arch": {"type": "str"},
            "machine": {"type": "str"},
            "firmware": {"type": "str", "choices": ["bios", "efi"]},
            "network": {"type": "str"},
            "os_id": {"type": "str"},
            "min_ram": {"type": "str"},
            "min_disk": {"type": "str"},
            "description": {"type": "str"},
            "sha256": {"type": "str"},
        },
        required_if=[("state", "present", ["source"])],
    )
)


def bring_about(connection: Connection, module: AnsibleModule) -> dict[str, t.Any]:
    """Make or remove the appliance and return the task's result."""
    wanted = appliance_id(module.params)
    if module.params["state"] == "absent":
        catalogue = catalogues.open_catalogue(connection, module.params["pool"])
        existing = catalogue.find(wanted.name, wanted.version)
        return _remove(catalogue, existing, check_mode=module.check_mode)
    now = time.time()
    created = dt.datetime.fromtimestamp(now, dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    request = request_from(module.params, created=created, now=now, token=secrets.token_hex(6))
    catalogue = catalogues.open_catalogue(connection, module.params["pool"])
    existing = catalogue.find(wanted.name, wanted.version)
    if existing is not None:
        register.check_same(existing, request)
        return {**Changes().as_result(), "appliance": catalogue.describe(existing)}
    return _make(catalogue, request, check_mode=module.check_mode)


def _make(catalogue: Catalogue, request: register.Request, *, check_mode: bool) -> dict[str, t.Any]:
    changes = Changes()
    with register.planned(catalogue, request) as plan:
        changes.add(str(request.appliance), None, register.summary(plan.manifest))
        if check_mode:
            return {**changes.as_result(), "appliance": register.prediction(catalogue, plan.manifest)}
        manifest = register.store(catalogue, plan, request)
    return {**changes.as_result(), "appliance": catalogue.describe(manifest)}


def _remove(catalogue: Catalogue, existing: Manifest | None, *, check_mode: bool) -> dict[str, t.Any]:
    changes = Changes()
    if existing is not None:
        catalogues.refuse_if_used(catalogue, existing)
        changes.add(str(existing.id), register.summary(existing), None)
        if not check_mode:
            catalogue.remove(existing)
    return {**changes.as_result(), "appliance": None}


def main() -> None:
    """Run the module."""
    run_on_host(ARGUMENTS, "keep the appliance", bring_about)


if __name__ == "__main__":
    main()
