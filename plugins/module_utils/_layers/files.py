# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Whether two paths lead to one file, and what an image says that it stands on; as well as the machine can tell."""

from __future__ import annotations

import os
import pathlib
import posixpath
import re
import stat
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._image import header

Key = t.Hashable


class Files:
    """The files of one host. Where it is not the machine that this runs on, paths are all that is known of them."""

    def __init__(self, *, is_local: bool) -> None:
        self._is_local = is_local
        self._keys: dict[str, tuple[Key, ...]] = {}

    def identify(self, path: str) -> tuple[Key, ...]:
        """Return what identifies the file at ``path``: two paths lead to one file when they have a key in common."""
        if path not in self._keys:
            self._keys[path] = self._find_keys(path)
        return self._keys[path]

    def _find_keys(self, path: str) -> tuple[Key, ...]:
        # of an image in Ceph libvirt says POOL/NAME; two clusters may have the same, which then count as one
        if not path.startswith("/"):
            return (("image", path),)
        keys: list[Key] = [_normalise(path), *_name_logical_volume(path)]
        if self._is_local:
            keys.append(os.path.realpath(path))
            try:
                facts = pathlib.Path(path).stat()  # follows links, as QEMU does
            except (
                OSError
            ):  # not there, or not for us to see: then the path alone says which file it is
                return tuple(dict.fromkeys(keys))
            keys.append(
                ("device", facts.st_rdev)
                if stat.S_ISBLK(facts.st_mode)
                else ("inode", facts.st_dev, facts.st_ino)
            )
        return tuple(dict.fromkeys(keys))

    def read_backing(self, path: str) -> header.Backing | None:
        """Return what the qcow2 image at ``path`` names as the file below it; None for nothing, or nothing to be read.

        To be asked only of a file that its definition declares as qcow2: in a raw disk the guest could have written it.
        """
        backing = header.read_backing(self._read_head(path))
        return (
            None
            if backing is None
            else header.Backing(resolve_path(path, backing.path), backing.format)
        )

    def read_data_file(self, path: str) -> str | None:
        """Return the path of the file in which the qcow2 image at ``path`` keeps its data, as read_backing()."""
        name = header.read_data_file(self._read_head(path))
        return None if name is None else resolve_path(path, name)

    def _read_head(self, path: str) -> bytes:
        if not self._is_local:
            return b""
        try:
            # without waiting for whoever writes into a named pipe
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return b""
        try:
            return os.read(descriptor, header.HEADER_BYTES)
        except OSError:
            return b""
        finally:
            os.close(descriptor)


def resolve_path(image_path: str, name: str) -> str:
    """Return the path of a file that an image names; it may do so as seen from its own folder."""
    return _normalise(posixpath.join(posixpath.dirname(image_path), name))


def _name_logical_volume(path: str) -> list[str]:
    """Return the other name of a logical volume that is named as the device mapper does: a hyphen in it is doubled."""
    match = re.fullmatch(r"/dev/mapper/(\w(?:[^-]|--)*)-(\w(?:[^-]|--)*)", path)
    return [] if match is None else [f"/dev/{match[1]}/{match[2]}".replace("--", "-")]


def _normalise(path: str) -> str:
    # POSIX lets a path begin with two slashes; on Linux they are one
    return posixpath.normpath(path.replace("//", "/") if path.startswith("//") else path)
