# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""read_index(): the entries of an index of virt-builder. Pure.

Sections of ``key=value`` lines, one for each template, of which several may have the same name for different
architectures; a line that begins with a space goes on with the value before it. The format is described in
https://libguestfs.org/virt-builder.1.html under "Creating and signing the index file".
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from . import entry as entries
from .armor import strip_signature
from .entry import Checksum, FeedEntry, FeedFile
from .errors import InvalidFeed

_SECTION = re.compile(r"\[(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\]\s*")
_FIELD = re.compile(r"(?P<key>[A-Za-z0-9_.]+(\[[^\]]+\])?)\s*=\s*(?P<value>.*)")
# What else str.splitlines() takes for one may stand in a note.
_LINE_END = re.compile(r"\r\n|\r|\n")
# No key of an index has such a name.
_DAMAGE: t.Final = "\0damage"
_CHECKSUMS: t.Final = (
    ("checksum[sha512]", "sha512"),
    ("checksum[sha256]", "sha256"),
    ("checksum", "sha512"),
)


def read_index(text: bytes) -> list[FeedEntry]:
    """Return an Entry for each template that holds a whole disk; raises InvalidFeed."""
    try:
        sections = _split_sections(strip_signature(text).decode("utf-8-sig"))
    except UnicodeError as error:
        raise InvalidFeed("the index is not text. Check the address of the feed.") from error
    return [
        _read_entry(name, fields)
        for name, fields in sections
        if fields.get("hidden", "") != "true" and ("file" in fields or _DAMAGE in fields)
    ]


def _split_sections(text: str) -> list[tuple[str, dict[str, str]]]:
    sections: list[tuple[str, dict[str, str]]] = []
    # a value's lines, which are put together at the end: it may have any number of them
    values: list[tuple[dict[str, str], str, list[str]]] = []
    goes_on = False
    for number, line in enumerate(_LINE_END.split(text), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        section, field = _SECTION.fullmatch(line), _FIELD.fullmatch(line)
        if section:
            sections.append((section["name"], {}))
            goes_on = False
        elif field and sections:
            goes_on = True
            values.append((sections[-1][1], field["key"], [field["value"].strip()]))
        elif line[0].isspace() and goes_on:
            values[-1][2].append(line.strip())
        elif sections:
            sections[-1][1].setdefault(_DAMAGE, f"line {number} of the index cannot be read")
        else:
            raise InvalidFeed(
                f"line {number} of the index is not one of a virt-builder index. Check the address of the feed."
            )
    for fields, key, lines in values:
        fields[key] = "\n".join(lines)
    return sections


def _read_entry(name: str, fields: t.Mapping[str, str]) -> FeedEntry:
    osinfo = fields.get("osinfo", "")
    entry = FeedEntry(
        product=name,
        name=name,
        version=entries.derive_version(fields.get("revision") or "1"),
        arch=entries.kernel_arch(fields.get("arch", "x86_64")),
        disks=(),
        aliases=tuple(fields.get("aliases", "").split()),
        image_format=fields.get("format") if fields.get("format") in {"raw", "qcow2"} else None,
        os_id=osinfo
        if "://" in osinfo
        else None,  # most say a short id, which is not what domains say
        description=fields.get("name"),
    )
    if _DAMAGE in fields:
        problem = f"{name} {entry.arch}: {fields[_DAMAGE]}. It is not used."
        return dataclasses.replace(entry, problem=problem)
    try:
        return _add_files(entry, fields)
    except InvalidFeed as error:
        return dataclasses.replace(entry, problem=error.message)


def _add_files(entry: FeedEntry, fields: t.Mapping[str, str]) -> FeedEntry:
    what = f"{entry.product} {entry.arch}"
    length, virtual = (
        None if key not in fields else entries.check_size(what, fields[key])
        for key in ("compressed_size", "size")
    )
    path = entries.check_path(what, fields["file"])
    return dataclasses.replace(
        entry,
        disks=(FeedFile(path, _read_checksum(what, fields), length),),
        virtual_size_bytes=virtual,
    )


def _read_checksum(what: str, fields: t.Mapping[str, str]) -> Checksum:
    for key, algorithm in _CHECKSUMS:
        if key in fields:
            return entries.check_checksum(what, algorithm, fields[key])
    return entries.check_checksum(what, "sha512", None)
