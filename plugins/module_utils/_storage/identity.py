# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Which pools of a plan's hosts are one and the same, so that their room counts once: ``identify``. Pure.

A plan is made where nothing can be tried. Before a disk stays where it is, since both hosts have it, the migration
proves that once more.
"""

from __future__ import annotations

import typing as t

PoolKey = t.Tuple[str, ...]  # noqa: UP006 - an alias is read at run time, by Python 3.9 as well


def identify(host: str, name: str, source: str | None, *, is_declared: bool = False) -> PoolKey:
    """Return what two pools have in common when they are one.

    That is the storage of the network that both name (``source``, as storage_xml.describe_source() returns it), or
    their name where somebody has declared that pools of this name are one. All others are their host's own.
    """
    if source is not None:
        return ("source", source)
    return ("name", name) if is_declared else ("host", host, name)
