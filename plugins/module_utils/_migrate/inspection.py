# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Asking both hosts what the preflight needs to know. Changes nothing."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import ipaddress
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    blocks,
    domain_xml,
    domains,
    element_xml,
    folders,
    migration,
    networks,
    node,
    storage,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    translate_errors,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    read_attribute,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt

from . import addresses, host_resources
from .facts import Cpu, Facts, GuestState, Hardware, Reach
from .xml import NVRAM

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import Pool

    from .host_resources import HostResource
    from .model import MigrationPlan


def gather_facts(
    source: Connection,
    destination: Connection,
    domain: libvirt.virDomain,
    plan: MigrationPlan,
    pools: tuple[Pool, ...],
    *,
    is_local: bool,
) -> Facts:
    """Return what the preflight needs, but ``pools`` (the destination's); ``is_local``: this runs on the source."""
    root = domains.read_live_element(domain)
    definition = domains.read_definition_element(domain)
    hardware = dataclasses.replace(
        read_hardware(root),
        resources=tuple(
            dict.fromkeys(
                [
                    *host_resources.read_resources(definition),
                    *host_resources.read_attached(root),
                ]
            )
        ),
        unknown=host_resources.find_unknown(definition),
    )
    named = domains.find(destination, plan.destination_name)
    destination_paths = [disk.destination_path for disk in plan.disks_to_move]
    needed = _list_needed(source, plan, hardware.nvram)
    return Facts(
        hardware=hardware,
        source_uuid=node.read_capabilities(source).uuid,
        destination_uuid=node.read_capabilities(destination).uuid,
        machines={
            arch: (guest.types, guest.machines)
            for arch, guest in node.read_guests(destination).items()
        },
        pools=pools,
        volumes=frozenset(
            path for path in destination_paths if storage.find_volume_by_path(destination, path)
        ),
        networks={
            network.name(): networks.is_active(network)
            for network in networks.list_all(destination)
        },
        bridges=node.list_cards(destination),
        free_memory_bytes=_read_free_memory(destination),
        free_hugepages_bytes=_read_free_hugepages(destination, hardware.hugepage_bytes),
        numa_nodes=int(node.read_node_info(destination)[4]),
        cpu=_compare_cpu(source, destination, domain, root),
        reach=_try_to_reach(destination, plan) if is_local else Reach(),
        name_taken_by=None if named is None else named.UUIDString(),
        uuid_there=_has_uuid(destination, plan.guest.uuid),
        source_job=migration.read_job_type(domain) != libvirt.VIR_DOMAIN_JOB_NONE
        if plan.guest.running
        else False,
        missing_on_destination=tuple(
            path for path in needed if not folders.does_file_exist(destination, path)
        ),
        state=read_state(domain, plan),
        same_bases=_compare_bases(source, destination, plan),
        host_devices_there=_find_host_devices(destination, hardware.host_devices),
        pending=find_pending_disks(root, definition),
        proofs={
            resource: prove(destination, resource, hardware.arch) for resource in hardware.resources
        },
    )


def _list_needed(source: Connection, plan: MigrationPlan, nvram: str | None) -> list[str]:
    """Return the paths of which it matters whether the destination has a file there."""
    needed = [disk.backing_path for disk in plan.disks_to_move if disk.backing_path]
    needed += [disk.destination_path for disk in plan.disks_to_move if disk.target == NVRAM]
    # a machine that was never started has none yet: libvirt makes them from a template, on whichever host
    if nvram and folders.does_file_exist(source, nvram) is not False:
        needed.append(nvram)
    return needed


def read_state(domain: libvirt.virDomain, plan: MigrationPlan) -> GuestState:
    """Return what the guest has on the source beside its definition, now."""
    targets = [disk.target for disk in plan.guest.disks if disk.is_written]
    return GuestState(
        snapshots=domains.list_snapshot_names(domain),
        checkpoints=domains.list_checkpoint_names(domain),
        block_jobs=tuple(target for target in targets if blocks.read_job(domain, target))
        if plan.guest.running
        else (),
        has_saved_memory=domains.is_persistent(domain) and domains.has_saved_memory(domain),
    )


def find_pending_disks(
    live_root: etree._Element, definition_root: etree._Element
) -> tuple[str, ...]:
    """Return in words which written disks a definition has that the running domain has not, or has elsewhere. Pure."""
    running = {disk.target: _locate(disk) for disk in domain_xml.read(live_root).disks}
    return tuple(
        f"the definition has the disk {disk.target} at {_locate(disk)}, and the guest that runs has it "
        f"{'not' if running.get(disk.target) is None else f'at {running[disk.target]}'}"
        for disk in domain_xml.read(definition_root).disks
        if disk.device == "disk" and _locate(disk) not in (None, running.get(disk.target))
    )


