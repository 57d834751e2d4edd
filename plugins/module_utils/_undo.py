# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""UndoStack: undo what was done in a block when a later step of it fails."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError

if t.TYPE_CHECKING:
    from types import TracebackType


@t.final
class UndoStack:
    """As a context manager: leaves nothing behind when its block raises, whatever it raises.

    What could not be undone is told in the error (``left_behind``), and does not keep the rest from being undone.
    """

    def __init__(self) -> None:
        self._steps: list[tuple[str, t.Callable[[], None]]] = []

    def push(self, what: str, undo: t.Callable[[], None]) -> None:
        """Remember how to undo a step; ``what`` names that which stays behind if even this fails."""
        self._steps.append((what, undo))

    def roll_back(self) -> list[str]:
        """Undo the steps, the latest first; return what could not be undone, and why."""
        left_behind = []
        while self._steps:
            what, undo = self._steps.pop()
            try:
                undo()
            except HeadroomError as error:
                left_behind.append(f"{what} ({error.message})")
        return left_behind

    def __enter__(self) -> UndoStack:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            return
        left_behind = self.roll_back()
        if left_behind and isinstance(error, HeadroomError):
            error.details["left_behind"] = left_behind
            error.message += f". Could not be undone, remove by hand: {'; '.join(left_behind)}"
