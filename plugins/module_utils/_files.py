# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Replace files that others read meanwhile: they see the old content or the new, never a part."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import tempfile

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput, NoSpace

_REMEDY = "Give the absolute path of a file in a directory that the task may write to."


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
