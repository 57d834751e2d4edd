# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""unpack() a compressed image: into a file without a name, with holes, and never more than is allowed."""

from __future__ import annotations

import bz2
import contextlib
import errno
import gzip
import lzma
import os
import shutil
import subprocess
import tempfile
import typing as t
import zlib

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    InvalidInput,
    MissingDependency,
    NoSpace,
)

if t.TYPE_CHECKING:
    from pathlib import Path

_CHUNK_BYTES: t.Final = 1024 * 1024
_ZEROS: t.Final = bytes(_CHUNK_BYTES)
# The window of xz -9 is 64 MiB; a header can claim gigabytes.
_MEMORY_BYTES: t.Final = 256 * 1024 * 1024
_DAMAGE: t.Final = (OSError, EOFError, lzma.LZMAError, zlib.error)


@contextlib.contextmanager
def unpack(
    option: str, path: str, descriptor: int, compression: str, folder: Path, limit: int
) -> t.Iterator[int]:
    """Yield a descriptor of what the open file unpacks to; it vanishes by itself, even when the task is killed.

    Raises InvalidInput naming ``option`` and ``path`` for what is damaged, or longer than ``limit`` bytes unpacked.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as target, contextlib.ExitStack() as stack:
        read, size = _open_reader(stack, descriptor, compression), 0
        for chunk in _read_chunks(option, path, read):
            size += len(chunk)
            if size > limit:
                raise InvalidInput(
                    option,
                    path,
                    f"unpacks to more than the {limit} bytes that are allowed",
                    "If that is right, say max_size.",
                )
            _write(target.fileno(), chunk, size - len(chunk), folder)
        os.ftruncate(target.fileno(), size)
        yield target.fileno()


def unpack_head(option: str, path: str, content: bytes, compression: str, count: int) -> bytes:
    """Return the first ``count`` bytes that the beginning of a compressed file unpacks to, as far as it reaches."""
    unpacked = b""
    with tempfile.TemporaryFile() as source:
        source.write(content)
        source.flush()
        with contextlib.suppress(InvalidInput), contextlib.ExitStack() as stack:
            for chunk in _read_chunks(
                option, path, _open_reader(stack, source.fileno(), compression), count
            ):
                unpacked += chunk
                if len(unpacked) >= count:
                    break
    return unpacked[:count]


def _read_chunks(
    option: str, path: str, read: t.Callable[[int], bytes], amount: int = _CHUNK_BYTES
) -> t.Iterator[bytes]:
    try:
        while chunk := read(amount):
            yield chunk
    except _DAMAGE as error:
        raise InvalidInput(
            option, path, f"cannot be unpacked: {error}", "Copy it again."
        ) from error


def _write(descriptor: int, chunk: bytes, position: int, folder: Path) -> None:
    if chunk == _ZEROS[: len(chunk)]:
        return
    try:
        while chunk:
            written = os.pwrite(descriptor, chunk, position)
            chunk, position = chunk[written:], position + written
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise NoSpace(
            f"download_dir: {folder} is full. Free some, or name another folder."
        ) from error


def _open_reader(
    stack: contextlib.ExitStack, descriptor: int, compression: str
) -> t.Callable[[int], bytes]:
    os.lseek(descriptor, 0, os.SEEK_SET)
    source = stack.enter_context(os.fdopen(os.dup(descriptor), "rb"))
    if compression == "zstd":
        return stack.enter_context(_open_zstd(source))
    if compression == "xz":
        return _XzReader(source).read
    stream = gzip.GzipFile(fileobj=source) if compression == "gzip" else bz2.BZ2File(source)
    return stack.enter_context(stream).read


class _XzReader:
    """Reads streams of xz one after another, with bounded memory, which lzma.LZMAFile does not offer."""

    def __init__(self, source: t.IO[bytes]) -> None:
        self._source = source
        self._stream: lzma.LZMADecompressor | None = None
        self._rest = b""

    def read(self, count: int) -> bytes:
        """Return up to ``count`` bytes, nothing at the end; raises EOFError for a stream that was cut off."""
        while True:
            if self._stream is None or self._stream.eof:
                rest = self._rest if self._stream is None else self._stream.unused_data
                self._rest = rest.lstrip(b"\0") or self._source.read(_CHUNK_BYTES).lstrip(b"\0")
                if not self._rest:
                    return b""
                self._stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY_BYTES)
            elif (
                self._stream.needs_input is True
            ):  # the comparison is for pylint, which takes it for a method
                self._rest = self._source.read(_CHUNK_BYTES)
                if not self._rest:
                    raise EOFError("it ends in the middle")
            chunk = self._stream.decompress(self._rest, count)
            self._rest = b""
            if chunk:
                return chunk


@contextlib.contextmanager
def _open_zstd(source: t.IO[bytes]) -> t.Iterator[t.Callable[[int], bytes]]:
    """Python knows zstd from 3.14 on only."""
    if shutil.which("zstd") is None:
        raise MissingDependency(
            "zstd is not installed where this module runs, and the image is compressed by it. Install the package "
            "zstd.",
            library="zstd",
        )
    command = ["zstd", "-dcq", f"--memory={_MEMORY_BYTES}"]
    with subprocess.Popen(
        command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        output = t.cast(t.IO[bytes], process.stdout)

        def read(count: int) -> bytes:
            chunk = output.read(count)
            if not chunk and process.wait() != 0:
                raise EOFError("it ends in the middle or is damaged")
            return chunk

        try:
            yield read
        finally:
            process.kill()
