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
    Unsupported,
)

from . import capabilities, node_xml
from .connection import Connection, translate_errors
from .element_xml import parse_element
from .libvirt_dep import libvirt

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree


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
