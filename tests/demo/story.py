# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happened, in plain words and as a table, and whether it is what was promised. Pure."""

from __future__ import annotations

import collections
import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from crowd.load import Tally

_MARKS: t.Final = "○●"  # a machine of the old version, and of the new one
_BAR_CELLS: t.Final = 8  # of the most visitors
_EIGHTHS: t.Final = " ▏▎▍▌▋▊▉"
_COMING: t.Final = frozenset({"create", "wake", "serve"})
_LEAVING: t.Final = frozenset({"remove", "park"})
_COURSES: t.Final = {
    "canary": "canary of",
    "rolling": "rolling to",
    "renewing": "rolling to",
    "returning": "back from",
}
_RIGHT: t.Final = frozenset({0, 2, 3, 4})  # the columns of numbers


@dataclasses.dataclass(frozen=True)
class Chapter:
    """One interval and the decision at its end, `seconds` after the first visitor.

    Rates are in requests a second; `after` are the machines then, by host, and `versions` what each is of. `phase` is
    how far a rollout to `goal` is.
    """

    number: int
    seconds: float
    offered: float
    measured: float | None
    forecast: float | None
    alert: bool
    needed: int | None
    goal: str
    phase: str
    actions: t.Sequence[t.Mapping[str, t.Any]]
    after: dict[str, list[str]]
    versions: t.Mapping[str, str]
    reasons: list[str]

    @property
    def machines(self) -> int:
        """How many machines serve after the decision."""
        return sum(len(names) for names in self.after.values())

    @property
    def is_new(self) -> bool:
        """Whether all machines are of the version that the fleet is told to have."""
        return bool(self.versions) and set(self.versions.values()) == {self.goal}


def decision(actions: t.Sequence[t.Mapping[str, str]]) -> str:
    """Return the plan's actions as a phrase, such as "create web-2 on k2"."""
    grouped: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
    for action in actions:
        grouped[action["action"], action["host"]].append(action["name"])
    return (
        "; ".join(f"{verb} {' '.join(names)} on {host}" for (verb, host), names in grouped.items())
        or "stay as it is"
    )


def word(chapter: Chapter) -> str:
    """Return why the role did what it did, in a word or two."""
    verbs = {action["action"] for action in chapter.actions}
    if verbs and chapter.phase in _COURSES:
        return f"{_COURSES[chapter.phase]} {chapter.goal}"
    if verbs & _COMING and chapter.forecast is not None:
        expected = f"{chapter.forecast:.1f}/s"
        return f"alert, {expected} soon" if chapter.alert else f"{expected} expected"
    if verbs & _LEAVING:
        return "demand has fallen"
    if chapter.needed is not None and chapter.needed < chapter.machines:
        return "cooldown"
    return "enough"


def tell(chapter: Chapter, tally: Tally | None) -> list[str]:
    """Return the lines that tell a chapter, `tally` being what the visitors saw in it."""
    measured = "not known yet" if chapter.measured is None else f"{chapter.measured:.1f} requests/s"
    expected = "" if chapter.forecast is None else f", up to {chapter.forecast:.1f} expected"
    machines = " · ".join(
        f"{host}: {' '.join(names) or '-'}" for host, names in sorted(chapter.after.items())
    )
    return [
        f"interval {chapter.number:2d}  demand {measured}{expected}{'  ALERT' if chapter.alert else ''}",
        f"             {decision(chapter.actions)}  ->  {_count(chapter.machines, 'machine')} ({machines})",
        *([f"             answered {_describe_shares(tally)}"] if tally else []),
        *(f"             {reason}" for reason in chapter.reasons),
    ]


def table(chapters: t.Sequence[Chapter], tallies: t.Mapping[int, Tally], old: str) -> list[str]:
    """Return the table of all intervals and what they came to, in less than 80 columns.

    `tallies` are what the visitors saw in each, and in what came after the last one; `old` is the version that the
    fleet began with.
    """
    new, most = chapters[-1].goal, max(chapter.offered for chapter in chapters)
    first = ("", "visitors", "from", "from", "late or", "", "")
    second = ("time", "a second", old, new, "failed", "machines", "the role")
    rows = [
        (
            _format_time(chapter.seconds),
            f"{chapter.offered:4.1f} {_draw_bar(chapter.offered / most)}",
            *_describe_tally(tallies.get(chapter.number), old, new),
            _draw_machines(chapter, old),
            _describe_role(chapter),
        )
        for chapter in chapters
    ]
    numbers = {chapter.number for chapter in chapters}
    rows += [
        ("then", "", *_describe_tally(tally, old, new), "", "")
        for number, tally in tallies.items()
        if number not in numbers
    ]
    widths = [max(map(len, column)) for column in zip(first, second, *rows, strict=True)]
    lines = [_pad(row, widths) for row in (first, second, *rows)]
    rule = "─" * max(map(len, lines))
    return [*lines[:2], rule, *lines[2:], rule]


