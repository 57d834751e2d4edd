# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Files in folders that other users may reach: replaced as a whole, and opened only where they are one's own.

A file that another user made, or to which another name leads, is never written to and never believed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import stat
import tempfile
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput, NoSpace

_REMEDY: t.Final = "Give the absolute path of a file in a directory that the task may write to."
_ROOT: t.Final = 0
_RUNTIME_FOLDER: t.Final = "/run/headroom"


class ForeignFile(OSError):
    """A file or folder that is not this user's alone; ``strerror`` says why."""

    def __init__(self, path: str | pathlib.Path, problem: str) -> None:
        super().__init__(errno.EPERM, problem, str(path))


def find_runtime_folder() -> pathlib.Path:
    """Return the folder for what lives as long as a task does: root's, or one of the user's own."""
    if os.geteuid() == _ROOT:
        return pathlib.Path(_RUNTIME_FOLDER)
    runtime = pathlib.Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    if runtime.is_absolute():
        return runtime / "headroom"
    return pathlib.Path("~/.local/state/headroom").expanduser()


def ensure_private_folder(folder: pathlib.Path) -> None:
    """Make a folder for this user alone, if it is not there; raises OSError, ForeignFile for one of somebody else."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_folder(folder.parent)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        facts = os.fstat(descriptor)
        if facts.st_uid != os.geteuid():
            raise ForeignFile(folder, f"belongs to another user (uid {facts.st_uid})")
        if stat.S_IMODE(facts.st_mode) & 0o077:
            os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def check_folder(folder: pathlib.Path, *, may_be_shared: bool = True) -> None:
    """Raise ForeignFile where another user decides what the path of a folder leads to; raises OSError.

    One in which others may make files ``may_be_shared`` where each file is opened by open_own() or replaced.
    """
    for place in (folder, *folder.parents):
        facts = place.lstat()
        if stat.S_ISLNK(facts.st_mode) and facts.st_uid not in (_ROOT, os.geteuid()):
            raise ForeignFile(place, "is a symbolic link of another user")
    if may_be_shared:
        return
    place = folder.resolve()
    facts = place.stat()
    if facts.st_uid not in (_ROOT, os.geteuid()):
        raise ForeignFile(place, f"belongs to another user (uid {facts.st_uid})")
    if facts.st_mode & stat.S_IWOTH:
        raise ForeignFile(place, "is a folder in which every user may write")
    for parent in place.parents:
        mode = parent.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise ForeignFile(parent, "is a folder in which every user may move things")


def open_own(path: str | pathlib.Path, flags: int, mode: int = 0o600) -> int:
    """Return a descriptor of a regular file that belongs to this user or root and has no other name.

    ``flags`` are those of os.open(); with O_CREAT it is made with ``mode``. Raises OSError, ForeignFile for what others
    have made: a file, a hard link, a symbolic link, or a pipe.
    """
    safely = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        descriptor = os.open(path, (flags & ~os.O_TRUNC) | safely, mode)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ForeignFile(path, "is a symbolic link") from error
        raise
    try:
        _require_own(path, os.fstat(descriptor))
        if flags & os.O_TRUNC:
            os.ftruncate(descriptor, 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _find_problem(facts: os.stat_result) -> str | None:
    if not stat.S_ISREG(facts.st_mode):
        return "is not a regular file"
    if facts.st_uid not in (_ROOT, os.geteuid()):
        return f"belongs to another user (uid {facts.st_uid})"
    if facts.st_nlink > 1:
        return "has another name (a hard link)"
    if facts.st_mode & stat.S_IWOTH:
        return "may be written by every user"
    return None


def _require_own(path: str | pathlib.Path, facts: os.stat_result) -> None:
    problem = _find_problem(facts)
    if problem is not None:
        raise ForeignFile(path, problem)


def check_own(path: str) -> None:
    """Raise ForeignFile for a file that open_own() would refuse, without opening it; nothing where none is."""
    try:
        facts = os.lstat(path)
    except FileNotFoundError:
        return
    if stat.S_ISLNK(facts.st_mode):
        raise ForeignFile(path, "is a symbolic link")
    _require_own(path, facts)


def read_own(path: str | pathlib.Path) -> bytes:
    """Return what a file holds that open_own() opens; raises what that does."""
    with os.fdopen(open_own(path, os.O_RDONLY), "rb") as file:
        return file.read()


def write_atomically(option: str, path: str, text: str, mode: int) -> None:
    """Put ``text`` in the place of what ``path`` (the value of ``option``) holds: readers see the old or the new.

    Missing directories are made. Raises InvalidInput for a path that cannot be used, NoSpace for a full disk.
    """
    replace_atomically(option, path, text.encode(), mode)


def replace_atomically(option: str, path: str, content: bytes, mode: int) -> None:
    """As write_atomically(), for bytes."""
    file = pathlib.Path(path)
    if not file.is_absolute() or file.is_dir():
        raise InvalidInput(option, path, "is not the absolute path of a file", _REMEDY)
    try:
        file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        check_folder(file.parent)
        _replace(file, content, mode)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(
                f"{option}: there is no room left for {path}. Free some.", option=option
            ) from error
        raise InvalidInput(option, path, f"cannot be written: {error.strerror}", _REMEDY) from error


def _replace(file: pathlib.Path, content: bytes, mode: int) -> None:
    # Beside it, since only within a file system a rename is atomic; hidden, since collectors read whole directories.
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    temporary = pathlib.Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
            os.fchmod(stream.fileno(), mode)
        temporary.replace(file)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        raise
