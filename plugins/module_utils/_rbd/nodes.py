# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Disk images as the tools of QEMU are told of them: where they are, in which format, never probed. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import (
        RbdSource,
    )

# What the object with the key is called on the command line, which says no more of it.
OBJECT_ID: t.Final = "headroom-key"


@dataclasses.dataclass(frozen=True)
class FileImage:
    """An image in a file; ``descriptors`` are those of this process that ``path`` leads through."""

    path: str
    format: str
    descriptors: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class RbdImage:
    """An image in a pool of Ceph, or its ``snapshot``. What is in it is raw, whatever it looks like."""

    source: RbdSource
    name: str
    snapshot: str | None = None

    def __str__(self) -> str:
        path = self.source.path_of(self.name)
        return path if self.snapshot is None else f"{path}@{self.snapshot}"


Image = t.Union[FileImage, RbdImage]


def build_options(image: Image) -> str:
    """Return the image as QEMU's tools take it with --image-opts."""
    if isinstance(image, FileImage):
        facts = {
            "driver": image.format,
            "file.driver": "file",
            "file.filename": image.path,
        }
    else:
        facts = _describe_rbd(image)
    return ",".join(f"{name}={value.replace(',', ',,')}" for name, value in facts.items())


def _describe_rbd(image: RbdImage) -> dict[str, str]:
    source = image.source
    facts = {
        "driver": "raw",
        "file.driver": "rbd",
        "file.pool": source.pool,
        "file.image": image.name,
    }
    if image.snapshot is not None:
        facts["file.snapshot"] = image.snapshot
    for number, (host, port) in enumerate(source.hosts):
        facts[f"file.server.{number}.host"] = host
        facts[f"file.server.{number}.port"] = port or "6789"
    if source.user is not None:
        facts["file.user"] = source.user
        facts["file.key-secret"] = OBJECT_ID
    return facts
