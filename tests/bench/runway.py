# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How often the interval of a runway holds on recorded demand, which is to be at least as often as it says.

At each slot of the judged part of a trace it is asked when limits are reached, by what was known by then: as a fleet's
`rule.max` (the peaks of the demand, and limits around the highest of the last week), and as a pool that fills (the sum
of all demand so far, and limits that some slots of the present growth lead to). What then happened decides. A limit
that is not reached within the horizon counts as well: it is told right where the interval is open.
"""

from __future__ import annotations

import itertools
import typing as t
from pathlib import Path

from ansible_collections.headroom.libvirt.plugins.module_utils._outlook import runway

from bench import traces
from bench.frame import Row

if t.TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

HELP = "How often the interval of a runway holds on recorded demand, beside what it promises."

_DAY: t.Final = 86_400
_SUBJECT: t.Final = "interval holds"
_FACTORS: t.Final = (0.9, 1.0, 1.1, 1.25)
_SLOTS: t.Final = (2, 6, 14)
# Of shares that are promised for exchangeable moments, on a trace that gives few of them.
_FEWEST: t.Final = 20

Peaks = t.Sequence[float | None]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument(
        "--trace",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help=f"a CSV file timestamp,demand; may be repeated (default: all in {traces.DEFAULT_FOLDER})",
    )


def run(options: argparse.Namespace) -> list[Row]:
    """Measure each trace, in quarters of a day and in days."""
    rows: list[Row] = []
    for trace in traces.find(options.trace):
        for seconds in runway.SLOT_SECONDS:
            rows += measure(trace, seconds)
    return rows


def table(rows: Sequence[Row]) -> str:
    """The rows for people."""
    lines = [f"{'case':<52} {'asked':>6} {'held':>7} {'promised':>9}"]
    lines += [
        f"{row.case:<52} {row.n:>6} {row.seconds:>7.1%} {row.peer_seconds:>9.0%}" for row in rows
    ]
    return "\n".join(lines)


def measure(trace: traces.Trace, seconds: int) -> Iterator[Row]:
    """The rows of a trace, of those limits that were asked for often enough to say anything."""
    peaks = runway.find_highest(trace.demand, seconds // trace.interval)
    start = max(runway.FEWEST_SLOTS - 1, trace.start * trace.interval // seconds)
    for name, values, list_rises in (
        ("fleet's maximum", peaks, _rise_to_peaks),
        ("pool that fills", _fill(peaks), _rise_by_slots),
    ):
        verdicts = judge(values, seconds, start, list_rises)
        if len(verdicts) >= _FEWEST:
            held = sum(verdicts) / len(verdicts)
            case = f"{trace.name}, {name}, by {seconds // 3600} h"
            yield Row(
                "runway",
                case,
                len(verdicts),
                _SUBJECT,
                held,
                "promised",
                runway.SHARE,
                held / runway.SHARE,
            )


def judge(
    values: Peaks, seconds: int, start: int, list_rises: t.Callable[[Peaks, int], Sequence[float]]
) -> list[bool]:
    """Whether the interval held, of each limit that was asked for after each slot."""
    foresights = runway.foresee(values, seconds)
    questions = itertools.chain.from_iterable(
        ((index, rise) for rise in list_rises(values[: index + 1], _DAY // seconds) if rise > 0)
        for index in range(start, len(values))
    )
    verdicts = (runway.judge(values, index, foresights[index], rise) for index, rise in questions)
    return [verdict for verdict in verdicts if verdict is not None]


def _rise_to_peaks(values: Peaks, day: int) -> list[float]:
    known = [value or 0.0 for value in values]
    highest = max(known[-7 * day :])
    return [factor * highest - known[-1] for factor in _FACTORS]


def _rise_by_slots(values: Peaks, day: int) -> list[float]:
    known = [value or 0.0 for value in values[-7 * day :]]
    growth = (known[-1] - known[0]) / max(1, len(known) - 1)
    return [slots * growth for slots in _SLOTS]


def _fill(peaks: Peaks) -> list[float]:
    """A pool that all demand is written to, a fifth of which was there before."""
    amounts = [peak or 0.0 for peak in peaks]
    return list(itertools.accumulate(amounts, initial=0.2 * sum(amounts)))[1:]
