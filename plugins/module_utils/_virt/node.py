# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""One libvirt call about a host a function, with libvirt's errors translated."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    NotFound,
    Unsupported,
)

from . import capabilities, node_xml
from .connection import Connection, translate_error, translate_errors
from .element_xml import parse_element
from .libvirt_dep import libvirt

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree

    from .storage_xml import SecretRef


def read_hostname(connection: Connection) -> str:
    """Return what the host calls itself."""
    with translate_errors("read the host's name"):
        return connection.handle.getHostname()


def read_hypervisor(connection: Connection) -> tuple[str, int]:
    """Return the driver's name and its hypervisor's version (0 where there is none)."""
    with translate_errors("read the hypervisor's version"):
        return connection.handle.getType(), connection.handle.getVersion()


def read_libvirt_version(connection: Connection) -> int:
    """Return the version of the host's libvirt."""
    with translate_errors("read the host's libvirt version"):
        return connection.handle.getLibVersion()


def read_capabilities_xml(connection: Connection) -> str:
    """Return the host's capabilities."""
    with translate_errors("read the host's capabilities"):
        return connection.handle.getCapabilities()


def read_capabilities(connection: Connection) -> node_xml.Capabilities:
    """Return what the host says that it is: its UUID and its CPU."""
    return node_xml.read_capabilities(read_capabilities_xml(connection))


def read_guests(connection: Connection) -> dict[str, capabilities.GuestSupport]:
    """Return {architecture: what the host can run of it}."""
    return capabilities.read_guests(read_capabilities_xml(connection))


def read_cpu(connection: Connection) -> etree._Element | None:
    """Return the ``<cpu>`` of the host, None where the driver does not say it."""
    return parse_element(read_capabilities_xml(connection)).find("host/cpu")


def read_node_info(connection: Connection) -> list[t.Any]:
    """Return virNodeInfo: architecture, memory in MiB, CPUs, MHz, NUMA cells, sockets, cores and threads."""
    with translate_errors("read the host's CPU and memory"):
        return connection.handle.getInfo()


def read_memory_stats(connection: Connection) -> dict[str, int]:
    """Return total, free, buffers and cached of the host in KiB; empty where the driver does not know."""
    try:
        with translate_errors("read the host's memory"):
            return connection.handle.getMemoryStats(libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS)
    except Unsupported:
        return {}


def read_domain_capabilities_xml(
    connection: Connection, emulator: str | None, arch: str | None, kind: str | None
) -> str:
    """Return what the host gives to domains of a type that run by ``emulator``, its own one without."""
    with translate_errors(f"ask for what {emulator or 'the host'} can do"):
        return connection.handle.getDomainCapabilities(emulator, arch, None, kind, 0)


def read_domain_support(connection: Connection, arch: str) -> capabilities.DomainSupport | None:
    """Return what the host gives to domains of an architecture; None where it cannot tell, or runs none of them.

    Where it runs these without KVM, nothing is known of the processors that KVM would give.
    """
    for kind in ("kvm", None):
        with contextlib.suppress(HeadroomError):
            text = read_domain_capabilities_xml(connection, None, arch, kind)
            support = capabilities.read_domain_support(text)
            return support if kind else dataclasses.replace(support, cpu_modes=frozenset())
    return None


def has_emulator(connection: Connection, path: str, arch: str | None) -> bool | None:
    """Return whether the host can run domains of any type with the emulator at ``path``; None where it cannot tell."""
    try:
        read_domain_capabilities_xml(connection, path, arch, None)
    except Unsupported:
        return None
    except HeadroomError:
        return False
    return True


def read_secret(connection: Connection, secret: SecretRef) -> bytes:
    """Return the value of a secret of Ceph; raises NotFound, or Unsupported for one that libvirt keeps to itself."""
    found = _look_up_secret(connection, secret)
    try:
        return found.value()
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_INVALID_SECRET:
            raise Unsupported(
                f"the secret {secret} is private, so that libvirt shows its value to nobody, and images in Ceph cannot "
                "be filled and read. Define it again with private='no' (virsh secret-dumpxml, secret-define, "
                "secret-set-value).",
                secret=str(secret),
            ) from error
        raise translate_error(error, f"read the secret {secret}") from error


def _look_up_secret(connection: Connection, secret: SecretRef) -> libvirt.virSecret:
    with translate_errors(f"look up the secret {secret}"):
        if secret.uuid is not None:
            return connection.handle.secretLookupByUUIDString(secret.uuid)
        return connection.handle.secretLookupByUsage(
            libvirt.VIR_SECRET_USAGE_TYPE_CEPH, secret.usage or ""
        )


def has_filter(connection: Connection, name: str) -> bool | None:
    """Return whether the host has the network filter; None where it cannot tell."""
    return _can_look_up(lambda: connection.handle.nwfilterLookupByName(name))


def has_secret(connection: Connection, name: str) -> bool | None:
    """Return whether the host's libvirt has the secret of a UUID, or ``type/usage``; None where it cannot tell."""
    kind, slash, usage = name.partition("/")
    if not slash:
        return _can_look_up(lambda: connection.handle.secretLookupByUUIDString(name))
    number = getattr(libvirt, f"VIR_SECRET_USAGE_TYPE_{kind.upper()}", None)
    if number is None:
        return None
    return _can_look_up(lambda: connection.handle.secretLookupByUsage(number, usage))


def _can_look_up(look_up: t.Callable[[], object]) -> bool | None:
    try:
        with translate_errors("look that up"):
            look_up()
    except NotFound:
        return False
    except HeadroomError:
        return None
    return True


def list_cards(connection: Connection) -> frozenset[str] | None:
    """Return the host's bridges and network cards, None where its libvirt cannot list them."""
    try:
        with translate_errors("list the host's interfaces"):
            interfaces = connection.handle.listAllInterfaces(0)
            return frozenset(interface.name() for interface in interfaces)
    except HeadroomError:
        return None


def list_online_cpus(connection: Connection) -> frozenset[int]:
    """Return the numbers of the host's processors that run."""
    with translate_errors("list the host's processors"):
        _count, online, _running = connection.handle.getCPUMap(0)
    return frozenset(number for number, is_online in enumerate(online) if is_online)


def list_host_devices(connection: Connection) -> frozenset[str]:
    """Return the devices that the host could lend a domain, named as domain_xml.find_host_devices() names them."""
    kinds = (
        libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_PCI_DEV
        | libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_USB_DEV
        | libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_MDEV
    )
    try:
        with translate_errors("list the host's devices"):
            texts = [device.XMLDesc(0) for device in connection.handle.listAllDevices(kinds)]
    except HeadroomError:  # what cannot be asked is not known to be there
        return frozenset()
    return frozenset(filter(None, map(node_xml.read_device_name, texts)))


def has_device_node(connection: Connection, path: str) -> bool | None:
    """Return whether the host has the device at ``path``; None where libvirt knows of none there.

    No device is opened for that: opening some does something (a watchdog starts, a tape is wound back).
    """
    kinds = (
        libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_STORAGE
        | libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_SCSI_GENERIC
        | libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_DRM
    )
    try:
        with translate_errors("list the host's devices"):
            devices = connection.handle.listAllDevices(kinds)
            texts = [device.XMLDesc(0) for device in devices]
    except HeadroomError:
        return None
    return True if any(path in node_xml.read_device_nodes(text) for text in texts) else None
