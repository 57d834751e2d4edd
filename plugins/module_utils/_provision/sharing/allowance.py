# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""Allowance: what a tenant may have on all hosts of a run together, and what it has of that. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import Size

_WORDS: t.Final = {"machines": "machines", "vcpus": "vCPUs", "memory_bytes": "bytes of memory"}


@dataclasses.dataclass(frozen=True)
class Usage:
    """What machines take together, those that are off as well."""

    machines: int = 0
    vcpus: int = 0
    memory_bytes: int = 0

    def __add__(self, other: Usage) -> Usage:
        """Return both together."""
        return Usage(
            self.machines + other.machines,
            self.vcpus + other.vcpus,
            self.memory_bytes + other.memory_bytes,
        )


@dataclasses.dataclass(frozen=True)
class Allowance:
    """What the ``tenant`` may have at most, None for no limit, and what it has of that."""

    tenant: str
    machines: int | None = None
    vcpus: int | None = None
    memory_bytes: int | None = None
    used: Usage = Usage()

    def count_more(self, size: Size) -> int | None:
        """Return how many more machines of the size it may have; None for no limit."""
        each = Usage(1, size.vcpus, size.memory_bytes)
        counts = [
            max(0, limit - getattr(self.used, name)) // getattr(each, name)
            for name, limit in self._list_limits()
            if getattr(each, name)
        ]
        return min(counts, default=None)

    def add(self, usage: Usage) -> Allowance:
        """Return the allowance of a tenant that has so much more."""
        return dataclasses.replace(self, used=self.used + usage)

    def explain(self) -> str:
        """Say what the tenant has of what it may have."""
        parts = [
            f"{getattr(self.used, name)} of {limit} {_WORDS[name]}"
            for name, limit in self._list_limits()
        ]
        return f"the tenant {self.tenant} has {', '.join(parts)} on all hosts together (its quota)"

    def _list_limits(self) -> list[tuple[str, int]]:
        limits = {name: getattr(self, name) for name in _WORDS}
        return [(name, limit) for name, limit in limits.items() if limit is not None]
