# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recorded demand to replay, and where a replay of it starts."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import math
import typing as t

from tools.checkout import ROOT

if t.TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DEFAULT_FOLDER: t.Final = ROOT.parent / "shared" / "traces"
_DAY: t.Final = 86_400


@dataclasses.dataclass(frozen=True)
class Trace:
    """Demand in slots of `interval` seconds; the rules are judged from slot `start` on."""

    name: str
    interval: int
    demand: tuple[float, ...]
    start: int
    begin: dt.datetime = dt.datetime(1970, 1, 1)  # noqa: DTZ001  # as the file has it, without a zone

    @property
    def delay(self) -> int:
        """In how many slots a machine is ready: two of a few minutes, or one of half an hour and longer."""
        return 1 if self.interval >= 1800 else 2

    def capacity(self, machines: int) -> float:
        """What one machine carries if `machines` of them carry all but the highest thousandth."""
        return quantile(self.demand[self.start :], 0.999) / machines


def read(path: Path) -> Trace:
    """The trace in a CSV file with the columns `timestamp` and `demand`, on a regular grid."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if len(rows) < 2:
        raise ValueError(
            f"{path}: a trace needs at least two rows below the header timestamp,demand"
        )
    first, second = (dt.datetime.fromisoformat(row["timestamp"]) for row in rows[:2])
    interval = round((second - first).total_seconds())
    demand = tuple(float(row["demand"]) for row in rows)
    return Trace(
        path.stem, interval, demand, _start(path.stem, len(demand), _DAY // interval), first
    )


def find(chosen: Sequence[Path]) -> list[Trace]:
    """The chosen traces, or all that lie beside the checkout."""
    paths = list(chosen) or sorted(DEFAULT_FOLDER.glob("*.csv"))
    if not paths:
        raise FileNotFoundError(f"no trace in {DEFAULT_FOLDER}: name one with --trace FILE")
    return [read(path) for path in paths]


def quantile(values: Sequence[float], level: float) -> float:
    """The quantile on the line between the two nearest values."""
    ordered = sorted(values)
    rank = level * (len(ordered) - 1)
    below = math.floor(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)


def _start(name: str, count: int, day: int) -> int:
    # The long World Cup trace is idle for weeks, and judged from when it is not.
    return int(0.45 * count) if name == "wc98_5min" else int(min(0.3 * count, 7 * day))
