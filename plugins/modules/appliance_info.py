#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: appliance_info
short_description: List the appliances in a host's catalogue
version_added: 0.1.0
author:
  - The headroom.libvirt contributors (@headroom)
description:
  - Returns the appliances that M(headroom.libvirt.appliance) keeps in a storage pool, with the paths of their files,
    their requirements and the clones that stand on them.
options:
  name:
    description:
      - Only appliances of this name.
    type: str
  version:
    description:
      - Only this version of O(name).
    type: str
  pool:
    description:
      - The storage pool that holds the catalogue.
    type: str
    default: default
seealso:
  - module: headroom.libvirt.appliance
  - module: headroom.libvirt.appliance_clone
extends_documentation_fragment:
  - headroom.libvirt.connection
  - headroom.libvirt.hosts
  - headroom.libvirt.attributes
  - headroom.libvirt.attributes.actiongroup_all
  - headroom.libvirt.attributes.info_module
"""

EXAMPLES = r"""
- name: Which versions of the appliance are here?
  headroom.libvirt.appliance_info:
    name: web
  register: catalogue

- name: Show the newest one
  ansible.builtin.debug:
    msg: "{{ catalogue.appliances[0].id }} has {{ catalogue.appliances[0].clones | length }} clones"
  when: catalogue.appliances | length > 0

- name: Which hosts have the new version?
  headroom.libvirt.appliance_info:
    uris:
      - qemu+ssh://root@kvm1.example.com/system
      - qemu+ssh://root@kvm2.example.com/system
    name: web
    version: "1.4"
  delegate_to: localhost
  register: everywhere

- name: Show them, and which could not be asked
  ansible.builtin.debug:
    msg:
      - "{{ everywhere.appliances | map(attribute='uri') }}"
      - "{{ everywhere.hosts | rejectattr('problem', 'none') }}"
"""

RETURN = r"""
appliances:
  description:
    - The appliances by name, the newest version of each first. Empty when there is none.
    - Each is as M(headroom.libvirt.appliance) returns it, and has a C(problem), which is null.
    - Those with a manifest that cannot be read come last, with nothing but C(id), C(name), C(version), C(pool),
      C(clones) and the C(problem).
    - With O(uris) those of each host, in that order, each with the C(uri) of its host.
  returned: success
  type: list
  elements: dict
  sample:
    - id: web:1.4
      name: web
      version: "1.4"
      pool: default
      created: "2026-05-04T09:30:00Z"
      arch: x86_64
      firmware: bios
      vcpus: 2
      memory_bytes: 1073741824
      clones: [web-1, web-2]
      problem: null
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
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
    open_catalogue,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._names import (
    check_name,
    check_version,
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

ARGUMENTS = CONNECTION.merge(HOSTS).merge(
    ArgumentSpec(
        options={
            "name": {"type": "str"},
            "version": {"type": "str"},
            "pool": {"type": "str", "default": "default"},
        },
        required_by={"version": "name"},
    )
)


def collect(connection: Connection, module: AnsibleModule) -> dict[str, t.Any]:
    """Return the appliances that the options choose."""
    name, version = module.params["name"], module.params["version"]
    if name is not None:
        check_name("name", name)
    if version is not None:
        check_version("version", version)
    catalogue = open_catalogue(connection, module.params["pool"])
    chosen = [
        {**catalogue.describe(manifest), "problem": None}
        for manifest in catalogue.read_all()
        if name in {None, manifest.name} and version in {None, manifest.version}
    ]
    chosen += [
        {
            "id": str(row.id),
            "name": row.id.name,
            "version": row.id.version,
            "pool": catalogue.pool_name,
            "clones": catalogue.list_clones(row.id),
            "problem": row.problem,
        }
        for row in catalogue.list_unreadable()
        if name in {None, row.id.name} and version in {None, row.id.version}
    ]
    return {"changed": False, "appliances": chosen}


def main() -> None:
    """Run the module."""
    run_on_hosts(ARGUMENTS, "list the appliances", collect, merge_rows("appliances"))


if __name__ == "__main__":
    main()
