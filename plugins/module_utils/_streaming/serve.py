# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Serving disks over NBD, by libvirt alone: begun, begun again after a loss, and ended.

A helper domain that never runs holds the disks, and a pull-mode backup of it makes QEMU serve them as they are. It
outlives this process and libvirtd, and needs no shell on the host.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import posixpath
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    LibvirtFailed,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import deletion
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    blocks,
    domains,
    migration,
    node,
    storage,
    storage_xml,
)

from . import export_xml
from .model import EXPORT_PREFIX, Platform
from .ports import find_port

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

    from .model import Helper, Served


def start(connection: Connection, helper: Helper, ports: t.Sequence[int]) -> int:
    """Serve the helper's disks at one of the ports, and return which; raises NoFreePort.

    When it raises, nothing is served; overlays that were made may stay, and go with stop().
    """
    overlays = [disk for disk in helper.disks if disk.base_path is not None]
    with concurrent.futures.ThreadPoolExecutor() as threads:
        list(threads.map(lambda disk: _make_overlay(connection, disk), overlays))
    domain = blocks.create_transient_paused(
        connection, helper.name, export_xml.build_helper_xml(helper)
    )
    try:
        return find_port(
            ports,
            lambda port: blocks.begin_backup(domain, export_xml.build_backup_xml(helper, port)),
        )
    except BaseException:
        with contextlib.suppress(HeadroomError):  # what kept it from serving is told, not this
            stop(connection, helper.name, helper.leftover_paths)
        raise


def ensure(connection: Connection, helper: Helper, port: int) -> None:
    """Serve again what is not served any more, at the same place under the same names."""
    if not is_served(connection, helper.name):
        stop(connection, helper.name, helper.leftover_paths)
        start(connection, helper, (port,))


def is_served(connection: Connection, helper_name: str) -> bool:
    """Return whether the helper of that name is there and serves its export."""
    domain = domains.find(connection, helper_name)
    if domain is None:
        return False
    try:
        return helper_name[len(EXPORT_PREFIX) :] in blocks.read_backup_xml(domain)
    except HeadroomError:  # it is there, but its backup has ended
        return False


def stop(connection: Connection, helper_name: str, leftover_paths: t.Collection[str] = ()) -> None:
    """End what the helper of that name serves, and delete the volumes at these paths; harmless when nothing is left.

    Raises Conflict for a domain of that name that is none of the collection's own.
    """
    domain = domains.find(connection, helper_name)
    if domain is not None:
        require_helper(domain, helper_name)
        _destroy(domain)
    deletion.delete_own_files(connection, leftover_paths)


def require_helper(domain: domains.Domain, name: str) -> None:
    """Raise Conflict for a domain of somebody's that is only called like one of the collection's own."""
    try:
        root = domains.read_live_element(domain)
    except NotFound:  # it went by itself
        return
    if not export_xml.is_helper(root):
        raise Conflict(
            f"the domain {name!r} is called like one that this collection keeps for itself, and is another. Rename it.",
            name=name,
        )


def _destroy(domain: domains.Domain) -> None:
    try:
        migration.destroy(domain)
    except NotFound:  # it went by itself
        return
    except LibvirtFailed:
        if domains.is_active(domain):
            raise


def choose_platform(connection: Connection, arch: str) -> Platform:
    """Return what a helper can be like on a host: any will do, and the emulated ones need no /dev/kvm.

    Raises NotFound for a host that runs no guests.
    """
    guests = node.read_guests(connection)
    if not guests:
        raise NotFound(f"{connection.uri} runs no guests, so it cannot serve or read disks.")
    available = arch if arch in guests else min(guests)
    types = guests[available].types
    return Platform("qemu" if "qemu" in types else min(types), available)


def _make_overlay(connection: Connection, disk: Served) -> None:
    base_path = disk.base_path or ""
    base = storage.find_volume_by_path(connection, base_path)
    if base is None:
        raise NotFound(f"{base_path} is in no active pool of the source any more", path=base_path)
    name = posixpath.basename(disk.path)
    new = storage_xml.NewVolume(
        name,
        storage.read_volume(base).capacity_as(disk.base_format),
        backing_path=disk.base_path,
        backing_format=disk.base_format,
    )
    storage.create(storage.look_up_pool_of(base), name, storage_xml.build_volume_xml(new))
