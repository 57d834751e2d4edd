# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happened, in plain words, and whether it is what was promised. Pure."""

from __future__ import annotations

import collections
import dataclasses
import typing as t


@dataclasses.dataclass(frozen=True)
class Chapter:
    """One interval and the decision at its end. Rates in requests a second; `after` are the machines then, by host."""

    number: int
    offered: float
    measured: float | None
    forecast: float | None
    alert: bool
    before: int
    after: dict[str, list[str]]
    decision: str
    reasons: list[str]

    @property
    def machines(self) -> int:
        """How many machines serve after the decision."""
        return sum(len(names) for names in self.after.values())


def decision(actions: t.Sequence[t.Mapping[str, str]]) -> str:
    """Return the plan's actions as a phrase, such as "create web-2 on k2"."""
    grouped: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
    for action in actions:
        grouped[action["action"], action["host"]].append(action["name"])
    return (
        "; ".join(f"{verb} {' '.join(names)} on {host}" for (verb, host), names in grouped.items())
        or "stay as it is"
    )


def tell(chapter: Chapter) -> list[str]:
    """Return the lines that tell a chapter."""
    measured = "not known yet" if chapter.measured is None else f"{chapter.measured:.1f} requests/s"
    expected = "" if chapter.forecast is None else f", up to {chapter.forecast:.1f} expected"
    machines = " · ".join(
        f"{host}: {' '.join(names) or '-'}" for host, names in sorted(chapter.after.items())
    )
    return [
        f"interval {chapter.number:2d}  demand {measured}{expected}{'  ALERT' if chapter.alert else ''}",
        f"             {chapter.decision}  ->  {chapter.machines} machine{'s' * (chapter.machines != 1)} ({machines})",
        *(f"             {reason}" for reason in chapter.reasons),
    ]


def table(chapters: t.Sequence[Chapter], tallies: t.Mapping[int, t.Mapping[str, int]]) -> list[str]:
    """Return the table of all intervals, `tallies` being what the visitors saw in each."""
    rows = ["interval  offered/s  measured/s  machines  answered   late  failed  decision"]
    for chapter in chapters:
        tally = tallies.get(chapter.number, {})
        measured = "-" if chapter.measured is None else f"{chapter.measured:.1f}"
        rows.append(
            f"{chapter.number:8d}  {chapter.offered:9.1f}  {measured:>10}  {chapter.machines:8d}  "
            f"{tally.get('ok', 0):8d}  {tally.get('late', 0):5d}  {tally.get('failed', 0):6d}  {chapter.decision}"
        )
    return rows


def verdict(chapters: t.Sequence[Chapter]) -> list[str]:
    """Return what the demo promised and did not show; empty when all of it was seen."""
    peak = max(chapters, key=lambda chapter: chapter.offered)
    # What is decided at the end of an interval serves the next one, so the peak is met by the machines before it.
    at_peak = next((c for c in reversed(chapters) if c.number < peak.number), peak)
    most = max(chapter.machines for chapter in chapters)
    last = chapters[-1]
    missing = []
    if most < 3:
        missing.append(f"the fleet never had more than {most} machines")
    if at_peak.machines < most:
        missing.append(
            f"when the load peaked the fleet had {at_peak.machines} machines, and {most} only later"
        )
    if not any(all(chapter.after.values()) for chapter in chapters):
        missing.append("one host never had a machine of the fleet")
    if not any(chapter.alert for chapter in chapters if chapter.number < peak.number):
        missing.append("no alert was raised before the peak")
    if last.machines >= most:
        missing.append("the fleet did not shrink after the peak")
    return missing
