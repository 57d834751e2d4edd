# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""fetch(): a large file from a web server, continued where it broke off, checked as it comes, gone after its use.

What has arrived of a file lies in ``….part``; ``….json`` beside it says by which validator the server can tell
whether it still has the same content (RFC 9110, 13.1.5), without which nothing is continued.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import hashlib
import json
import os
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ChecksumMismatch,
    Conflict,
    InvalidInput,
    NoSpace,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._files import (
    ForeignFile,
    check_folder,
    open_own,
    read_own,
    write_atomically,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri

from . import transfer
from .errors import TooLarge, TransferFailed, Truncated

if t.TYPE_CHECKING:
    from pathlib import Path

    from .entry import Checksum
    from .transfer import Answer, Web

_ATTEMPTS: t.Final = 4
_PREFIX: t.Final = "headroom-download."  # others may keep files in the same folder
_FORGOTTEN_AFTER_SECONDS: t.Final = 7 * 86400


@dataclasses.dataclass(frozen=True)
class Download:
    """A file to fetch: what its content must be, where that is known. ``limit`` is the most that is taken, in bytes."""

    url: str
    limit: int
    size_bytes: int | None = None
    checksum: Checksum | None = None

    @property
    def key(self) -> str:
        """What names its temporary file: another content has another one."""
        return hashlib.sha256(
            f"{self.url}\n{self.checksum}\n{self.size_bytes}".encode()
        ).hexdigest()[:32]

    @property
    def algorithm(self) -> str:
        """How it is hashed."""
        return "sha256" if self.checksum is None else self.checksum.algorithm


@contextlib.contextmanager
def fetch(web: Web, download: Download, folder: Path) -> t.Iterator[int]:
    """Yield a descriptor of the whole file, which is what it must be; it is gone afterwards.

    What had arrived stays only where a transfer broke off, for the next run. Raises Truncated, TooLarge,
    ChecksumMismatch, TransferFailed, NoSpace, Conflict while another run fetches the same.
    """
    with _Partial.open_locked(folder, download) as partial:
        try:
            _fetch(web, download, partial)
        except TransferFailed:
            raise
        except BaseException:
            partial.discard()
            raise
        try:
            yield partial.descriptor
        finally:
            partial.discard()


def _fetch(web: Web, download: Download, partial: _Partial) -> None:
    for attempts_left in reversed(range(_ATTEMPTS)):
        before = partial.size
        try:
            _continue(web, download, partial)
            break
        except transfer.NotSatisfiable:
            if before == 0:
                raise
            partial.restart(None)
        except Truncated:
            if not attempts_left or partial.size <= before:
                raise
    _check(download, partial)


def _continue(web: Web, download: Download, partial: _Partial) -> None:
    """Fetch the rest, or all of it again where the server has another content by now or cannot give a part."""
    headers = {}
    if partial.size and partial.validator:
        if partial.size == download.size_bytes:
            return
        headers = {"Range": f"bytes={partial.size}-", "If-Range": partial.validator}
    with transfer.open_answer(web, download.url, headers) as answer:
        if not (headers and answer.status == 206 and _starts_at(answer, partial.size)):
            partial.restart(_choose_validator(answer))
        _check_room(answer, partial)
        for chunk in transfer.read_chunks(web, answer, download.url, download.limit - partial.size):
            partial.append(chunk)


def _starts_at(answer: Answer, position: int) -> bool:
    return answer.headers.get("Content-Range", "").startswith(f"bytes {position}-")


def _choose_validator(answer: Answer) -> str | None:
    """Return a strong ETag, or the time of the last change; a weak ETag says nothing about bytes."""
    tag = answer.headers.get("ETag", "")
    return tag if tag.startswith('"') else answer.headers.get("Last-Modified") or None


def _check_room(answer: Answer, partial: _Partial) -> None:
    length, free = transfer.read_length(answer), partial.free_bytes()
    if length is not None and length > free:
        raise NoSpace(
            f"download_dir: {partial.path.parent} has {free} bytes free, but {length} are to come. Free some, or name "
            "another folder.",
            available_bytes=free,
            needed_bytes=length,
        )


def _check(download: Download, partial: _Partial) -> None:
    url = mask_uri(download.url)
    if download.size_bytes is not None and partial.size < download.size_bytes:
        raise Truncated(
            f"{url} is {partial.size} bytes long, not {download.size_bytes}: it is truncated. It is not used."
        )
    if download.size_bytes is not None and partial.size > download.size_bytes:
        raise TooLarge(
            f"{url} is {partial.size} bytes long, not {download.size_bytes}. It is not used."
        )
    digits = partial.hash.hexdigest()
    if download.checksum is not None and digits != download.checksum.digits:
        raise ChecksumMismatch(
            f"{url} has the {download.algorithm.upper()} {digits}, not {download.checksum.digits}: it is not what was "
            "published. It is not used.",
            expected=download.checksum.digits,
            found=digits,
        )


class _Partial:
    """What has arrived of a file."""

    def __init__(self, path: Path, descriptor: int, algorithm: str) -> None:
        self.path = path
        self.descriptor = descriptor
        self._algorithm = algorithm
        self.validator = _read_validator(self._note)
        self.size = 0
        self.hash = hashlib.new(algorithm)
        if self.validator:
            self._take_up()

    @classmethod
    @contextlib.contextmanager
    def open_locked(cls, folder: Path, download: Download) -> t.Iterator[_Partial]:
        """Yield the partial file, which is this run's alone."""
        path = folder / f"{_PREFIX}{download.key}.part"
        descriptor = _open(folder, path)
        try:
            _lock(descriptor, download)
            yield cls(path, descriptor, download.algorithm)
        finally:
            os.close(descriptor)

    @property
    def _note(self) -> Path:
        return self.path.with_suffix(".json")

    def _take_up(self) -> None:
        while chunk := os.pread(self.descriptor, transfer.CHUNK_BYTES, self.size):
            self.hash.update(chunk)
            self.size += len(chunk)

    def restart(self, validator: str | None) -> None:
        """Forget what has arrived; what comes next has ``validator``."""
        os.ftruncate(self.descriptor, 0)
        self.size, self.hash, self.validator = 0, hashlib.new(self._algorithm), validator
        if validator is None:
            self._note.unlink(missing_ok=True)
        else:
            note = json.dumps({"validator": validator})
            write_atomically("download_dir", str(self._note), note, 0o600)

    def append(self, chunk: bytes) -> None:
        """Add what came next."""
        rest = memoryview(chunk)
        while rest:
            try:
                written = os.pwrite(self.descriptor, rest, self.size)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                raise NoSpace(
                    f"download_dir: {self.path.parent} is full. Free some, or name another folder."
                ) from error
            self.hash.update(rest[:written])
            self.size += written
            rest = rest[written:]

    def discard(self) -> None:
        """Remove the file's name; who has it open can still read it."""
        self._note.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """Return what the file system has left."""
        facts = os.fstatvfs(self.descriptor)
        return facts.f_bavail * facts.f_frsize


def _open(folder: Path, path: Path) -> int:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _forget_old(folder)
        check_folder(folder)
        return open_own(path, os.O_RDWR | os.O_CREAT)
    except ForeignFile as error:
        raise InvalidInput(
            "download_dir",
            str(folder),
            f"cannot be used, since {error.filename} {error.strerror}",
            "Remove that, or name a folder where nobody else may write.",
        ) from error
    except OSError as error:
        raise InvalidInput(
            "download_dir",
            str(folder),
            f"cannot be written: {error.strerror}",
            "Name a folder that the task may write to.",
        ) from error


def _lock(descriptor: int, download: Download) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Conflict(
            f"another run is fetching {mask_uri(download.url)}. Run the task again when it is done."
        ) from error


def _forget_old(folder: Path) -> None:
    """Remove what was never continued."""
    for path in folder.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - path.lstat().st_mtime > _FORGOTTEN_AFTER_SECONDS:
                path.unlink()


def _read_validator(note: Path) -> str | None:
    try:
        data = json.loads(read_own(note))
    except (OSError, ValueError, RecursionError):
        return None
    value = data.get("validator") if isinstance(data, dict) else None
    return value if isinstance(value, str) and value.isprintable() else None
