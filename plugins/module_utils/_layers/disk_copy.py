# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Copying a disk by the format that it is declared to have: require_declared() before, copy_disk() as often as needed.

libvirt copies by the format that it has probed. A guest can write any header into its raw disk, and with it name any
file of the host, which QEMU's tools would then read with root's rights. So only what libvirt sees as it was declared is
copied, and a raw disk byte for byte.
"""

from __future__ import annotations

import posixpath
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict
from ansible_collections.headroom.libvirt.plugins.module_utils._image import header
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    content,
    storage,
    storage_xml,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

RAW: t.Final = "raw"

# How libvirt calls what has no header by which it could be led astray. An ISO 9660 names no other file.
_SEEN_AS_RAW: t.Final = frozenset({None, RAW, "unknown", "none", "iso"})


def require_declared(
    volume: storage.Volume, declared_format: str, *, standalone: bool = False
) -> storage_xml.Volume:
    """Return what libvirt now sees of a volume; raises Conflict unless it is of the format ``declared_format``.

    A raw disk stands on nothing, and neither does one that is to be ``standalone``. The pool is refreshed first; one
    that is too busy for that has the format by which libvirt would copy it all the same. What libvirt does not see is
    looked for in the first bytes: formats that it does not know, such as VHDX, and files in which a qcow2 image keeps
    its data.
    """
    pool = storage.look_up_pool_of(volume)
    is_fresh = storage.try_to_refresh(pool)
    described = storage.read_volume(volume)
    seen_format = RAW if described.format in _SEEN_AS_RAW else described.format
    if seen_format != declared_format and not is_fresh:
        raise Conflict(
            f"the disk {described.path or described.name} is declared to be {declared_format}; libvirt has seen "
            f"{seen_format}, and cannot look again while something is written into the pool {pool.name()!r}. Run the "
            "task again when that has ended.",
            path=described.path,
        )
    if seen_format != declared_format:
        raise _refuse(
            described, f"is declared to be {declared_format}, but libvirt sees {seen_format}"
        )
    if described.backing_path is not None and (standalone or declared_format == RAW):
        raise _refuse(
            described,
            f"is declared to be {declared_format} and to stand alone, but libvirt sees it stand on "
            f"{described.backing_path}",
        )
    if not posixpath.isabs(described.path):  # in Ceph: no tool is ever let to probe it
        return described
    problem = _find_problem(
        storage.read_head(volume, header.HEADER_BYTES), declared_format, standalone
    )
    if problem is not None:
        raise _refuse(described, problem)
    return described


def _find_problem(head: bytes, declared_format: str, standalone: bool) -> str | None:
    """Return what makes the disk that begins with ``head`` another one than is declared."""
    if declared_format == RAW:
        name = header.detect_disk_format(head)
        return (
            None
            if name is None
            else f"is declared to be raw, but begins like an image in the format {name}"
        )
    reason = header.explain_dependence(head) if standalone else None
    return None if reason is None else f"is declared to stand alone, but {reason}"


def _refuse(described: storage_xml.Volume, problem: str) -> Conflict:
    return Conflict(
        f"the disk {described.path or described.name} {problem}. Whoever wrote into it may have forged its header, so "
        "it is not copied. If the declaration is wrong, correct the type of the disk's <driver> in the domain's XML; "
        "else wipe what the disk begins with.",
        path=described.path,
    )


def copy_disk(
    connection: Connection,
    source: storage.Volume,
    declared_format: str,
    pool: storage.Pool,
    new: storage_xml.NewVolume,
    *,
    standalone: bool = False,
) -> storage.Volume:
    """Make the volume ``new`` with the content of ``source``, flat; raises as require_declared(), nothing made then.

    Raw stays raw by bytes. All else is converted by libvirt, which takes the format that it has just been seen to
    have; raw is converted only for disks that nobody writes to, such as an appliance's.
    """
    require_declared(source, declared_format, standalone=standalone)
    text = storage_xml.build_volume_xml(new)
    if (declared_format, new.format) != (RAW, RAW):
        return storage.create_from(pool, new.name, text, source)
    copied = storage.create(pool, new.name, text)
    try:
        content.copy(connection, source, copied, skip_zeros=True)
        require_declared(copied, RAW)  # the guest may have written meanwhile
    except BaseException:
        storage.delete(copied)
        raise
    return copied


def clone_image(
    pool: storage.Pool, source: storage.Volume, new: storage_xml.NewVolume
) -> storage.Volume:
    """Make ``new`` of an image in Ceph by Ceph's own copy-on-write, as libvirt does it there; both are in ``pool``.

    Of a source elsewhere libvirt would take the image of the same name in this pool.
    """
    home = storage.read_pool(pool)
    if home.rbd is None or storage.look_up_pool_of(source).name() != home.name:
        raise ValueError(f"{source.name()} is no image in the pool {home.name} in Ceph")
    return storage.create_from(pool, new.name, storage_xml.build_volume_xml(new), source)
