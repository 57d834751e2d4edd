# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The frame of every benchmark: contenders take turns in one run, and medians make rows.

Turns, since a machine's speed drifts: what is measured in blocks measures the drift. Pure but for the clock.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import time
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Contender = t.Callable[[], object]


@dataclasses.dataclass(frozen=True)
class Row:
    """One comparison; seconds are medians of one run, `ratio` is ours divided by the peer's.

    Where `unit` is bytes, both `seconds` are bytes: what the same work takes of the disk.
    """

    bench: str
    case: str
    n: int
    subject: str
    seconds: float
    peer: str
    peer_seconds: float
    ratio: float
    unit: str = "seconds"


class Race:
    """Contenders that do the same work, by name. `tidy` comes after each turn, off the clock."""

    def __init__(
        self,
        contenders: Mapping[str, Contender],
        clock: Callable[[], float] = time.perf_counter,
        tidy: Callable[[], object] = lambda: None,
    ) -> None:
        self._contenders = list(contenders.items())
        self._clock = clock
        self._tidy = tidy

    def medians(self, rounds: int, *, warm_up: bool = True) -> dict[str, float]:
        """Each contender's median of `rounds` turns, after one that does not count.

        Who goes first changes with every round, so that nobody always follows the same one.
        """
        for _name, contender in self._contenders if warm_up else ():
            contender()
            self._tidy()
        seconds: dict[str, list[float]] = {name: [] for name, _contender in self._contenders}
        for turn in range(rounds):
            first = turn % len(self._contenders)
            for name, contender in self._contenders[first:] + self._contenders[:first]:
                seconds[name].append(self._time(contender))
        return {name: statistics.median(times) for name, times in seconds.items()}

    def _time(self, contender: Contender) -> float:
        started = self._clock()
        contender()
        seconds = self._clock() - started
        self._tidy()
        return seconds


def rows(bench: str, case: str, n: int, medians: Mapping[str, float], subject: str) -> list[Row]:
    """One row for each peer of `subject`."""
    ours = medians[subject]
    return [
        Row(bench, case, n, subject, ours, peer, seconds, ours / seconds)
        for peer, seconds in medians.items()
        if peer != subject
    ]


def table(comparisons: Iterable[Row]) -> str:
    """The rows for people, columns aligned."""
    lines = [("bench", "case", "n", "subject", "ms", "peer", "peer ms", "ratio")]
    lines += [
        (
            row.bench,
            row.case,
            str(row.n),
            row.subject,
            _shown(row.seconds, row.unit),
            row.peer,
            _shown(row.peer_seconds, row.unit),
            f"{row.ratio:.2f}",
        )
        for row in comparisons
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    numbers = {2, 4, 6, 7}
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _shown(value: float, unit: str) -> str:
    return f"{value / 1024**2:.1f} MiB" if unit == "bytes" else f"{value * 1000:.1f}"


def to_json(comparisons: Iterable[Row]) -> str:
    """The rows as a JSON list; the unit is said where it is not seconds."""
    facts = (dataclasses.asdict(row) for row in comparisons)
    said = [
        {key: value for key, value in row.items() if (key, value) != ("unit", "seconds")}
        for row in facts
    ]
    return json.dumps(said, indent=2) + "\n"


def from_json(text: str) -> list[Row]:
    """The rows of what `to_json` wrote."""
    return [Row(**row) for row in json.loads(text)]