def sum_up(chapters: t.Sequence[Chapter], tallies: t.Mapping[int, Tally], old: str) -> list[str]:
    """Return the lines below the table: its marks, and what all of it came to."""
    new, rows = chapters[-1].goal, tallies.values()
    sent, late, failed = (
        sum(getattr(tally, name) for tally in rows) for name in ("sent", "late", "failed")
    )
    slowest = max((tally.slowest_seconds for tally in rows), default=0.0)
    sizes = (chapters[0].machines, max(c.machines for c in chapters), chapters[-1].machines)
    return [
        f"{_MARKS[0]} a machine of web:{old}   {_MARKS[1]} a machine of web:{new}",
        "",
        f"requests  {sent}: {failed} failed, {late} late (over a second); the slowest took {slowest:.2f} s",
        f"answers   {_describe_shares(*rows)}",
        f"machines  {' → '.join(map(str, sizes))}, on {_count(len(chapters[-1].after), 'host')}",
    ]


def is_over(chapters: t.Sequence[Chapter]) -> bool:
    """Whether the fleet is as small as it was, of the new version, and nothing is left to do."""
    last = chapters[-1]
    return last.is_new and last.machines <= chapters[0].machines


def verdict(chapters: t.Sequence[Chapter], tallies: t.Mapping[int, Tally]) -> list[str]:
    """Return what the demo promised and did not show; empty when all of it was seen."""
    return [*_judge_size(chapters), *_judge_rollout(chapters, tallies), *_judge_service(tallies)]


def _judge_size(chapters: t.Sequence[Chapter]) -> list[str]:
    peak = max(chapters, key=lambda chapter: chapter.offered)
    # What is decided at the end of an interval serves the next one, so the peak is met by the machines before it.
    before = [chapter for chapter in chapters if chapter.number < peak.number]
    grown, needed = before[-1].machines, peak.needed or 0
    missing = []
    if grown <= chapters[0].machines:
        missing.append("the fleet did not grow before the load peaked")
    if grown < needed:
        missing.append(f"when the load peaked the fleet had {grown} of {needed} machines")
    if not any(all(chapter.after.values()) for chapter in chapters):
        missing.append("one host never had a machine of the fleet")
    if not any(chapter.alert for chapter in before):
        missing.append("no alert was raised before the peak")
    if chapters[-1].machines >= grown:
        missing.append("the fleet did not shrink after the peak")
    return missing


def _judge_rollout(chapters: t.Sequence[Chapter], tallies: t.Mapping[int, Tally]) -> list[str]:
    last = chapters[-1]
    most = max(chapter.offered for chapter in chapters)
    crowded = [tallies[c.number] for c in chapters if c.offered == most and c.number in tallies]
    missing = []
    if not last.is_new:
        missing.append(f"not all machines are of web:{last.goal} in the end")
    if not any(last.goal in tally.versions and len(tally.versions) > 1 for tally in crowded):
        missing.append("no visitors of the crowd were answered by both versions")
    return missing


def _judge_service(tallies: t.Mapping[int, Tally]) -> list[str]:
    failed = sum(tally.failed for tally in tallies.values())
    late = sum(tally.late for tally in tallies.values())
    if not failed and not late:
        return []
    return [f"{_count(failed, 'request')} failed, and {late} came late"]


def _describe_role(chapter: Chapter) -> str:
    coming = sum(action["action"] in _COMING for action in chapter.actions)
    leaving = sum(action["action"] in _LEAVING for action in chapter.actions)
    change = " ".join(f"{sign}{count}" for sign, count in (("+", coming), ("-", leaving)) if count)
    return f"{change:5}  {word(chapter)}"


def _describe_tally(tally: Tally | None, old: str, new: str) -> tuple[str, str, str]:
    if tally is None:
        return ("-", "-", "-")
    from_old, from_new = (str(tally.versions.get(version) or "-") for version in (old, new))
    return (from_old, from_new, str(tally.late + tally.failed))


def _describe_shares(*tallies: Tally) -> str:
    """Return the share of each version in the answers, such as "75 % by 1.0, 25 % by 2.0"."""
    counts: collections.Counter[str] = collections.Counter()
    for tally in tallies:
        counts.update(tally.versions)
    return ", ".join(
        f"{100 * count / counts.total():.0f} % by {version}"
        for version, count in sorted(counts.items())
    )


def _draw_machines(chapter: Chapter, old: str) -> str:
    versions = sorted(chapter.versions.values())
    return "".join(_MARKS[version != old] for version in versions)


def _draw_bar(share: float) -> str:
    """Return a bar that fills so much of its cells, in eighths of one."""
    full, rest = divmod(round(share * _BAR_CELLS * 8), 8)
    return ("█" * full + _EIGHTHS[rest]).ljust(_BAR_CELLS)[:_BAR_CELLS]


def _format_time(seconds: float) -> str:
    return f"{seconds // 60:.0f}:{seconds % 60:02.0f}"


def _pad(row: t.Sequence[str], widths: t.Sequence[int]) -> str:
    cells = (
        cell.rjust(width) if index in _RIGHT else cell.ljust(width)
        for index, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join(cells).rstrip()


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"
