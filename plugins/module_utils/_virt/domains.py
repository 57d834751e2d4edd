# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""One libvirt call about domains a function, with libvirt's errors translated."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    LibvirtFailed,
    NotFound,
    Unsupported,
)

from . import domain_xml, element_xml
from . import metadata as _metadata
from .connection import Connection, translate_errors
from .libvirt_dep import libvirt

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree

    Domain = libvirt.virDomain

_UNSUPPORTED_FLAGS = re.compile(r"unsupported flags \((?P<flags>0x[0-9a-f]+)\)")
_FREEZE_SECONDS: t.Final = 120


def list_all(connection: Connection) -> list[Domain]:
    """Return every domain of the host, active or not."""
    with translate_errors("list the domains"):
        return connection.handle.listAllDomains(0)


def list_uuids(
    connection: Connection, which: t.Literal["active", "saved", "transient", "with snapshots"]
) -> set[str]:
    """Return the UUIDs of the domains that run, are saved, have no definition, or have snapshots; one call."""
    flags = {
        "active": libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE,
        "saved": libvirt.VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE,
        "transient": libvirt.VIR_CONNECT_LIST_DOMAINS_TRANSIENT,
        "with snapshots": libvirt.VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT,
    }
    with translate_errors(f"list the domains that are {which}"):
        return {domain.UUIDString() for domain in connection.handle.listAllDomains(flags[which])}


def look_up(connection: Connection, name: str) -> Domain:
    """Return the domain called ``name``; raises NotFound."""
    with translate_errors(f"look up the domain {name!r}"):
        return connection.handle.lookupByName(name)


def look_up_uuid(connection: Connection, uuid: str) -> Domain:
    """Return the domain with ``uuid``; raises NotFound."""
    with translate_errors(f"look up the domain with UUID {uuid}"):
        return connection.handle.lookupByUUIDString(uuid)


def find(connection: Connection, name: str) -> Domain | None:
    """Return the domain called ``name`` or None."""
    try:
        return look_up(connection, name)
    except NotFound:
        return None


def find_again(connection: Connection, uuid: str | None, name: str) -> Domain | None:
    """Return the domain with that UUID, as somebody may have renamed it; by its name where no UUID is known."""
    if uuid is None:
        return find(connection, name)
    try:
        return look_up_uuid(connection, uuid)
    except NotFound:
        return None


def read_state(domain: Domain) -> tuple[int, int]:
    """Return (virDomainState, reason)."""
    with translate_errors(f"read the state of {domain.name()!r}"):
        number, reason = domain.state(0)
    return number, reason


def read_info(domain: Domain) -> list[int]:
    """Return virDomainInfo: state, maximum and current memory in KiB, vCPUs, CPU time in ns.

    Unlike the bulk statistics this asks no guest's monitor, so a guest that hangs cannot hold it up.
    """
    with translate_errors(f"read the size of {domain.name()!r}"):
        return domain.info()


def is_awaiting_qemu(domain: Domain) -> bool:
    """Return whether libvirt waits for an answer of the domain's QEMU; asks libvirt alone."""
    with translate_errors(f"ask whether {domain.name()!r} is busy"):
        return bool(domain.controlInfo(0)[0] == libvirt.VIR_DOMAIN_CONTROL_OCCUPIED)


def is_active(domain: Domain) -> bool:
    """Return whether the domain has a running (or paused) process."""
    with translate_errors(f"ask whether {domain.name()!r} runs"):
        return bool(domain.isActive())


def is_persistent(domain: Domain) -> bool:
    """Return whether the domain has a definition that outlives its process."""
    with translate_errors(f"ask whether {domain.name()!r} is persistent"):
        return bool(domain.isPersistent())


def has_autostart(domain: Domain) -> bool:
    """Return whether the domain starts with its host."""
    with translate_errors(f"read autostart of {domain.name()!r}"):
        return bool(domain.autostart())


def read_definition_xml(domain: Domain, *, secrets: bool = False) -> str:
    """Return the persistent definition; with ``secrets`` as it is to be defined again, which is never to be shown."""
    flags = libvirt.VIR_DOMAIN_XML_INACTIVE | (libvirt.VIR_DOMAIN_XML_SECURE if secrets else 0)
    with translate_errors(f"read the definition of {domain.name()!r}"):
        return domain.XMLDesc(flags)


def read_live_xml(domain: Domain) -> str:
    """Return the running definition (with backing chains), or the persistent one when it does not run."""
    with translate_errors(f"read the XML of {domain.name()!r}"):
        return domain.XMLDesc(0)


def read_definition(domain: Domain) -> domain_xml.Definition:
    """Return what the collection reads of the persistent definition."""
    return domain_xml.parse(read_definition_xml(domain))


def iterate_definitions(connection: Connection) -> t.Iterator[domain_xml.Definition]:
    """Yield what the collection reads of each domain's persistent definition, but for those that go meanwhile."""
    for domain in list_all(connection):
        try:
            yield read_definition(domain)
        except NotFound:  # gone since it was listed
            continue


