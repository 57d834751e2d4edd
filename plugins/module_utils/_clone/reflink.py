# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Files that are copied, or share their blocks until one is written to (reflinks), where this runs."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import os
import threading
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    NoSpace,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._parallel import run_all

# libvirt has VIR_STORAGE_VOL_CREATE_REFLINK, but only between raw volumes. The number is for Python before 3.12.
_FICLONE = getattr(fcntl, "FICLONE", 0x40049409)
_PIECE_BYTES: t.Final = 1 << 24
_BUFFER_BYTES: t.Final = 1 << 20
_AT_ONCE: t.Final = 2
_UNSUPPORTED = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL)


def find_obstacle(source: str, directory: str) -> str | None:
    """Return why no file in ``directory`` can share the blocks of ``source``, in a sentence; None when one can.

    Tries it, with a file that has no name and is gone at once.
    """
    try:
        with (
            _open_file(source, os.O_RDONLY) as original,
            _open_file(directory, os.O_TMPFILE | os.O_RDWR) as copy,
        ):
            fcntl.ioctl(copy.fileno(), _FICLONE, original.fileno())
    except FileNotFoundError:
        return (
            f"{source} and {directory} are not both on the machine where this module runs, and it "
            "shares blocks itself."
        )
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            return (
                f"the file system of {directory} cannot share the blocks of {source} (XFS and "
                "btrfs can, within one)."
            )
        return f"{directory} cannot be written to by this module: {error.strerror}."
    return None


def share(source: str, target: str) -> None:
    """Give the existing file ``target`` the content of ``source``, without copying it.

    Raises Unsupported when the file system cannot, NoSpace when it is full.
    """
    try:
        with (
            _open_file(source, os.O_RDONLY) as original,
            _open_file(target, os.O_WRONLY | os.O_TRUNC) as copy,
        ):
            fcntl.ioctl(copy.fileno(), _FICLONE, original.fileno())
    except OSError as error:
        problem = f"{target} could not share the blocks of {source}: {error.strerror}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(f"{problem}. Free some.") from error
        if error.errno in _UNSUPPORTED:
            raise Unsupported(f"{problem}. Use mode: full or linked.") from error
        raise HeadroomError(problem) from error


def copy(source: str, target: str, *, may_share: bool = True) -> bool:
    """Give the existing file ``target`` the content of ``source``; its blocks, where it may and the file system can.

    Holes stay holes. Returns False when both are not files that this machine can reach. Raises NoSpace when the file
    system is full.
    """
    try:
        with (
            _open_file(source, os.O_RDONLY) as original,
            _open_file(target, os.O_WRONLY) as target_file,
        ):
            # Not quite emptied: ext4 would have all of it on the disk at once, as for files that are replaced so.
            target_file.truncate(1)
            os.pwrite(target_file.fileno(), b"\0", 0)
            if not (may_share and _try_to_share(original.fileno(), target_file.fileno())):
                _send(original.fileno(), target_file.fileno())
            target_file.truncate(os.fstat(original.fileno()).st_size)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(
                f"{target} could not take the content of {source}: {error.strerror}. Free some."
            ) from error
        return False
    return True


def write_back(paths: t.Iterable[str]) -> threading.Thread:
    """Have what these files hold written to the disk in the background; return the thread that waits for it.

    For files whose next user would wait for it at an inconvenient time. One that cannot be reached is left to them.
    """

    def sync() -> None:
        for path in paths:
            with contextlib.suppress(OSError), _open_file(path, os.O_RDONLY) as file:
                os.fsync(file.fileno())

    thread = threading.Thread(target=sync, name="write-back", daemon=True)
    thread.start()
    return thread


def _try_to_share(original: int, target: int) -> bool:
    try:
        fcntl.ioctl(target, _FICLONE, original)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        return False
    return True


def _send(original: int, target: int) -> None:
    """Copy what is between the holes.

    Two at once, each through a buffer that stays in the processor's cache: while one holds the file to write to it, the
    other reads. That is faster than ``sendfile`` and ``copy_file_range``, which do both under the file's lock.
    """
    run_all(
        [
            functools.partial(_send_piece, original, target, piece)
            for piece in _split_data(original)
        ],
        _AT_ONCE,
    )


def _split_data(file: int) -> t.Iterator[tuple[int, int]]:
    """Yield the file's data as (begin, end), without the holes, none longer than a piece."""
    size, begin = os.fstat(file).st_size, 0
    while begin < size:
        try:
            begin = os.lseek(file, begin, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole is left
                return
            raise
        hole = os.lseek(file, begin, os.SEEK_HOLE)
        for piece in range(begin, hole, _PIECE_BYTES):
            yield piece, min(piece + _PIECE_BYTES, hole)
        begin = hole


def _send_piece(original: int, target: int, piece: tuple[int, int]) -> None:
    offset, end = piece
    buffer = memoryview(bytearray(min(_BUFFER_BYTES, end - offset)))
    while offset < end:
        count = os.preadv(original, [buffer[: end - offset]], offset)
        if not count:  # it was cut off meanwhile
            return
        # What was not written is read again.
        offset += os.pwrite(target, buffer[:count], offset)


def _open_file(path: str, flags: int) -> t.BinaryIO:
    return os.fdopen(
        os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600),
        "rb" if flags == os.O_RDONLY else "wb",
    )
