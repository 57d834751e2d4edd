# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Deleting volumes that nobody needs: every deletion of the collection goes through here.

Each function looks at the host anew (``users``), deletes what nobody needs, overlays before what they stand on, and
returns what stays with the reason in words.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import storage
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK, Waiter

from .users import Uses

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

    from .users import UseIndex, Without

    Delete = t.Callable[[storage.Volume], None]

# libvirt goes on copying a volume after the run that asked for it is gone, and deletes none that is being written.
_COPY_SECONDS: t.Final = 600.0

# After 30 s without a word of whoever has an image open, Ceph takes that one for gone.
_WATCHED_SECONDS: t.Final = 45.0

# How old a look may be when something is deleted by it. Between the two a task may be held up, by a signal or by a
# machine that is busy, while others go on.
_FRESH_SECONDS: t.Final = 0.25


def find_volume(connection: Connection, ref: VolumeRef) -> storage.Volume | None:
    """Return the volume, or None when it or its pool is not there."""
    try:
        pool = storage.look_up_pool(connection, ref.pool)
    except NotFound:
        return None
    return storage.find_volume(pool, ref.name)


def delete_volumes(
    connection: Connection,
    refs: t.Collection[VolumeRef],
    *,
    index: UseIndex | None = None,
    without: Without = frozenset(),
    of_appliances: bool = False,
    delete: Delete | None = None,
) -> dict[VolumeRef, str]:
    """Delete those of the volumes that nobody but ``without`` needs; return {volume: reason} of those that stay.

    ``index`` is what a look has found right before, which saves another unless it has got old meanwhile. An appliance's
    volumes stay unless they are what is to go (``of_appliances``). ``delete`` deletes one, where there is more to it.
    Raises what deleting one raises; those before it are gone then.
    """
    if not refs:
        return {}
    index = index or Uses(connection).index
    deleter = _Deleter(connection, index, set(without), of_appliances, delete or storage.delete)
    reasons = {ref: deleter.settle(ref) for ref in index.sort_by_depth(refs)}
    return {ref: reason for ref, reason in reasons.items() if reason is not None}


@dataclasses.dataclass
class _Deleter:
    """Deletes volumes one after the other, each by a look that is new; ``gone`` are those that need none any more."""

    connection: Connection
    index: UseIndex
    gone: set[str | VolumeRef]
    of_appliances: bool
    delete: Delete

    def settle(self, ref: VolumeRef) -> str | None:
        """Delete a volume, or return why it stays.

        Whoever was killed is taken for a user by Ceph for a while. That is waited for, and all is looked at anew then.
        """
        reasons: list[str | None] = []
        latest: list[HeadroomError] = []

        def is_settled() -> bool:
            try:
                reasons.append(self._try(ref))
            except HeadroomError as error:
                if not storage.is_watched(error):
                    raise
                latest[:] = [error]
                return False
            return True

        if not Waiter(_WATCHED_SECONDS, SYSTEM_CLOCK).holds(is_settled):
            raise latest[0]
        return reasons[0]

    def _try(self, ref: VolumeRef) -> str | None:
        self.index = _renew(self.connection, self.index)
        reason = self.index.explain_keep(ref, self.gone, of_appliances=self.of_appliances)
        if reason is not None:
            return reason
        volume = find_volume(self.connection, ref)
        if volume is not None:
            with contextlib.suppress(NotFound):  # somebody else was faster
                self.delete(volume)
        self.gone.add(ref)
        return None


def delete_files(
    connection: Connection, paths: t.Collection[str], *, without: Without = frozenset()
) -> dict[str, str]:
    """As delete_volumes(), for what lies at ``paths``; what libvirt fails to delete stays with its words as the reason.

    What is in no active pool is left alone, and not told: libvirt has no way to it.
    """
    if not paths:
        return {}
    index = Uses(connection).index
    gone = set(without)
    at = {path: index.storage.find_ref(path) for path in paths}
    refs = {ref: path for path, ref in at.items() if ref is not None}
    keep: dict[str, str] = {}
    for ref in index.sort_by_depth(refs):
        index = _renew(connection, index)
        reason = index.explain_keep(ref, gone) or _try_to_delete(connection, ref)
        if reason is None:
            gone.add(ref)
        else:
            keep[refs[ref]] = reason
    return keep


def delete_own_files(connection: Connection, paths: t.Collection[str]) -> None:
    """As delete_files(), for what the collection has made for itself; raises Conflict naming what somebody uses."""
    keep = delete_files(connection, paths)
    if keep:
        reasons = "; ".join(f"{path}: {reason}" for path, reason in keep.items())
        raise Conflict(f"files that were made for a time cannot be deleted: {reasons}", paths=keep)


def delete_written(volume: storage.Volume, clock: Clock, delete: Delete | None = None) -> None:
    """Delete a volume that libvirt may still be copying into, for a run that is gone; waits until that has ended.

    It is how ``delete_volumes`` is to delete.
    """

    def is_gone() -> bool:
        try:
            (delete or storage.delete)(volume)
        except NotFound:
            return True
        except HeadroomError as error:
            if not storage.is_being_written(error):
                raise
            return False
        return True

    Waiter(_COPY_SECONDS, clock).wait_for(is_gone, f"the end of the copying of {volume.name()!r}")


def _renew(connection: Connection, index: UseIndex) -> UseIndex:
    """Return what is known of the host, from a new look where that is old.

    A look may be as old as it took, so that looking takes no longer than half of the time.
    """
    if time.monotonic() - index.made_at < max(_FRESH_SECONDS, index.look_seconds):
        return index
    return Uses(connection).index


def _try_to_delete(connection: Connection, ref: VolumeRef) -> str | None:
    volume = find_volume(connection, ref)
    try:
        if volume is not None:
            storage.delete(volume)
    except NotFound:  # somebody else was faster
        return None
    except HeadroomError as error:
        return error.message
    return None