def read_live(domain: Domain) -> domain_xml.Definition:
    """Return what the collection reads of the running definition, or of the persistent one when it does not run."""
    return domain_xml.parse(read_live_xml(domain))


def read_definition_element(domain: Domain) -> etree._Element:
    """Return the persistent definition, parsed."""
    return element_xml.parse_element(read_definition_xml(domain))


def read_live_element(domain: Domain) -> etree._Element:
    """Return the running definition (or the persistent one) parsed, for what ``read_live`` leaves out."""
    return element_xml.parse_element(read_live_xml(domain))


def read_metadata_xml(domain: Domain, namespace: str) -> str | None:
    """Return the element of a namespace in the domain's metadata, None if it has none."""
    try:
        with translate_errors(f"read the metadata of {domain.name()!r}"):
            return domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, namespace, 0)
    except NotFound as error:
        if error.details.get("libvirt_code") == libvirt.VIR_ERR_NO_DOMAIN_METADATA:
            return None
        raise


def read_metadata(domain: Domain) -> _metadata.Metadata:
    """Return what our metadata say of the domain, nothing if it has none; raises NotFound for a domain that is gone."""
    text = read_metadata_xml(domain, _metadata.NAMESPACE)
    return (
        _metadata.Metadata()
        if text is None
        else _metadata.read_element(element_xml.parse_element(text))
    )


def find_metadata(domain: Domain) -> _metadata.Metadata | None:
    """Return what our metadata say of the domain, None if it is gone since it was listed."""
    try:
        return read_metadata(domain)
    except NotFound:
        return None


def set_metadata_xml(domain: Domain, xml: str, prefix: str, namespace: str) -> None:
    """Set a namespace's element in the domain's metadata, in the definition and the running domain at once."""
    with translate_errors(f"set the metadata of {domain.name()!r}"):
        flags = _find_affected(domain)
        domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, xml, prefix, namespace, flags)


def _find_affected(domain: Domain) -> int:
    """Return the flags of what of a domain there is: its definition, unless it is transient, and what runs."""
    is_kept, is_active = domain.isPersistent(), domain.isActive()
    return (libvirt.VIR_DOMAIN_AFFECT_CONFIG if is_kept else 0) | (
        libvirt.VIR_DOMAIN_AFFECT_LIVE if is_active else 0
    )


def set_metadata(domain: Domain, value: _metadata.Metadata) -> None:
    """Set our metadata of the domain, in the definition and the running domain at once; what is not known stays."""
    current = read_metadata_xml(domain, _metadata.NAMESPACE)
    unknown = _metadata.find_unknown(element_xml.parse_element(current) if current else None)
    if value == _metadata.Metadata() and not unknown:
        remove_metadata(domain, _metadata.NAMESPACE)
        return
    text = element_xml.serialise(_metadata.build_bare_element(value, unknown))
    set_metadata_xml(domain, text, _metadata.PREFIX, _metadata.NAMESPACE)


def set_title(domain: Domain, title: str | None) -> None:
    """Set the domain's title, a line of text, or remove it; in the definition and the running domain at once."""
    _set_text(domain, libvirt.VIR_DOMAIN_METADATA_TITLE, title)


def set_description(domain: Domain, description: str | None) -> None:
    """Set the domain's description, or remove it; in the definition and the running domain at once."""
    _set_text(domain, libvirt.VIR_DOMAIN_METADATA_DESCRIPTION, description)


def _set_text(domain: Domain, kind: int, text: str | None) -> None:
    with translate_errors(f"describe {domain.name()!r}"):
        domain.setMetadata(kind, text, None, None, _find_affected(domain))


def remove_metadata(domain: Domain, namespace: str) -> None:
    """Remove a namespace's element from the metadata, in the definition and the running domain at once."""
    with translate_errors(f"remove metadata of {domain.name()!r}"):
        flags = _find_affected(domain)
        domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, None, None, namespace, flags)


def define(connection: Connection, xml: str) -> Domain:
    """Define a domain; raises Conflict when its name is taken by another UUID."""
    with translate_errors("define the domain"):
        return connection.handle.defineXMLFlags(xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)


def start(domain: Domain, *, paused: bool = False) -> None:
    """Start the domain (from its managed save image, if it has one)."""
    with translate_errors(f"start {domain.name()!r}"):
        domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED if paused else 0)


def resume(domain: Domain) -> None:
    """Let the vCPUs of a paused domain run."""
    with translate_errors(f"resume {domain.name()!r}"):
        domain.resume()


def wake(domain: Domain) -> None:
    """Wake a domain that suspended itself."""
    with translate_errors(f"wake {domain.name()!r}"):
        domain.pMWakeup(0)


def suspend(domain: Domain) -> None:
    """Stop the vCPUs of the domain, keeping its memory."""
    with translate_errors(f"pause {domain.name()!r}"):
        domain.suspend()


