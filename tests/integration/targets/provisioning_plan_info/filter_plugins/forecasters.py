# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Forecasters of a user's own."""

from __future__ import annotations

import typing as t

History = list[dict[str, t.Any]]


def thrice(history: History, steps: int, **_others: t.Any) -> list[dict[str, float]]:
    """Expect twice the latest demand, and at most three times."""
    latest = history[-1]["value"]
    return [{"value": 2 * latest, "upper": 3 * latest}] * steps


def hopeless(history: History, **_others: t.Any) -> t.Any:
    """Fail, as an expression of somebody else's may."""
    return history[0]["value"] / 0


class FilterModule:
    """The filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return them by name."""
        return {"thrice": thrice, "hopeless": hopeless}
