# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Shapes that outlive a process: what one release wrote, another one reads. Pure.

``check_format`` before anything of such a shape is believed, ``build`` to make the dataclass that it is. Both raise
UnreadableShape, the one error for what cannot be understood, and nothing else.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError

T = t.TypeVar("T")


class UnreadableShape(HeadroomError):
    """Something that was kept cannot be understood: it is damaged, or another release wrote it."""

    kind = "unreadable_shape"


def check_format(data: t.Mapping[str, t.Any], newest: int, what: str) -> int:
    """Return the format of a shape, 1 where it says none, as before there were formats.

    Raises UnreadableShape for a newer one than ``newest``: what it says beyond that would be guessed.
    """
    found = data.get("format", 1)
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise UnreadableShape(f"{what} says the format {found!r}, which is not a number")
    if found > newest:
        raise UnreadableShape(
            f"{what} was written by a newer release of headroom.libvirt (format {found}; this one reads up to "
            f"{newest}). Use that release",
            format=found,
            newest=newest,
        )
    return found


def build(shape: type[T], data: t.Any, what: str) -> T:
    """Return the dataclass ``shape`` with the values that ``data`` has of it; what it says beyond that is passed over.

    Raises UnreadableShape where ``data`` is not a mapping, or lacks a value that has no default.
    """
    if not isinstance(data, t.Mapping):
        raise UnreadableShape(f"{what} is not a mapping")
    fields = dataclasses.fields(t.cast(t.Any, shape))
    missing = [field.name for field in fields if _is_required(field) and field.name not in data]
    if missing:
        raise UnreadableShape(f"{what} lacks {', '.join(missing)}", missing=missing)
    names = {field.name for field in fields if field.init}
    return shape(**{name: value for name, value in data.items() if name in names})


def _is_required(field: dataclasses.Field[t.Any]) -> bool:
    return (
        field.init
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    )
