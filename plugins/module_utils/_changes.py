# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Changes: record what a task changes, from which both ``changed`` and ``diff`` follow."""

from __future__ import annotations

import typing as t


class Changes:
    """Collects what a task changes, or would change.

    A change is the difference of one named property; what did not differ is not recorded, so ``changed`` cannot
    disagree with ``diff``.
    """

    def __init__(self) -> None:
        self._before: dict[str, t.Any] = {}
        self._after: dict[str, t.Any] = {}

    def add(self, name: str, before: t.Any, after: t.Any) -> bool:
        """Record that ``name`` goes from ``before`` to ``after``; return whether they differ."""
        if before == after:
            return False
        self._before.setdefault(name, before)
        self._after[name] = after
        if self._before[name] == after:
            del self._before[name], self._after[name]
        return True

    @property
    def changed(self) -> bool:
        """Whether anything differs."""
        return bool(self._after)

    @property
    def diff(self) -> dict[str, dict[str, t.Any]]:
        """Return ``{"before": {name: value}, "after": {name: value}}`` of all that differs."""
        return {"before": dict(self._before), "after": dict(self._after)}

    def as_result(self) -> dict[str, t.Any]:
        """Return the ``changed`` and ``diff`` values of the task's result."""
        return {"changed": self.changed, "diff": self.diff}