def set_balloon_period(domain: Domain, seconds: int) -> None:
    """Have the guest's balloon driver tell its memory every so many seconds, until the domain stops; 0: never."""
    with translate_errors(f"set the period of the memory statistics of {domain.name()!r}"):
        domain.setMemoryStatsPeriod(seconds, libvirt.VIR_DOMAIN_AFFECT_LIVE)


def ask_to_shut_down(domain: Domain) -> None:
    """Ask the guest to shut down (by agent or ACPI, as libvirt chooses); returns at once."""
    with translate_errors(f"shut {domain.name()!r} down"):
        domain.shutdown()


def bound_agent(domain: Domain) -> None:
    """Have libvirt wait for two minutes at most for each answer of the guest's agent, until the guest stops.

    By default it waits for ever. File systems that take longer to freeze are not going to; what else asks the agent is
    not cut short.
    """
    with translate_errors(f"set how long the agent of {domain.name()!r} may take"):
        domain.agentSetResponseTimeout(_FREEZE_SECONDS, 0)


def power_off(domain: Domain) -> None:
    """Take the power away; QEMU gets the time to flush its caches. One that goes off by itself meanwhile is off too."""
    _destroy(domain, libvirt.VIR_DOMAIN_DESTROY_GRACEFUL)


def kill(domain: Domain) -> None:
    """Take the power away from a domain whose QEMU reacts to nothing, not even to be told to end."""
    _destroy(domain, 0)


def _destroy(domain: Domain, flags: int) -> None:
    try:
        with translate_errors(f"take the power away from {domain.name()!r}"):
            domain.destroyFlags(flags)
    except LibvirtFailed:
        if is_active(domain):
            raise


@dataclasses.dataclass(frozen=True)
class BlockSize:
    """How large a disk is for the guest, and what of it takes room."""

    capacity_bytes: int
    allocation_bytes: int


def read_block_size(domain: Domain, target: str) -> BlockSize | None:
    """Return the size of a disk, asked of the file or device itself; None where libvirt cannot tell it."""
    try:
        with translate_errors(f"read the size of the disk {target} of {domain.name()!r}"):
            capacity, allocation, physical = domain.blockInfo(target, 0)
    except HeadroomError:
        return None
    return BlockSize(capacity, min(allocation, physical) if physical else allocation)


def list_snapshot_names(domain: Domain) -> tuple[str, ...]:
    """Return the names of the domain's snapshots, as far as its driver has any."""
    return _list_names(domain, "listAllSnapshots", "list the snapshots")


def list_checkpoint_names(domain: Domain) -> tuple[str, ...]:
    """Return the names of the domain's checkpoints, as far as its driver has any."""
    return _list_names(domain, "listAllCheckpoints", "list the checkpoints")


def _list_names(domain: Domain, method: str, action: str) -> tuple[str, ...]:
    try:
        with translate_errors(f"{action} of {domain.name()!r}"):
            return tuple(sorted(child.getName() for child in getattr(domain, method)(0)))
    except Unsupported:
        return ()


def save(domain: Domain) -> None:
    """Save memory to disk and stop (managed save)."""
    with translate_errors(f"save {domain.name()!r}"):
        domain.managedSave(0)


def has_saved_memory(domain: Domain) -> bool:
    """Return whether a managed save image exists."""
    with translate_errors(f"look for the saved memory of {domain.name()!r}"):
        return bool(domain.hasManagedSaveImage(0))


def read_saved_xml(domain: Domain) -> str:
    """Return the XML in the managed save image; raises HeadroomError where it cannot be read."""
    with translate_errors(f"read the saved memory of {domain.name()!r}"):
        return domain.managedSaveGetXMLDesc(0)


def set_autostart(domain: Domain, enabled: bool) -> None:
    """Set whether the domain starts with its host."""
    with translate_errors(f"set autostart of {domain.name()!r}"):
        domain.setAutostart(int(enabled))


def undefine(domain: Domain) -> None:
    """Undefine for real: with managed save, snapshot and checkpoint metadata, NVRAM and TPM state."""
    _undefine(domain, "NVRAM", "TPM")


def forget(domain: Domain) -> None:
    """Undefine a domain that lives on elsewhere, where its NVRAM and TPM state may be these very files: they stay."""
    _undefine(domain, "KEEP_NVRAM", "KEEP_TPM")


def _undefine(domain: Domain, *companions: str) -> None:
    flags = (
        libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
        | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
        | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    )
    for companion in companions:
        # libvirt before 8.9 always removes the TPM state and does not know its flags
        flags |= getattr(libvirt, f"VIR_DOMAIN_UNDEFINE_{companion}", 0)
    with translate_errors(f"undefine {domain.name()!r}"):
        try:
            domain.undefineFlags(flags)
        except libvirt.libvirtError as error:
            # A driver that knows no such state has nothing to remove of it; it names all flags of that kind at once.
            unsupported = _UNSUPPORTED_FLAGS.search(error.get_error_message() or "")
            if unsupported is None:
                raise
            domain.undefineFlags(flags & ~int(unsupported["flags"], 16))