def _find_host_devices(destination: Connection, names: t.Sequence[str]) -> frozenset[str]:
    """Return those of a guest's devices of its host that the destination has at the same place."""
    if not names:
        return frozenset()
    devices = node.list_host_devices(destination)
    # a card of the type hostdev is one on the PCI bus
    return frozenset(name for name in names if name.replace("hostdev ", "pci ", 1) in devices)


def _locate(disk: domain_xml.Disk) -> str | None:
    return f"{disk.pool}/{disk.volume}" if disk.pool and disk.volume else disk.source


def _compare_bases(
    source: Connection, destination: Connection, plan: MigrationPlan
) -> dict[str, bool]:
    """Return {disk: whether all that its copy is to stand on is the same}, of those that no name vouches for."""
    sources = {disk.target: disk for disk in plan.guest.disks}
    return {
        disk.target: _are_same(source, destination, sources[disk.target].chain)
        for disk in plan.disks_to_move
        if disk.backing_path is not None
        and disk.backing_path == sources[disk.target].chain[0]
        and not sources[disk.target].base_is_same
    }


def _are_same(source: Connection, destination: Connection, paths: t.Sequence[str]) -> bool:
    """Return whether the files at ``paths`` read the same on both hosts, to the last byte."""
    if not all(path.startswith("/") for path in paths):  # on a network, where nobody compares
        return False
    try:
        with folders.open_folders(source, paths), folders.open_folders(destination, paths):
            return all(_digest(source, path) == _digest(destination, path) for path in paths)
    except HeadroomError:  # gone meanwhile, or not for libvirt to read
        return False


def _digest(connection: Connection, path: str) -> str:
    volume = storage.find_volume_by_path(connection, path)
    if volume is None:
        raise NotFound(f"there is no volume at {path}", path=path)
    return storage.digest_sparse(connection, volume, 0, lambda: None).hex()


def prove(destination: Connection, resource: HostResource, arch: str | None) -> bool | None:
    """Return whether the destination has it; None where that cannot be known."""
    path = resource.path
    if resource.proof == "emulator":
        return node.has_emulator(destination, path, arch)
    if resource.proof == "cpus":
        return node.list_online_cpus(destination).issuperset(element_xml.parse_cpus(path))
    if resource.proof == "card":
        cards = node.list_cards(destination)
        return None if cards is None else path in cards
    proof = _PROOFS.get(resource.proof)
    return False if proof is None else proof(destination, path)


def _has_volume(destination: Connection, path: str) -> bool:
    pool_name, name = path.split("/", 1)
    for pool in storage.list_pools(destination):
        if pool.name() == pool_name and storage.is_active(pool):
            storage.try_to_refresh(pool)
            return storage.find_volume(pool, name) is not None
    return False


def _has_network(destination: Connection, name: str) -> bool:
    try:
        return networks.is_active(networks.look_up(destination, name))
    except NotFound:
        return False


def _has_port_group(destination: Connection, path: str) -> bool:
    name, _slash, group = path.partition("/")
    try:
        root = element_xml.parse_element(
            networks.read_live_xml(networks.look_up(destination, name))
        )
    except NotFound:
        return False
    return group in {element.get("name") for element in root.iterfind("portgroup")}


# What the screens and consoles of a domain take of its host's ports.
_PORTS: t.Final = (
    "devices/graphics/@port | devices/graphics/@tlsPort | devices/graphics/@websocket"
    " | devices/*/source[@mode='bind']/@service"
)


def _is_port_free(destination: Connection, port: str) -> bool:
    """Return whether no guest that runs there has the port; other programs of the host are not known."""
    active = filter(domains.is_active, domains.list_all(destination))
    return all(port not in domains.read_live_element(domain).xpath(_PORTS) for domain in active)


_PROOFS: t.Final[t.Mapping[str, t.Callable[[Connection, str], bool | None]]] = {
    "file": folders.does_file_exist,
    "folder": folders.does_folder_exist,
    "volume": _has_volume,
    "network": _has_network,
    "portgroup": _has_port_group,
    "filter": node.has_filter,
    "secret": node.has_secret,
    "port": _is_port_free,
}


def read_hardware(root: etree._Element) -> Hardware:
    """Return what of a parsed domain depends on its host."""
    definition = domain_xml.read(root)
    page = root.find("memoryBacking/hugepages")
    size = None if page is None else page.find("page")
    nodes = [element.get("nodeset") for element in root.iterfind("numatune/*")]
    nodes += [element.text for element in root.iterfind("devices/memory/source/nodemask")]
    return Hardware(
        arch=definition.arch,
        machine=definition.machine,
        type=definition.type,
        networks=_read_sources(definition, "network"),
        bridges=_read_sources(definition, "bridge") + _read_sources(definition, "direct"),
        host_devices=domain_xml.find_host_devices(root),
        hugepage_bytes=None if page is None else _read_page_bytes(size),
        numa_nodes=",".join(dict.fromkeys(filter(None, nodes))) or None,
        has_tpm=root.find("devices/tpm") is not None,
        nvram=definition.nvram or read_attribute(root.find("os/varstore"), "path") or None,
    )


