# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is built once and used by every lab of this user: host root file systems and the guest's image.

An item is a directory named after a hash of its recipe. It is built under another name and renamed when it is whole,
under a lock, so an interrupted build is never used and two builders do not clash.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import typing as t
from contextlib import contextmanager
from pathlib import Path

from .shell import say


def directory() -> Path:
    """The cache's directory; it may not exist yet."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "headroom-libvirt" / "lab"


def item_name(kind: str, *recipe: str) -> str:
    """Name of the item that this recipe makes: the kind and a hash."""
    return f"{kind}-{hashlib.sha256(chr(0).join(recipe).encode()).hexdigest()[:12]}"


def obtain(name: str, build: t.Callable[[Path], None]) -> Path:
    """The item's directory; when it is missing, `build` fills an empty one."""
    item = directory() / name
    if item.is_dir():
        return item
    item.parent.mkdir(parents=True, exist_ok=True)
    with locked(item.with_name(f".{name}.lock"), f"another process builds {name}; waiting for it"):
        if not item.is_dir():
            partial = item.with_name(f".{name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            try:
                build(partial)
                partial.rename(item)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    return item


@contextmanager
def locked(path: Path, waiting: str) -> t.Iterator[None]:
    """Hold an exclusive lock on a file, which must not be removed by others; says `waiting` when it has to wait."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(waiting)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def items() -> list[tuple[str, int]]:
    """Name and size in bytes of every item, half-built ones included (their names start with a dot)."""
    if not directory().is_dir():
        return []
    return [
        (path.name, _disk_usage(path)) for path in sorted(directory().iterdir()) if path.is_dir()
    ]


def clean() -> None:
    """Remove every item. The caller makes sure that no lab stands on one."""
    shutil.rmtree(directory(), ignore_errors=True)


def _disk_usage(path: Path) -> int:
    files = (Path(parent) / name for parent, _dirs, names in os.walk(path) for name in names)
    return sum(file.lstat().st_blocks * 512 for file in files)
