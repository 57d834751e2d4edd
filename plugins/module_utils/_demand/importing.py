# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Demand that was recorded elsewhere becomes a fleet's history."""

from __future__ import annotations

import dataclasses
import typing as t

from .history import History, Record
from .series import merge

if t.TYPE_CHECKING:
    from .series import Sample

_REASON: t.Final = "the imported file does not know it"


@dataclasses.dataclass(frozen=True)
class Imported:
    """Slots by what became of them: written, left alone because the history knew other values, or known already."""

    added: int = 0
    replaced: int = 0
    kept: int = 0
    same: int = 0


def records_of(samples: t.Sequence[Sample], interval: int, *, whole: bool) -> list[Record]:
    """Return a row for each slot of ``interval`` seconds that has samples; several in one slot are averaged."""
    if not samples:
        return []
    series = merge([samples], interval, max(sample.timestamp for sample in samples))
    covered = {sample.timestamp // interval * interval for sample in samples}
    return [
        Record(slot, slot, value, _REASON if value is None else None, whole=whole)
        for slot, value in series.slots()
        if slot in covered
    ]


def put_in(history: History, records: t.Iterable[Record], *, replace: bool) -> Imported:
    """Write the ``records``; what the history already knows otherwise stays, unless ``replace``.

    A slot without a value is no knowledge: it never replaces one, and is always replaced.
    """
    counts = dict.fromkeys(("added", "replaced", "kept", "same"), 0)
    for record in records:
        counts[_put(history, record, replace=replace)] += 1
    return Imported(**counts)


def _put(history: History, record: Record, *, replace: bool) -> str:
    known = history.at(record.slot)
    if known is None:
        history.add(record)
        return "added"
    if record.value is None or (known.value, known.whole) == (record.value, record.whole):
        return "same"
    if known.value is not None and not replace:
        return "kept"
    # Counters were read then, whatever the value is now: the rates of the next sample still need to know when.
    history.put(dataclasses.replace(record, taken_at=known.taken_at))
    return "replaced"