def _read_sources(definition: domain_xml.Definition, kind: str) -> tuple[str, ...]:
    return tuple(
        sorted({card.source for card in definition.interfaces if card.type == kind and card.source})
    )


def _read_page_bytes(page: etree._Element | None) -> int:
    if page is None:
        return 2 * 1024 * 1024
    units = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
    return int(page.get("size", "2048")) * units.get(page.get("unit", "KiB"), 1024)


def _read_free_memory(connection: Connection) -> int | None:
    stats = node.read_memory_stats(connection)
    if not stats:
        return None
    return 1024 * sum(stats.get(name, 0) for name in ("free", "buffers", "cached"))


def _read_free_hugepages(connection: Connection, size: int | None) -> int | None:
    if size is None:
        return None
    try:
        with translate_errors("count the free huge pages"):
            cells = connection.handle.getFreePages(
                [size // 1024], 0, int(node.read_node_info(connection)[4])
            )
    except HeadroomError:
        return None
    return size * sum(sum(cell.values()) for cell in cells.values())


def _compare_cpu(
    source: Connection, destination: Connection, domain: libvirt.virDomain, root: etree._Element
) -> Cpu:
    if not domains.is_active(domain):
        return Cpu()
    guest_root = element_xml.parse_element(migration.read_migratable_xml(domain))
    cpu = guest_root.find("cpu")
    if cpu is None:
        return Cpu(True, "the guest has QEMU's plain CPU")
    if cpu.get("mode") in ("host-passthrough", "maximum"):
        cpu = _read_host_model(source, root)
    if cpu is None:
        return Cpu(detail="the source does not tell its CPU")
    text = element_xml.serialise(cpu)
    kind = (root.findtext("devices/emulator"), None, None, root.get("type"))
    try:
        with translate_errors("compare the CPUs"):
            result = destination.handle.compareHypervisorCPU(*kind, text, 0)
    except HeadroomError as error:
        return Cpu(detail=error.message)
    if result != libvirt.VIR_CPU_COMPARE_INCOMPATIBLE:
        return Cpu(True)
    return Cpu(
        False,
        f"model {cpu.findtext('model') or cpu.get('mode')}",
        _find_common_model(source, destination, kind),
    )


def _read_host_model(source: Connection, root: etree._Element) -> etree._Element | None:
    """Return the CPU that the source gives its guests.

    That of its capabilities is what the machine has: features among it are offered to no guest, not even there.
    """
    emulator, arch = root.findtext("devices/emulator"), read_attribute(root.find("os/type"), "arch")
    try:
        text = node.read_domain_capabilities_xml(source, emulator, arch or None, root.get("type"))
    except HeadroomError:
        return None
    mode = element_xml.parse_element(text).find("cpu/mode[@name='host-model'][@supported='yes']")
    if mode is None or mode.find("model") is None:
        return None
    cpu = etree.Element("cpu", mode="custom", match="exact")
    cpu.extend(copy.deepcopy(child) for child in mode.iterchildren("model", "vendor", "feature"))
    for model in cpu.iterchildren("model"):
        model.attrib.pop("fallback", None)
    return cpu


def _find_common_model(
    source: Connection,
    destination: Connection,
    kind: tuple[str | None, str | None, str | None, str | None],
) -> str | None:
    cpus = []
    for connection in (source, destination):
        cpu = node.read_cpu(connection)
        if cpu is None:
            return None
        cpus.append(element_xml.serialise(cpu))
    try:
        with translate_errors("find a CPU model that fits both hosts"):
            text = destination.handle.baselineHypervisorCPU(*kind, cpus, 0)
    except HeadroomError:
        return None
    return element_xml.parse_element(text).findtext("model")


def _has_uuid(connection: Connection, uuid: str) -> bool:
    with contextlib.suppress(NotFound):
        domains.look_up_uuid(connection, uuid)
        return True
    return False


def _try_to_reach(destination: Connection, plan: MigrationPlan) -> Reach:
    """Return whether this host, being the source, reaches the destination under the name that libvirt will use."""
    host = addresses.find_memory_host(destination, plan)
    if not host:
        return Reach(
            True, str(plan.parameters.get("migrate_uri")), None, problem="it does not name a host"
        )
    try:
        found = addresses.resolve(host)
    except OSError as error:
        return Reach(True, host, None, problem=str(error))
    if ipaddress.ip_address(found[0]).is_loopback:
        return Reach(True, host, found[0], problem="that is the source itself")
    problems = {}
    for address in found:
        problem = addresses.find_problem_at(address)
        if problem is None:
            return Reach(True, host, address, answers=True)
        problems[address] = problem
    return Reach(
        True, host, ", ".join(problems), problem="; ".join(dict.fromkeys(problems.values()))
    )
