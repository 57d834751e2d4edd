# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What each type of storage pool can do: ``KINDS``, asked by ``find_kind``, ``find_refusal`` and ``require``. Pure.

One row a type of libvirt's. Whoever makes, copies, moves or deletes a volume asks here, before anything is made, and
refuses with these words. The storage guide prints the same rows (``python3 -m tools.pool_kinds``). What was never run
is refused.
"""

from __future__ import annotations

import dataclasses
import types
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Unsupported

Volumes = t.Literal["file", "block", "network"]
# Whether a volume may take less than its capacity at first; "none": libvirt makes no volumes there.
Allocation = t.Literal["grows", "whole", "none"]
# How a path comes about: below the pool's target, below the name of its source, or as libvirt chooses.
PathRule = t.Literal["target", "source", "chosen"]
# By what it is proven that two hosts have one pool: a volume that one makes and the other sees, or what the pools name.
Sharing = t.Literal["never", "probe", "source"]
Operation = t.Literal[
    "register",
    "capture",
    "capture live",
    "clone linked",
    "clone reflink",
    "clone full",
    "clone streamed",
    "clone warm",
    "resize",
    "move in precopy",
    "move in postcopy",
    "move in streaming",
    "move in offline",
    "move out precopy",
    "move out postcopy",
    "move out streaming",
    "move out offline",
    "remove",
    "measure",
]

OPERATIONS: t.Final[tuple[Operation, ...]] = t.get_args(Operation)
_CLONES: t.Final = tuple(name for name in OPERATIONS if name.startswith("clone "))
_MOVES_IN: t.Final = tuple(name for name in OPERATIONS if name.startswith("move in "))
_MOVES_OUT: t.Final = tuple(name for name in OPERATIONS if name.startswith("move out "))
_MAKING: t.Final[tuple[Operation, ...]] = ("register", *_CLONES, "resize", *_MOVES_IN)

_NOT_FILES: t.Final = "whose volumes are not files"
_NOT_RUN: t.Final = "with which this release was never run"


class PoolRefusal(t.NamedTuple):
    """Why an operation is not carried out, and what to do instead; the remedy is a sentence of its own."""

    detail: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.detail}. {self.remedy}"


@dataclasses.dataclass(frozen=True)
class PoolKind:
    """A type of pool. ``formats`` are those that a volume may be given.

    ``carries_overlays`` says that an overlay, in a pool of files, can stand on one of its volumes; ``is_remote`` that
    the pool names storage that another host can have as well, ``clones_begin_empty`` that a copy of a volume takes
    nothing at first. ``refusals`` are {operation: why not}, as the end of a sentence about the pool; all else is
    carried out. ``hint`` is what else helps whoever would make a volume there; ``run_on`` says where the type was run.
    """

    type: str
    volumes: Volumes
    formats: tuple[str, ...] = ("raw",)
    carries_overlays: bool = True
    allocation: Allocation = "grows"
    path: PathRule = "target"
    is_remote: bool = False
    sharing: Sharing = "never"
    clones_begin_empty: bool = False
    refusals: t.Mapping[Operation, str] = dataclasses.field(default_factory=dict)
    hint: str = ""
    run_on: str = ""

    @property
    def holds_overlays(self) -> bool:
        """Whether an overlay can lie in the pool."""
        return "qcow2" in self.formats


def _refuse(reason: str, *operations: Operation) -> dict[Operation, str]:
    return dict.fromkeys(operations, reason)


def _make_kind_of_files(pool_type: str, **facts: t.Any) -> PoolKind:
    return PoolKind(pool_type, "file", ("raw", "qcow2"), sharing="probe", **facts)


# A device has no time of its last write, so that nobody can tell whether somebody wrote while it was copied. Its
# deletion takes snapshots along that others made of it (lvremove --force).
_OF_BLOCKS: t.Final[t.Mapping[Operation, str]] = types.MappingProxyType(
    {
        **_refuse(_NOT_FILES, *_MAKING, "capture live", "move out streaming"),
        **_refuse("whose volumes do not tell when they were written to last", "move out offline"),
        **_refuse("whose volumes this release deletes none of", "remove"),
    }
)
_OF_NETWORKS: t.Final[t.Mapping[Operation, str]] = types.MappingProxyType(
    {
        **_OF_BLOCKS,
        **_refuse(_NOT_FILES, *_MOVES_OUT),
        **_refuse("whose volumes libvirt does not read out", "capture"),
    }
)
_NO_CAPTURE: t.Final = _refuse("of whose volumes this release never captured one", "capture")
# Clones are Ceph's own copy-on-write, by libvirt; hosts of one cluster have all images, so that none is copied.
_OF_RBD: t.Final[t.Mapping[Operation, str]] = types.MappingProxyType(
    {
        **_refuse("where no overlay can lie beside a volume", "clone warm"),
        **_refuse("where files are none that could share blocks", "clone reflink"),
        **_refuse("where this release makes no copies of images", "clone full", "clone streamed"),
        **_refuse("into which this release copies no disk of a guest", *_MOVES_IN),
        **_refuse("out of which this release copies no disk of a guest", *_MOVES_OUT),
    }
)

_KINDS: t.Final = (
    _make_kind_of_files("dir", run_on="the lab"),
    _make_kind_of_files("fs"),
    _make_kind_of_files(
        "netfs", is_remote=True, run_on="the lab (glusterfs), a virtual machine (NFS)"
    ),
    PoolKind(
        "logical",
        "block",
        allocation="whole",
        refusals=_OF_BLOCKS,
        run_on="a virtual machine: capture alone",
    ),
    PoolKind(
        "disk", "block", allocation="whole", path="chosen", refusals={**_OF_BLOCKS, **_NO_CAPTURE}
    ),
    PoolKind(
        "iscsi",
        "block",
        allocation="none",
        path="chosen",
        is_remote=True,
        sharing="source",
        refusals={**_OF_BLOCKS, **_NO_CAPTURE},
    ),
    PoolKind(
        "iscsi-direct",
        "network",
        allocation="none",
        path="chosen",
        is_remote=True,
        sharing="source",
        refusals=_OF_NETWORKS,
        run_on="the lab: disks of guests that stay where they are",
    ),
    PoolKind(
        "scsi",
        "block",
        allocation="none",
        path="chosen",
        refusals={**_OF_BLOCKS, **_NO_CAPTURE},
    ),
    PoolKind(
        "mpath",
        "block",
        allocation="none",
        path="chosen",
        refusals={**_OF_BLOCKS, **_NO_CAPTURE},
    ),
    PoolKind(
        "rbd",
        "network",
        path="source",
        is_remote=True,
        sharing="source",
        clones_begin_empty=True,
        refusals=_OF_RBD,
        run_on="the lab",
    ),
    PoolKind("zfs", "block", refusals={**_OF_BLOCKS, **_NO_CAPTURE}),
    PoolKind(
        "gluster",
        "network",
        carries_overlays=False,
        allocation="none",
        path="chosen",
        is_remote=True,
        sharing="source",
        refusals=_OF_NETWORKS,
        hint="Mounted, the same storage has files: define a pool of the type netfs with the format glusterfs.",
    ),
    PoolKind(
        "sheepdog",
        "network",
        carries_overlays=False,
        path="chosen",
        is_remote=True,
        sharing="source",
        refusals=_OF_NETWORKS,
    ),
    _make_kind_of_files(
        "vstorage",
        is_remote=True,
        refusals=_refuse(_NOT_RUN, "capture", "capture live", *_MAKING, *_MOVES_OUT, "remove"),
        hint="Over the folder where it is mounted, a pool of the type dir does.",
    ),
)
KINDS: t.Final[t.Mapping[str, PoolKind]] = types.MappingProxyType(
    {kind.type: kind for kind in _KINDS}
)


def name_operation(*words: str) -> Operation:
    """Return the operation of these words, such as ``clone`` and a mode; raises ValueError for one that is none."""
    name = " ".join(words)
    if name not in OPERATIONS:
        raise ValueError(f"{name!r} is no operation on a pool")
    return name


def find_kind(pool_type: str) -> PoolKind | None:
    """Return what is known of a type of pool; None for one that this release does not know."""
    return KINDS.get(pool_type)


def holds_files(pool_type: str) -> bool:
    """Return whether the volumes of such a pool are files, as far as this release knows."""
    kind = find_kind(pool_type)
    return kind is not None and kind.volumes == "file"


def list_types(operation: Operation) -> tuple[str, ...]:
    """Return the types of pools with which the operation is carried out."""
    return tuple(sorted(kind.type for kind in _KINDS if operation not in kind.refusals))


def find_refusal(pool_name: str, pool_type: str, operation: Operation) -> PoolRefusal | None:
    """Return why the operation is not carried out with that pool; None where it is."""
    kind = find_kind(pool_type)
    reason = "which this release does not know" if kind is None else kind.refusals.get(operation)
    if reason is None:
        return None
    detail = f"the pool {pool_name!r} is of the type {pool_type!r}, {reason}"
    if kind is None:
        return PoolRefusal(detail, _find_remedy(operation))
    hint = f" {kind.hint}" if kind.hint and operation in _MAKING else ""
    return PoolRefusal(detail, f"{_find_remedy(operation, kind.refusals)}{hint}")


def require(option: str, pool_name: str, pool_type: str, operation: Operation) -> None:
    """Raise Unsupported, with the ``option`` that names the pool, unless the operation is carried out with it."""
    refusal = find_refusal(pool_name, pool_type, operation)
    if refusal is not None:
        raise Unsupported(f"{option}: {refusal}", pool=pool_name, operation=operation)


def check_volume(
    pool_name: str,
    pool_type: str,
    volume: str,
    volume_format: str | None,
    allocation_bytes: int,
    capacity_bytes: int,
) -> None:
    """Raise Unsupported for a new volume that libvirt would not make as it is told to.

    Of a volume group it takes a snapshot of 4 MiB when less than the capacity is to be allocated, and reports success.
    """
    kind = find_kind(pool_type)
    if kind is None or kind.allocation == "none":
        raise Unsupported(
            f"the pool {pool_name!r} is of the type {pool_type!r}, in which no volume {volume!r} can be made. "
            f"{_find_remedy('register')}",
            pool=pool_name,
        )
    if kind.volumes != "file" and volume_format not in (None, *kind.formats):
        raise Unsupported(
            f"the pool {pool_name!r} is of the type {pool_type!r}, whose volumes are {' or '.join(kind.formats)}, and "
            f"{volume!r} would be {volume_format}. {_find_remedy('register')}",
            pool=pool_name,
        )
    if kind.allocation == "whole" and allocation_bytes < capacity_bytes:
        raise Unsupported(
            f"the pool {pool_name!r} is of the type {pool_type!r}, whose volumes take all of their capacity, and "
            f"{volume!r} would take {allocation_bytes} of {capacity_bytes} bytes. {_find_remedy('register')}",
            pool=pool_name,
        )


def _find_remedy(operation: Operation, refusals: t.Container[Operation] = ()) -> str:
    if operation in _MAKING:
        return f"Name a pool of one of the types {', '.join(list_types(operation))}."
    instead = _INSTEAD.get(operation)
    return _REMEDIES[instead if instead is not None and instead in refusals else operation]


# What a remedy asks for, which may be refused as well.
_INSTEAD: t.Final[t.Mapping[Operation, Operation]] = {
    "capture live": "capture",
    "move out streaming": "move out precopy",
    "move out offline": "move out precopy",
}
_STAY: t.Final = "Put the disk on storage that both hosts have, and write copy_storage: none; or detach it first."
_REMEDIES: t.Final[t.Mapping[Operation, str]] = {
    "capture": "Copy the disk into a file (qemu-img convert), and register that with source.file.",
    "capture live": "Shut the guest down first, or write source.when_running: shutdown.",
    "move out precopy": _STAY,
    "move out postcopy": _STAY,
    "move out streaming": "Write mode: precopy.",
    "move out offline": "Start the guest, and move it while it runs.",
    "remove": "Delete it by hand once nothing needs it (virsh vol-delete).",
    "measure": "Measure it by the tools of that storage.",
}
