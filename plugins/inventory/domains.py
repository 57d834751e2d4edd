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
  - The hosts are read in parallel, each within O(timeout) seconds, over a read-only connection. No guest is asked
    unless an option asks for it, so one that hangs does not hold up the inventory.
  - The file must end in C(headroom.yml), C(headroom.yaml), C(headroom_libvirt.yml) or C(headroom_libvirt.yaml), for
    example C(kvm.headroom.yml).
  - C(ansible_host) is set to the address that O(address_sources) find. How Ansible connects is otherwise left alone,
    unless O(connect) says so.
  - Text that a guest or its metadata says is never evaluated as a template.
notes:
  - Ansible goes on after an inventory file that could not be read, with a warning. Set
    E(ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=true) to make it stop.
  - A URI with C(ssh) must get in without a question. C(?no_tty=1) in the URI makes sure that none is asked.
  - The number of libvirt calls for a host does not depend on its domains where O(on_host) applies. It is three, and one
    more for each active network; each domain that O(address_sources) asks for is a call more, as is each definition
    where libvirt's files cannot be read, and with O(xml). C(-vvv) tells the numbers of each host.
requirements:
  - libvirt 8.0 or newer on the hosts
  - libvirt-python where Ansible runs (packaged as C(python3-libvirt))
  - lxml where Ansible runs (packaged as C(python3-lxml))
  - jmespath where Ansible runs (packaged as C(python3-jmespath)), for O(filters)
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
      - Either this or O(hypervisors) names at least one host.
    type: list
    elements: raw
    default: []
  hypervisors:
    description:
      - A group whose hosts are read too, each called by its inventory name.
      - The group must come from an inventory source that Ansible reads before this file. Sources are read in the order
        of C(-i), and the files of a folder in the order of their names.
    type: str
  hypervisor_uri:
    description:
      - The URI of a host in the group O(hypervisors), as a Jinja expression over the variables that the inventory has
        of it, for example V('qemu+tls://' ~ inventory_hostname ~ '/system'). Files in C(host_vars) and C(group_vars)
        do not count.
      - Parameters of the URI that say which programs and files are used must be in the expression itself. An address of
        IPv6 needs brackets around it.
      - Without it the URI is C(qemu+ssh://ansible_user@ansible_host:ansible_port/system?no_tty=1), less what is not
        set.
    type: str
  timeout:
    description: How many seconds one host may take in all. It is given up on afterwards.
    type: float
    default: 30.0
  parallel:
    description: How many hosts are read at a time.
    type: int
    default: 16
  on_host:
    description:
      - Whether a host with a C(+ssh) URI is read by a small program that C(python3) runs there, which sends all in one
        answer. Where that cannot run (no Python, no C(python3-libvirt), a restricted account), and with V(false),
        libvirt's own connection is used, which takes a call for each definition.
      - For C(root) the program reads the definitions from the files in which libvirt keeps them, and asks libvirt only
        where those are not as they should be. The same is done for V(qemu:///system) and for a socket that is seen in
        the root of a container, without SSH.
    type: bool
    default: true
  unreachable:
    description:
      - What happens when a host cannot be read.
      - With V(warn) it is left out with a warning, with V(error) there is no inventory.
      - With V(cached) there is a warning, and its domains are listed as they were when the host was last read with this
        setting, with the variable C(libvirt_stale_seconds) and in the group C(stale). One that was never read is left
        out.
      - When no host can be read or remembered, there is never an inventory.
    type: str
    choices:
      - warn
      - error
      - cached
    default: warn
  last_known:
    description:
      - The folder for what the hosts last said, for O(unreachable=cached).
    type: path
    default: ~/.cache/headroom-libvirt/last-known
  address_sources:
    description:
      - Where the addresses of domains are looked for. The first source that knows one for a domain gives
        C(ansible_host), IPv4 before IPv6, the first card before others, the lease that ends last before others;
        C(libvirt_interfaces) has all of them.
      - V(lease) is what the DHCP servers of libvirt's networks gave out, V(reservation) what these networks keep for a
        MAC address, V(arp) what the host has heard of its neighbours.
      - V(agent) asks the guest agent of each running domain that has one, at the same time. It needs a user who may
        change domains. It believes what the guest says, so ask only guests that you trust.
      - Loopback and link-local addresses are left out. A domain that is off has reserved addresses only.
    type: list
    elements: str
    choices:
      - lease
      - reservation
      - arp
      - agent
    default:
      - lease
  agent_timeout:
    description:
      - How many seconds to wait for the next agent's answer. When none comes, those that still owe one give no address.
    type: float
    default: 2.0
  names:
    description:
      - Regular expressions. Only domains whose whole name matches one of them are listed.
    type: list
    elements: str
    default: []
  filters:
    description:
      - JMESPath expressions over the facts of a domain, which have their names without C(libvirt_). Only domains for
        which all of them are true are listed, for example V(state == 'running') or V(contains(tags, 'edge')).
    type: list
    elements: str
    default: []
  inventory_hostname:
    description:
      - What a domain is called in the inventory, as a Jinja expression over its variables, for example
        V(libvirt_name ~ '.' ~ libvirt_host). The name of the domain if it is left out.
    type: str
  connect:
    description:
      - How Ansible gets to the domains. With V(direct) only C(ansible_host) is set.
      - With V(proxy_jump) it goes through the host of the domain, by C(ansible_ssh_common_args).
      - With V(guest_agent) it uses the guest agent, by P(community.libvirt.libvirt_qemu#connection), which must be
        installed.
    type: str
    choices:
      - direct
      - proxy_jump
      - guest_agent
    default: direct
  statistics:
    description:
      - Whether to add C(libvirt_statistics), the counters of CPU, memory, block devices and interfaces by the names
        that C(virsh domstats) has for them. This asks the guests' monitors; of one that is busy or hangs the counters
        are missing. It takes eight calls a host, and a few more when a monitor hangs.
    type: bool
    default: false
  xml:
    description: Whether to add C(libvirt_xml), the definition of the domain without secrets.
    type: bool
    default: false
  on_duplicate:
    description:
      - What happens when two domains have the same name, or when something else is called like a domain. That can be a
        host or group of another inventory source, read before or after this one, or the address of such a host; one of
        the hosts that are read; a group of this inventory; or C(localhost), C(all) and the like.
      - With V(qualify) each of them is listed as C(domain.host), or as C(domain.host.uuid) where that is ambiguous too.
        With V(skip) they are left out with a warning, with V(error) there is no inventory.
      - What other sources have always stays as it is, but for hosts that O(shared_names) names.
      - A domain whose name begins with a dash is left out with a warning whatever this says, since C(ssh) would take
        the name for an option.
    type: str
    choices:
      - qualify
      - error
      - skip
    default: qualify
  shared_names:
    description:
      - Regular expressions. A host of another inventory source, whose whole name matches one of them, and the domain of
        that name are one machine. The domain's groups and variables are added to what that source has, which stays.
      - Without it the name of a domain never changes what another source says of a host, and O(on_duplicate) decides
        how the domain is listed.
      - Who may give domains their names on one of the hosts may choose one of these names too. Then plays for that host
        go to the address of that domain, with all passwords that the other source has for it.
    type: list
    elements: str
    default: []
  default_groups:
    description:
      - Whether to make groups by state, host, fleet, tenant, appliance and tag, such as C(state_running), C(host_kvm1),
        C(fleet_web), C(tenant_acme), C(appliance_web) for every version and C(appliance_web_1_2) for one, C(tag_edge).
      - Fleet, tenant, appliance and tags are what the metadata of the domain says in the namespace
        C(urn:headroom:libvirt:1).
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

# web.headroom.yml: the running web servers of the group hypervisors, reached through their hosts, also when one is down
---
plugin: headroom.libvirt.domains
hypervisors: hypervisors
address_sources: [reservation, lease, arp]
names: ["web-.*"]
filters: ["state == 'running'", "contains(tags, 'edge')"]
inventory_hostname: libvirt_name ~ '.' ~ libvirt_host
shared_names: ["web-[0-9]+\\.kvm[0-9]+"]
connect: proxy_jump
unreachable: cached

# inside.headroom.yml: domains that have no network, through their guest agents; hosts that are reached by TLS
---
plugin: headroom.libvirt.domains
hypervisors: hypervisors
hypervisor_uri: "'qemu+tls://' ~ inventory_hostname ~ '/system'"
connect: guest_agent
address_sources: [agent]
agent_timeout: 1
statistics: true
xml: true
on_host: false
last_known: /var/lib/awx/last-known

# What a domain gets, for example:
# ansible_host: 192.168.122.17
# libvirt_name: web-1
# libvirt_uuid: 9c1f6b3e-9b27-4b3e-8a6d-0e8f1f6b6d11
# libvirt_host: kvm1
# libvirt_uri: qemu+ssh://root@kvm1/system
# libvirt_machine: {uri: qemu+ssh://root@kvm1/system, name: web-1, uuid: 9c1f6b3e-9b27-4b3e-8a6d-0e8f1f6b6d11}
# libvirt_address: 192.168.122.17
# libvirt_state: running
# libvirt_autostart: true
# libvirt_vcpus: 2
# libvirt_memory_bytes: 2147483648
# libvirt_fleet: web
# libvirt_tenant: acme
# libvirt_appliance: web:1.2
# libvirt_tags: [edge]
# libvirt_title: null
# libvirt_description: null
# libvirt_interfaces:
#   - {mac: "52:54:00:aa:bb:cc", type: network, source: default, target: vnet3, model: virtio,
#      addresses: [192.168.122.17], hostname: web-1}
# libvirt_disks:
#   - {target: vda, device: disk, bus: virtio, type: file, source: /var/lib/libvirt/images/web-1.qcow2, pool: null,
#      volume: null, format: qcow2, readonly: false}
# libvirt_graphics:
#   - {type: vnc, address: 127.0.0.1, port: 5900, tls_port: null, socket: null}
# What a domain reads from another host until its disks are local; null for one that is whole:
# libvirt_dependency: {kind: move, source_uri: "qemu+ssh://kvm2/system", export: headroom-export-0123456789ab,
#                      address: 192.0.2.12, port: 49216, since: "2026-05-04T09:30:00Z", operation: 1f2e3d4c,
#                      disks: [vda]}
"""

import functools
import itertools
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_positive
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ConnectionFailed,
    HeadroomError,
    InvalidInput,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.filters import (
    compile_names,
    read_filters,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.hosts import (
    InventoryHost,
    build_ssh_uri,
    check_composed_uri,
    list_host_names,
    read_hosts,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.naming import (
    InventoryEntry,
    TakenNames,
    assign_names,
    list_default_groups,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.reader import LookRequest
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.snapshot import (
    HostSnapshot,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.survey import read_host
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.variables import (
    build_variables,
    collect_facts,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import require_lxml
from ansible_collections.headroom.libvirt.plugins.module_utils._parallel import run_each
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import (
    require_libvirt,
)
from ansible_collections.headroom.libvirt.plugins.plugin_utils._claims import Claims, Guest
from ansible_collections.headroom.libvirt.plugins.plugin_utils._inventory import (
    InventoryBase,
    Member,
)

_OF_OTHERS: t.Final = "is a host of another inventory source"
_OF_THIS_FILE: t.Final = "is a group of this inventory file"
_LIMITS: t.Final = ("timeout", "parallel", "agent_timeout")


class InventoryModule(InventoryBase):
    """The plugin that Ansible loads."""

    NAME = "headroom.libvirt.domains"
    file_suffixes = tuple(
        map(".".join, itertools.product(("headroom", "headroom_libvirt"), ("yml", "yaml")))
    )

    def fill(self, path: str, cache: bool) -> None:
        """Add the domains of every host that the file at ``path`` names."""
        filters = read_filters(self.get_option("names"), self.get_option("filters"))
        hosts, problems = self._read_hosts()
        snapshots = self._recall(path, hosts, cache)
        read, failures = self._look(path, [host for host in hosts if host not in snapshots])
        failures |= problems
        snapshots |= read
        snapshots |= self._replace_failures(failures, read, nothing_else=not snapshots)
        by_name = {host.name: host for host in hosts}
        candidates: list[InventoryEntry] = []
        for host in hosts:
            candidates += [
                InventoryEntry(guest.name, host.name, guest)
                for guest in (snapshots[host].guests if host in snapshots else ())
                if filters.admit(guest.name, collect_facts(guest, host))
            ]
        self._list(path, by_name, self._evaluate_names(candidates, by_name))

    def _list(
        self, path: str, hosts: dict[str, InventoryHost], candidates: list[InventoryEntry]
    ) -> None:
        """Add the domains, under names and in groups that change nothing of what other sources have."""
        policy, taken = self.get_option("on_duplicate"), self._find_taken(hosts, candidates)
        while True:
            entries, omitted = assign_names(candidates, policy, taken)
            members = [self._build_member(path, entry, hosts[entry.host]) for entry in entries]
            draft = self.construct(members)
            groups = draft.groups.keys() & {entry.name for entry in entries}
            if not groups:
                break
            taken.add_groups(groups, _OF_THIS_FILE)
        self._tell_names(entries, omitted, taken)
        self.list_members(members, draft)

    def _find_taken(
        self, hosts: dict[str, InventoryHost], candidates: list[InventoryEntry]
    ) -> TakenNames:
        """Return the names that no domain may have, since they mean something else."""
        taken, shared = TakenNames(), self._find_shared(candidates)
        for host in self.inventory.hosts.values():
            if host.name not in shared:
                taken.add_hosts([host.name], _OF_OTHERS)
        for host in Claims.of(self.inventory).list_foreign_hosts():
            addresses = [host.vars.get(name) for name in ("ansible_host", "ansible_ssh_host")]
            taken.add_hosts(
                (
                    address
                    for address in addresses
                    if isinstance(address, str) and address not in shared
                ),
                "is the address of a host of another inventory source",
            )
        for host in hosts.values():
            taken.add_hosts(list_host_names(host), "is a host that is read")
        taken.add_groups(self.inventory.groups, "is a group of another inventory source")
        raw = set(itertools.chain.from_iterable(map(self._list_groups, candidates)))
        taken.add_groups(map(self.make_group_name, raw), _OF_THIS_FILE)
        taken.add_groups(self.get_option("groups"), _OF_THIS_FILE)
        return taken

    def _find_shared(self, candidates: list[InventoryEntry]) -> set[str]:
        """Return the names of hosts that are one machine with a domain: by the options, or listed by another file."""
        shared = {name for name in self.inventory.hosts if self._is_shared(name)}
        claims = Claims.of(self.inventory)
        for entry in candidates:
            if claims.is_guest(entry.name):
                machine = self.inventory.hosts[entry.name].vars.get("libvirt_machine") or {}
                if machine.get("uuid") == entry.guest.uuid:
                    shared.add(entry.name)
        return shared

    def _is_shared(self, name: str) -> bool:
        patterns = compile_names("shared_names", self.get_option("shared_names"))
        return any(pattern.fullmatch(name) for pattern in patterns)

    def _list_groups(self, entry: InventoryEntry) -> list[str]:
        groups = list_default_groups(entry) if self.get_option("default_groups") else []
        return [*groups, "stale"] if "stale_seconds" in entry.guest.facts else groups

    def _build_member(self, path: str, entry: InventoryEntry, host: InventoryHost) -> Member:
        variables = build_variables(entry.guest, host, self.get_option("connect"))
        existing = self.inventory.hosts.get(entry.name)
        if existing is not None:
            variables = {**variables, **existing.vars}
        policy = self.get_option("on_duplicate")
        following = entry.names[entry.names.index(entry.name) + 1 :]
        guest = Guest(
            source=path,
            other_names=following if policy == "qualify" else (),
            is_shared=self._is_shared(entry.name),
            is_exclusive=policy == "error",
        )
        return Member(entry.name, guest, variables, self._list_groups(entry))

    def _tell_names(
        self, entries: list[InventoryEntry], omitted: list[str], taken: TakenNames
    ) -> None:
        """Warn of names that are left out, or that a domain did not get since something else is called so."""
        if omitted:
            self.display.warning(f"Left out for their names: {', '.join(map(repr, omitted))}")
        meanings = [(entry, taken.describe(entry.plain_name or "")) for entry in entries]
        renamed = [
            f"{entry.plain_name!r} {meaning}, and the domain is listed as {entry.name!r}"
            for entry, meaning in meanings
            if entry.plain_name is not None and meaning is not None
        ]
        if renamed:
            is_host = any(meaning == _OF_OTHERS for _entry, meaning in meanings)
            remedy = " If both are one machine, say so by shared_names." if is_host else ""
            self.display.warning(f"{'; '.join(renamed)}.{remedy}")

    def _read_hosts(self) -> tuple[list[InventoryHost], dict[InventoryHost, HeadroomError]]:
        """Return the hosts of the options ``uris`` and ``hypervisors``, and those of which no URI can be made."""
        group = self.get_option("hypervisors")
        members: list[dict[str, str]] = []
        problems: dict[InventoryHost, HeadroomError] = {}
        if group is not None and group not in self.inventory.groups:
            raise InvalidInput(
                "hypervisors",
                group,
                "is not a group that Ansible knows yet",
                "Name the inventory that has it in a -i before this one's.",
            )
        for host in [] if group is None else self.inventory.groups[group].get_hosts():
            try:
                uri = self._evaluate_uri(host.name, self.read_variables(host))
            except InvalidInput as error:
                problems[InventoryHost(host.name, "")] = error
            else:
                members.append({"uri": uri, "name": host.name})
        uris = [*self.get_option("uris"), *members]
        if problems and not uris:
            raise next(iter(problems.values()))
        return read_hosts(uris), problems

    def _evaluate_uri(self, name: str, variables: dict[str, t.Any]) -> str:
        expression = self.get_option("hypervisor_uri")
        return (
            build_ssh_uri(name, variables)
            if expression is None
            else check_composed_uri(
                expression, self.evaluate("hypervisor_uri", expression, variables)
            )
        )

    def _evaluate_names(
        self, entries: list[InventoryEntry], hosts: dict[str, InventoryHost]
    ) -> list[InventoryEntry]:
        """Return the domains as ``inventory_hostname`` calls them; raises InvalidInput where it has no name for any."""
        expression = self.get_option("inventory_hostname")
        if expression is None:
            return entries
        named, problems = [], []
        for entry in entries:
            variables = build_variables(entry.guest, hosts[entry.host], self.get_option("connect"))
            try:
                name = self.evaluate("inventory_hostname", expression, variables)
            except InvalidInput as error:
                problems.append(error)
                named.append(entry)
            else:
                named.append(entry._replace(name=name))
        if problems and len(problems) == len(entries):
            raise problems[0]
        if problems:
            self.display.warning(
                f"{len(problems)} domain(s) are listed by their own names: {problems[0].message}"
            )
        return named

    def _recall(
        self, path: str, hosts: list[InventoryHost], cache: bool
    ) -> dict[InventoryHost, HostSnapshot]:
        cached = self.read_cache(path, [host.uri for host in hosts], cache)
        return {
            host: HostSnapshot.from_dict(cached[host.uri]) for host in hosts if host.uri in cached
        }

    def _look(
        self, path: str, hosts: list[InventoryHost]
    ) -> tuple[dict[InventoryHost, HostSnapshot], dict[InventoryHost, HeadroomError]]:
        """Read ``hosts``, and return what was read and what went wrong."""
        if not hosts:
            return {}, {}
        require_libvirt()
        require_lxml()
        outcomes = self._read(hosts)
        failures = {
            host: outcome
            for host, outcome in outcomes.items()
            if isinstance(outcome, HeadroomError)
        }
        snapshots = {
            host: outcome
            for host, outcome in outcomes.items()
            if not isinstance(outcome, HeadroomError)
        }
        for host, snapshot in snapshots.items():
            self.display.vvv(
                f"{host.name}: {len(snapshot.guests)} domains in {snapshot.calls} libvirt calls, "
                f"{snapshot.definitions_read} of them for definitions"
            )
        self.write_cache(
            path, {host.uri: snapshot.as_dict() for host, snapshot in snapshots.items()}
        )
        return snapshots, failures

    def _replace_failures(
        self,
        failures: dict[InventoryHost, HeadroomError],
        read: dict[InventoryHost, HostSnapshot],
        *,
        nothing_else: bool,
    ) -> dict[InventoryHost, HostSnapshot]:
        """Return what stands for the hosts that failed, and say so; raises ConnectionFailed where nothing may."""
        policy = self.get_option("unreachable")
        remembered = self._remember(failures, read) if policy == "cached" else {}
        problems = {
            host: f"{host.name}{f' ({mask_uri(host.uri)})' if host.uri else ''}: {error.message}"
            for host, error in failures.items()
        }
        if failures and (policy == "error" or (nothing_else and not remembered)):
            raise ConnectionFailed(
                f"{len(failures)} host(s) could not be read: {'; '.join(problems.values())}"
            )
        for host, problem in problems.items():
            outcome = (
                "Listed as it was last known" if host in remembered else "Left out of the inventory"
            )
            self.display.warning(f"{outcome}: {problem}")
        return remembered

    def _remember(
        self, failures: t.Iterable[InventoryHost], read: dict[InventoryHost, HostSnapshot]
    ) -> dict[InventoryHost, HostSnapshot]:
        """Store what was read, and return what is stored of the hosts that failed."""
        # only where it is used: Ansible compiles what it imports from collections in each run
        from ansible_collections.headroom.libvirt.plugins.plugin_utils._last_known import LastKnown  # noqa: PLC0415

        store = LastKnown(self.get_option("last_known"))
        try:
            for host, snapshot in read.items():
                store.keep(host.uri, snapshot.as_dict())
        except (OSError, HeadroomError) as error:
            self.display.warning(
                f"last_known: the answers of the hosts could not be stored: {error}"
            )
        snapshots = {}
        for host in failures:
            answer = store.recall(host.uri)
            if answer is not None:
                age_seconds = max(0.0, time.time() - answer.at)
                snapshots[host] = HostSnapshot.from_dict(answer.data).mark_stale(age_seconds)
        return snapshots

    def _read(
        self, hosts: list[InventoryHost]
    ) -> dict[InventoryHost, HostSnapshot | HeadroomError]:
        limits = {option: self.get_option(option) for option in _LIMITS}
        for option, value in limits.items():
            check_positive(option, value, remedy="Leave it out for the default.")
        read = functools.partial(
            read_host,
            request=LookRequest(
                tuple(dict.fromkeys(self.get_option("address_sources"))),
                limits["agent_timeout"],
                self.get_option("statistics"),
                self.get_option("xml"),
            ),
            timeout=limits["timeout"],
            on_host=self.get_option("on_host"),
        )
        return run_each(
            hosts,
            lambda host: read(host.uri),
            timeout=limits["timeout"],
            parallel=limits["parallel"],
        )
