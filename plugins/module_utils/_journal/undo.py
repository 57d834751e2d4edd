# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Undoing the steps of a record, the newest first."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError

if t.TYPE_CHECKING:
    from .records import Record, Step


def undo_steps(record: Record, undo: t.Callable[[Step], None]) -> None:
    """Call ``undo`` with each step; what fails does not keep the rest from being undone.

    Raises a HeadroomError that names all that failed.
    """
    left_behind = []
    for step in reversed(record.steps):
        try:
            undo(step)
        except HeadroomError as error:
            left_behind.append(error.message)
    if left_behind:
        raise HeadroomError("; ".join(left_behind), left_behind=left_behind)
