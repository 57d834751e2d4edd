# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What each tenant has on a host, by libvirt's definitions; and one task at a time that adds to it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._files import (
    ensure_private_folder,
    find_runtime_folder,
    open_own,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import deletion
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domain_xml,
    domains,
    storage,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Waiter

from .extras import SEED_SUFFIX
from .quota import Usage

if t.TYPE_CHECKING:
    import pathlib

    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

    from .plan import CloneRequest


def measure_usage(connection: Connection, tenant: str, gone: t.Collection[str] = ()) -> Usage:
    """Return what the machines of the tenant take together, less those called as in ``gone``.

    Their disks are counted as large as guests see them.
    """
    total = Usage()
    for definition in domains.iterate_definitions(connection):
        if definition.metadata.tenant == tenant and definition.name not in gone:
            total += measure_machine(connection, definition)
    return total


def measure_machine(connection: Connection, definition: domain_xml.Definition) -> Usage:
    """Return what one machine takes; its disks by their declared formats, and not by what its guest wrote there."""
    disks = (ref for ref in definition.metadata.volumes if not ref.name.endswith(SEED_SUFFIX))
    owned = (deletion.find_volume(connection, ref) for ref in disks)
    described = [storage.read_volume(volume) for volume in owned if volume is not None]
    formats = {disk.source or disk.volume: disk.format for disk in definition.disks}
    size = sum(
        volume.capacity_as(formats.get(volume.path) or formats.get(volume.name))
        for volume in described
    )
    return Usage(1, definition.vcpus, definition.memory_bytes, size)


def hold_count(
    request: CloneRequest, timeout: float, clock: Clock, *, check_mode: bool = False
) -> contextlib.AbstractContextManager[None]:
    """Return the context in which what the tenant has stays as it was counted, where there is a quota to keep."""
    if request.tenant is None or not request.quota.limits or check_mode:
        return contextlib.nullcontext()
    return hold_lock(request.tenant, timeout, clock)


@contextlib.contextmanager
def hold_lock(
    tenant: str, timeout: float, clock: Clock, folder: pathlib.Path | None = None
) -> t.Iterator[None]:
    """Wait until no other task on this machine adds to what the tenant has, and keep them waiting for the block.

    The kernel gives the lock up with the process, however it ends. No other user can hold it: its ``folder`` is this
    user's alone. Raises TimedOut after ``timeout`` seconds.
    """
    place = folder or find_runtime_folder()
    path = place / f"tenant-{tenant}.lock"
    try:
        ensure_private_folder(place)
        descriptor = open_own(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise HeadroomError(
            f"quota: the lock {path} of the tenant {tenant!r} cannot be used: {error.filename} {error.strerror}. "
            "Remove what lies there.",
            path=str(path),
        ) from error
    try:
        Waiter(timeout, clock).wait_for(
            lambda: _try_to_lock(descriptor),
            f"quota: the end of another task that makes machines of the tenant {tenant!r}",
        )
        yield
    finally:
        os.close(descriptor)


def _try_to_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
