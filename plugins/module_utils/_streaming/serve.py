# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Serving a disk's base over NBD from the source, by libvirt alone.

A helper domain that never runs holds an overlay on the base, and a pull-mode backup of it makes QEMU serve the base as
it is. It outlives this process and libvirtd, and needs no shell on the host.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import posixpath
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import volumes, xml
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    blocks,
    domains,
    migration,
    storage,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.intent import (
        Intent,
        Streamed,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

# Above libvirt's own range for migrations, which ends at 49215; a firewall between the hosts must admit it.
PORTS: t.Final = range(49216, 49280)


class PortTaken(Conflict):
    """Somebody else listens at the port."""


def start(connection: Connection, intent: Intent, port: int) -> None:
    """Serve every streamed disk's base at ``port``; raises PortTaken."""
    with concurrent.futures.ThreadPoolExecutor() as threads:
        list(threads.map(lambda disk: _make_overlay(connection, disk), intent.streamed))
    helper = _start_helper(connection, intent)
    _serve(helper, intent, port)


def ensure(connection: Connection, intent: Intent, port: int) -> None:
    """Serve again what is not served any more, at the same place under the same names."""
    helper = domains.find(connection, intent.helper)
    if helper is not None and migration.read_job_type(helper) != libvirt.VIR_DOMAIN_JOB_NONE:
        return
    if helper is not None:
        migration.destroy(helper)
    volumes.delete_paths(
        connection,
        [path for disk in intent.streamed for path in (disk.helper_path, disk.scratch_path)],
    )
    start(connection, intent, port)


def stop(connection: Connection, intent: Intent) -> None:
    """Stop serving, and leave nothing of it behind."""
    with contextlib.suppress(NotFound):
        migration.destroy(domains.look_up(connection, intent.helper))
    volumes.delete_paths(
        connection,
        [path for disk in intent.streamed for path in (disk.helper_path, disk.scratch_path)],
    )


def _make_overlay(connection: Connection, disk: Streamed) -> None:
    base = storage.find_volume_by_path(connection, disk.base_path)
    if base is None:
        raise NotFound(
            f"{disk.base_path} is in no active pool of the source any more", path=disk.base_path
        )
    pool = storage.look_up_pool_of(base)
    name = posixpath.basename(disk.helper_path)
    read = storage.read_volume(base)
    new = storage_xml.NewVolume(
        name, read.capacity_bytes, backing_path=disk.base_path, backing_format=disk.base_format
    )
    storage.create(pool, name, storage_xml.build_volume_xml(new))


def _start_helper(connection: Connection, intent: Intent) -> libvirt.virDomain:
    disks = [
        xml.HelperDisk(disk.helper_path, base_path=disk.base_path, base_format=disk.base_format)
        for disk in intent.streamed
    ]
    purpose = f"Serves the disks of {intent.name} until it has them on the host that it moved to"
    text = xml.helper_xml(intent.helper, intent.platform, disks, purpose)
    return blocks.create_transient_paused(connection, intent.helper, text)


def _serve(helper: libvirt.virDomain, intent: Intent, port: int) -> None:
    exports = [
        export
        for disk in intent.streamed
        for export in [intent.export_of(disk.target, port)]
        if export
    ]
    text = xml.backup_xml(exports, [disk.scratch_path for disk in intent.streamed])
    try:
        blocks.begin_backup(helper, text)
    except HeadroomError as error:
        if "in use" in error.message.lower():
            raise PortTaken(f"the port {port} of the source is taken", port=port) from error
        raise
