# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: domains
short_description: Inventory of the domains of libvirt hosts
version_added: 0.1.0
author:
  - headroom.libvirt contributors (@headroom-libvirt)
description:
  - Lists the domains of one or many libvirt hosts, in any state, with their addresses and facts, in groups by state,
    host, fleet, tenant and appliance.
  - The hosts are read in parallel, each within O(timeout) seconds, over a read-only connection. No guest is asked, so
    one that hangs does not hold up the inventory.
  - The file must end in C(headroom.yml), C(headroom.yaml), C(headroom_libvirt.yml) or C(headroom_libvirt.yaml), for
    example C(kvm.headroom.yml).
  - C(ansible_host) is set to the address that the domain leases from its libvirt network, IPv4 before IPv6. A domain
    that does not run, or is addressed by other means, has none. How Ansible connects is otherwise left alone.
  - Text that a guest or its metadata says is never evaluated as a template.
notes:
  - Ansible goes on after an inventory file that could not be read, with a warning. Set
    E(ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=true) to make it stop.
  - A URI with C(ssh) must get in without a question. C(?no_tty=1) in the URI makes sure that none is asked.
requirements:
  - libvirt 8.0 or newer on the hosts
  - libvirt-python where Ansible runs (packaged as C(python3-libvirt))
  - lxml where Ansible runs (packaged as C(python3-lxml))
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices:
      - headroom.libvirt.domains
  uris:
    description:
      - The libvirt connection URIs of the hosts.
      - Each is a text such as V(qemu+ssh://root@kvm1/system), or a dictionary of C(uri) and C(name). The C(name) is
        what the host is called in facts, groups and qualified names. Without it that is the host name in the URI, and
        V(localhost) for a URI without one.
    type: list
    elements: raw
    required: true
  timeout:
    description: How many seconds one host may take in all. It is given up on afterwards.
    type: float
    default: 30.0
  parallel:
    description: How many hosts are read at a time.
    type: int
    default: 16
  unreachable:
    description:
      - What happens when a host cannot be read.
      - With V(warn) it is left out with a warning, with V(error) there is no inventory.
      - When no host can be read, there is never an inventory.
    type: str
    choices:
      - warn
      - error
    default: warn
  on_duplicate:
    description:
      - What happens when domains of two hosts have the same name, or when a domain is called like something that
        Ansible knows by that name, such as C(localhost) or C(all).
      - With V(qualify) each of them is listed as C(domain.host), with V(skip) they are left out with a warning, with
        V(error) there is no inventory.
      - A domain whose name begins with a dash is left out with a warning whatever this says, since C(ssh) would take
        the name for an option.
    type: str
    choices:
      - qualify
      - error
      - skip
    default: qualify
  default_groups:
    description:
      - Whether to make groups by state, host, fleet, tenant and appliance, such as C(state_running), C(host_kvm1),
        C(fleet_web), C(tenant_acme), C(appliance_web) for every version and C(appliance_web_1_2) for one.
      - Characters that the name of a group cannot have become underscores.
    type: bool
    default: true
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
"""

EXAMPLES = r"""
# kvm.headroom.yml: the domains of two hosts
---
plugin: headroom.libvirt.domains
uris:
  - qemu+ssh://root@kvm1/system
  - qemu+ssh://root@kvm2/system

# headroom.yml: the domains of this machine, only in groups of one's own
---
plugin: headroom.libvirt.domains
uris:
  - uri: qemu:///system
    name: kvm1
default_groups: false
groups:
  windows: "'win' in inventory_hostname"
keyed_groups:
  - key: libvirt_interfaces | map(attribute='source') | select | list
    prefix: network
compose:
  ansible_user: "'admin'"
strict: true

# all.headroom.yml: many hosts, none of which may be missing, looked at once in ten minutes
---
plugin: headroom.libvirt.domains
uris:
  - uri: qemu+ssh://ansible@kvm1.example.com/system?no_tty=1
    name: kvm1
  - uri: qemu+ssh://ansible@kvm2.example.com/system?no_tty=1
    name: kvm2
timeout: 10
parallel: 50
unreachable: error
on_duplicate: error
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/ansible/inventory
cache_timeout: 600

# What a domain gets, for example:
# ansible_host: 192.168.122.17
# libvirt_name: web-1
# libvirt_uuid: 9c1f6b3e-9b27-4b3e-8a6d-0e8f1f6b6d11
# libvirt_host: kvm1
# libvirt_uri: qemu+ssh://root@kvm1/system
# libvirt_machine: {uri: qemu+ssh://root@kvm1/system, name: web-1, uuid: 9c1f6b3e-9b27-4b3e-8a6d-0e8f1f6b6d11}
# libvirt_state: running
# libvirt_vcpus: 2
# libvirt_memory_bytes: 2147483648
# libvirt_fleet: web
# libvirt_tenant: acme
# libvirt_appliance: web:1.2
# libvirt_title: null
# libvirt_description: null
# libvirt_interfaces:
#   - {mac: "52:54:00:aa:bb:cc", type: network, source: default, target: vnet3, model: virtio,
#      addresses: [192.168.122.17], hostname: web-1}
# libvirt_disks:
#   - {target: vda, device: disk, bus: virtio, type: file, source: /var/lib/libvirt/images/web-1.qcow2, pool: null,
#      volume: null, format: qcow2, readonly: false}
"""

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._connection import masked, open_connection
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ConnectionFailed,
    HeadroomError,
    InvalidInput,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.hosts import Host, read_hosts
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.naming import (
    Entry,
    default_groups,
    name_entries,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.retrieve import retrieve
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.snapshot import HostSnapshot
from ansible_collections.headroom.libvirt.plugins.module_utils._libvirt_dep import require_libvirt, require_lxml
from ansible_collections.headroom.libvirt.plugins.plugin_utils._inventory import InventoryBase
from ansible_collections.headroom.libvirt.plugins.plugin_utils._parallel import run_each


class InventoryModule(InventoryBase):
    """The plugin that Ansible loads."""

    NAME = "headroom.libvirt.domains"
    file_suffixes = tuple(
        f"{name}.{extension}" for name in ("headroom", "headroom_libvirt") for extension in ("yml", "yaml")
    )

    def fill(self, path: str, cache: bool) -> None:
        """Add the domains of every host that the file at ``path`` names."""
        hosts = read_hosts(self.get_option("uris"))
        snapshots = self._from_cache(path, hosts, cache)
        snapshots |= self._from_hosts(path, [host for host in hosts if host not in snapshots])
        by_name = {host.name: snapshots[host] for host in hosts if host in snapshots}
        entries, left_out = name_entries(by_name, self.get_option("on_duplicate"))
        if left_out:
            self.display.warning(f"Left out for their names: {', '.join(map(repr, left_out))}")
        uris = {host.name: masked(host.uri) for host in hosts}
        for entry in entries:
            groups = default_groups(entry) if self.get_option("default_groups") else []
            self.add(entry.name, variables(entry, uris[entry.host]), groups)

    def _from_cache(self, path: str, hosts: list[Host], cache: bool) -> dict[Host, HostSnapshot]:
        cached = self.read_cache(path, [host.uri for host in hosts], cache)
        return {host: HostSnapshot.from_dict(cached[host.uri]) for host in hosts if host.uri in cached}

    def _from_hosts(self, path: str, hosts: list[Host]) -> dict[Host, HostSnapshot]:
        """Read ``hosts``; those that fail are treated as the option ``unreachable`` says."""
        if not hosts:
            return {}
        require_libvirt()
        require_lxml()
        outcomes = self._read(hosts)
        failures = {host: outcome for host, outcome in outcomes.items() if isinstance(outcome, HeadroomError)}
        snapshots = {host: outcome for host, outcome in outcomes.items() if not isinstance(outcome, HeadroomError)}
        self.write_cache(path, {host.uri: snapshot.as_dict() for host, snapshot in snapshots.items()})
        problems = [f"{host.name} ({masked(host.uri)}): {error.message}" for host, error in failures.items()]
        if failures and (self.get_option("unreachable") == "error" or len(failures) == len(self.get_option("uris"))):
            raise ConnectionFailed(f"{len(failures)} host(s) could not be read: {'; '.join(problems)}")
        for problem in problems:
            self.display.warning(f"Left out of the inventory: {problem}")
        return snapshots

    def _read(self, hosts: list[Host]) -> dict[Host, HostSnapshot | HeadroomError]:
        timeout, parallel = self.get_option("timeout"), self.get_option("parallel")
        for option, value in (("timeout", timeout), ("parallel", parallel)):
            if not value > 0:
                raise InvalidInput(option, value, "is not above 0", "Leave it out for the default.")

        def read(host: Host) -> HostSnapshot:
            with open_connection(host.uri, timeout=timeout, read_only=True) as connection:
                return retrieve(connection)

        return run_each(hosts, read, timeout=timeout, parallel=parallel)


def variables(entry: Entry, uri: str) -> dict[str, t.Any]:
    """Return the variables of a domain on the host behind ``uri``; most of them hold text of others."""
    guest = entry.guest
    address = {} if guest.address is None else {"ansible_host": guest.address}
    facts = {
        "name": guest.name,
        "host": entry.host,
        "uri": uri,
        # what the modules take as `machine`
        "machine": {"uri": uri, "name": guest.name, "uuid": guest.uuid},
        **guest.facts,
    }
    return {**address, **{f"libvirt_{name}": value for name, value in facts.items()}}
