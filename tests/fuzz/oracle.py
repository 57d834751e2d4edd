# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``check_image`` compares what we make of an image's header with what OpenStack's inspector makes of it."""

from __future__ import annotations

import logging
import typing as t

from oslo_utils.imageutils import format_inspector

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._image import header, tables

# What it cannot read it warns of, thousands of times.
format_inspector.LOG.setLevel(logging.CRITICAL)

_SECTOR_BYTES: t.Final = 512
# A raw disk may hold a table of partitions, and be the image of a CD: neither names other files.
_RAW: t.Final = frozenset({"raw", "gpt", "iso"})
# Its third check would refuse what QEMU has written since 6.0. In version 2, the bits that the oracle takes for those
# of a data file are no features yet.
_CHECKS: t.Final = {2: ("backing_file",), 3: ("backing_file", "data_file")}
_OPTION: t.Final = "source.file"


class Disagreement(Exception):
    """We take an image for another one than the oracle does."""


def check_image(content: bytes) -> None:
    """Read the header of an image as we do; raise Disagreement where we believe one that the oracle does not."""
    size = -(-len(content) // _SECTOR_BYTES) * _SECTOR_BYTES
    padded = content.ljust(size, b"\0")
    head = padded[: header.HEADER_BYTES]
    formats = find_formats(padded)
    backing = header.read_backing(head)
    try:
        header.inspect_raw(_OPTION, "x", head, size)
    except InvalidInput:
        pass
    else:
        if formats - _RAW:
            raise Disagreement(f"we take {sorted(formats - _RAW)} for raw")
    image = header.inspect(_OPTION, "x", head, size)
    if image.format == "raw" and formats - _RAW:
        raise Disagreement(f"we take {sorted(formats - _RAW)} for raw")
    if image.tables is not None:
        _check_qcow2(padded, backing)
        tables.check(
            _OPTION, "x", image.tables, size, lambda start, count: padded[start : start + count]
        )
    header.refuse_bomb(_OPTION, "x", image, size, None)


def _check_qcow2(content: bytes, backing: header.Backing | None) -> None:
    if backing is not None:
        raise Disagreement(f"we believe an image that stands on {backing.path}")
    inspector = format_inspector.QcowInspector()
    inspector.eat_chunk(content)
    inspector.finish()
    for name in _CHECKS[inspector.qemu_header_info["version"]]:
        try:
            inspector._safety_checks[name]()
        except format_inspector.SafetyViolation as error:
            raise Disagreement(f"we believe an image of which the oracle says: {error}") from error


def find_formats(content: bytes) -> set[str]:
    """Return every format that the oracle finds in an image."""
    return {name for name, kind in format_inspector.ALL_FORMATS.items() if _matches(kind, content)}


def _matches(kind: type[format_inspector.FileInspector], content: bytes) -> bool:
    inspector = kind()
    try:
        inspector.eat_chunk(content)
        inspector.finish()
        return bool(inspector.format_match)
    except Exception:  # noqa: BLE001 - the oracle gave up, and finds nothing
        return False
