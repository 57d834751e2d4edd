# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Reading the XML of a host, its pools and its networks. Pure: text in, dataclasses out."""

from __future__ import annotations

import dataclasses
import typing as t

from .element_xml import parse_element, read_attribute, read_size_bytes
from .storage_xml import describe_source

PoolState = t.Literal["inactive", "building", "running", "degraded", "inaccessible", "unknown"]

_POOL_STATES: t.Final[tuple[PoolState, ...]] = (
    "inactive",
    "building",
    "running",
    "degraded",
    "inaccessible",
)
_USABLE_POOL_STATES: t.Final[frozenset[PoolState]] = frozenset({"running", "degraded"})


@dataclasses.dataclass(frozen=True)
class Capabilities:
    """What the collection reads of a host's capabilities."""

    uuid: str | None
    arch: str | None
    cpu_model: str | None
    cpu_vendor: str | None


@dataclasses.dataclass(frozen=True)
class HostPool:
    """A storage pool; its sizes are None unless it runs.

    ``source`` names the storage behind a pool that several hosts may have; None for one that is the host's own.
    """

    name: str
    type: str
    path: str | None
    state: PoolState
    autostart: bool
    capacity_bytes: int | None = None
    allocation_bytes: int | None = None
    available_bytes: int | None = None
    source: str | None = None


@dataclasses.dataclass(frozen=True)
class HostNetwork:
    """A virtual network; ``forward`` is None where it is isolated."""

    name: str
    active: bool
    autostart: bool
    bridge: str | None
    forward: str | None


def read_capabilities(text: str) -> Capabilities:
    """Return the Capabilities that the XML says."""
    host = parse_element(text).find("host")
    if host is None:
        return Capabilities(uuid=None, arch=None, cpu_model=None, cpu_vendor=None)
    return Capabilities(
        uuid=host.findtext("uuid"),
        arch=host.findtext("cpu/arch"),
        cpu_model=host.findtext("cpu/model"),
        cpu_vendor=host.findtext("cpu/vendor"),
    )


def read_device_nodes(text: str) -> frozenset[str]:
    """Return the paths below ``/dev`` that lead to a device of the host."""
    root = parse_element(text)
    nodes = [
        *root.iterfind("devnode"),
        *root.iterfind("capability/block"),
        *root.iterfind("capability/char"),
    ]
    return frozenset((node.text or "").strip() for node in nodes)


def read_device_name(text: str) -> str | None:
    """Return a device of the host by the name that domain_xml.find_host_devices() gives it; None for other kinds."""
    capability = parse_element(text).find("capability")
    if capability is None:
        return None
    if capability.get("type") == "pci":
        places = [capability.findtext(name) or "" for name in ("domain", "bus", "slot", "function")]
        if not all(place.isdecimal() for place in places):
            return None
        domain, bus, slot, function = map(int, places)
        return f"pci {domain:04x}:{bus:02x}:{slot:02x}:{function:x}"
    ids = [capability.find(name) for name in ("vendor", "product")]
    if capability.get("type") == "usb_device" and None not in ids:
        return f"usb {':'.join(read_attribute(element, 'id') for element in ids)}"
    name = capability.findtext("uuid")
    return f"mdev {name}" if capability.get("type") == "mdev" and name else None


def pool_state_name(number: int) -> PoolState:
    """Return the name of a virStoragePoolState; ``unknown`` for one that this collection does not know."""
    return _POOL_STATES[number] if 0 <= number < len(_POOL_STATES) else "unknown"


def read_pool(text: str, *, state: PoolState, autostart: bool) -> HostPool:
    """Return the Pool that the XML says; libvirt writes zeros for the sizes of one that does not run."""
    root = parse_element(text)
    sizes: dict[str, int] = {}
    if state in _USABLE_POOL_STATES:
        sizes = {
            f"{name}_bytes": read_size_bytes(root.find(name), "bytes")
            for name in ("capacity", "allocation", "available")
        }
    return HostPool(
        name=root.findtext("name") or "",
        type=root.get("type", ""),
        path=root.findtext("target/path"),
        state=state,
        autostart=autostart,
        source=describe_source(root),
        **sizes,
    )


def read_network(text: str, *, active: bool, autostart: bool) -> HostNetwork:
    """Return the Network that the XML says."""
    root = parse_element(text)
    bridge, forward = root.find("bridge"), root.find("forward")
    return HostNetwork(
        name=root.findtext("name") or "",
        active=active,
        autostart=autostart,
        bridge=None if bridge is None else bridge.get("name"),
        # formatnetwork.html: a <forward> without a mode means NAT
        forward=None if forward is None else forward.get("mode", "nat"),
    )
