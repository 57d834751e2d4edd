# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``MemoryGuard``: raise an error before this process reaches the limit of its memory, called between requests.

The kernel ends a process that goes beyond its control group's limit without a word, and Python's own error comes
anywhere, also while the result is written.
"""

from __future__ import annotations

import dataclasses
import pathlib
import resource
import sys
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotEnoughMemory

# For each byte that is held: the copy that Ansible makes of a result, and its text, measured.
_RESULT: t.Final = 2.0
# Fewer domains do not tell how much one takes.
_MEANINGFUL: t.Final = 64
# Version 1 of control groups has no word for "no limit".
_BEYOND: t.Final = 2**60
_CGROUPS: t.Final = pathlib.Path("/sys/fs/cgroup")
_MIB: t.Final = 1024**2


@dataclasses.dataclass(frozen=True)
class MemoryLimit:
    """What sets the limit, and how many bytes of memory this process can still get."""

    source: str
    room_bytes: int


class MemoryGuard:
    """Projects what the rest will take from what was taken so far.

    ``subject`` and ``options`` are for the message: what is read of the domains, and by which options it gets less.
    """

    def __init__(
        self,
        tightest: t.Callable[[], MemoryLimit | None] | None = None,
        resident: t.Callable[[], int] | None = None,
        subject: str = "the statistics",
        options: str = "name, fleet, tenant, or fewer groups",
    ) -> None:
        self._tightest = tightest or find_tightest_limit
        self._resident = resident or measure_resident_bytes
        self._before = self._resident()
        self._subject = subject
        self._options = options

    def check(self, answered: int, requested: int) -> None:
        """Raise NotEnoughMemory unless there is room for the rest of ``requested`` domains, and for the result."""
        if answered >= _MEANINGFUL:
            each_bytes = max(0, self._resident() - self._before) / answered
            self.check_size(each_bytes, answered, requested)

    def check_size(self, each_bytes: float, answered: int, requested: int) -> None:
        """As check(), where it is known what each takes."""
        needed = each_bytes * (requested - answered) + each_bytes * requested * _RESULT
        limit = self._tightest()
        if limit is not None and needed > limit.room_bytes:
            held = each_bytes * answered
            raise NotEnoughMemory(
                f"{self._subject} of {requested} domains take about {(needed + held) / _MIB:.0f} MiB, and "
                f"{limit.source} leaves {(limit.room_bytes + held) / _MIB:.0f} MiB. Raise that limit, or "
                f"read less in one task: with {self._options}.",
                domains=requested,
                limit=limit.source,
            )


def measure_resident_bytes() -> int:
    """Return the memory that this process occupies."""
    return _read_statm()[1]


def measure_size_bytes(value: object) -> int:
    """Return what JSON-able data takes of memory; the keys of dictionaries are taken for shared."""
    size_bytes, pending = 0, [value]
    while pending:
        item = pending.pop()
        size_bytes += sys.getsizeof(item)
        if isinstance(item, dict):
            pending.extend(item.values())
        elif isinstance(item, (list, tuple)):
            pending.extend(item)
    return size_bytes


def find_tightest_limit() -> MemoryLimit | None:
    """Return the limit that leaves the least, None without any."""
    limits = [
        *_read_address_space_limit(),
        *_read_control_group_limits(_CGROUPS, pathlib.Path("/proc/self/cgroup")),
    ]
    return min(limits, key=lambda limit: limit.room_bytes, default=None)


def _read_statm() -> tuple[int, int]:
    size, resident = pathlib.Path("/proc/self/statm").read_text(encoding="ascii").split()[:2]
    return int(size) * resource.getpagesize(), int(resident) * resource.getpagesize()


def _read_address_space_limit() -> t.Iterator[MemoryLimit]:
    soft, _hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        yield MemoryLimit("the limit of the address space (ulimit -v)", soft - _read_statm()[0])


def _read_control_group_limits(
    mounted: pathlib.Path, memberships: pathlib.Path
) -> t.Iterator[MemoryLimit]:
    """Yield the limits of this process' groups and of those that these are in, for both versions of control groups."""
    for line in memberships.read_text(encoding="utf-8").splitlines():
        _number, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _walk_up(mounted, path, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            yield from _walk_up(mounted / "memory", path, *names)


def _walk_up(
    root: pathlib.Path, path: str, maximum: str, usage: str, cache: str
) -> t.Iterator[MemoryLimit]:
    group = root / path.lstrip("/")
    while group == root or root in group.parents:
        most, used = _read_number(group / maximum), _read_number(group / usage)
        if most is not None and most < _BEYOND and used is not None:
            yield MemoryLimit(
                f"{group / maximum}",
                most - used + (_read_number(group / "memory.stat", cache) or 0),
            )
        group = group.parent


def _read_number(path: pathlib.Path, key: str | None = None) -> int | None:
    """Return the number that the file holds (as ``key``, if one is given); None if there is none, as for "max"."""
    try:
        words = path.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return None
    if key is not None:
        words = words[words.index(key) + 1 :] if key in words else []
    return int(words[0]) if words and words[0].isdigit() else None
