# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all groups share: a cell, what came of it, the table, and the options of `./dev faults GROUP`."""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import dataclasses
import queue
import random
import secrets
import shlex
import subprocess
import threading
import time
import typing as t
from pathlib import Path

from faults.known_red import KNOWN_RED, find_proven
from faults.scene import Scene, open_scene
from moving.hosts import end_when_told

if t.TYPE_CHECKING:
    from faults.operations import Moment, Operation

_AT_STEP = Path(__file__).with_name("at_step.py").read_text()
# 86 tells at_step.py that the phase was over before it was seen.
_HOLD = (
    "({when}) || exit 86; kill -STOP $PID; ({script}) 2>&1; code=$?; kill -CONT $PID; exit $code"
)
_NO_HOLD = "({when}) || exit 86; ({script}) 2>&1"


@dataclasses.dataclass
class Outcome:
    """What came of a cell: what actor and modules said, files ``kept`` of which they told, all that is wrong."""

    acted: str = ""
    said: list[str] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)
    kept: set[str] = dataclasses.field(default_factory=set)
    seconds: float = 0.0

    def add(self, who: str, result: dict[str, t.Any]) -> dict[str, t.Any]:
        """Note what a module said."""
        word = "failed" if result["failed"] else "changed" if result.get("changed") else "ok"
        text = f": {str(result.get('msg'))[:700]}" if result["failed"] else ""
        self.said.append(f"{who} {word}{text}")
        for row in result.get("domains", []):
            self.kept.update(row.get("kept_on_source") or ())
        return result


@dataclasses.dataclass(frozen=True)
class Cell:
    """One situation of a group; ``run`` brings it about on a scene of so many ``hosts``."""

    group: str
    name: str
    run: t.Callable[[Scene, Outcome], None]
    hosts: int = 2

    @property
    def id(self) -> str:
        """What names it in known_red.py and on the command line."""
        return f"{self.group}: {self.name}"


class Provocation:
    """A script that runs on the source as soon as our operation there has come to a moment."""

    def __init__(
        self,
        scene: Scene,
        operation: Operation,
        moment: Moment,
        script: str,
        *,
        holds: bool = True,
    ) -> None:
        body = (_HOLD if holds else _NO_HOLD).format(when=moment.when, script=script)
        words = [operation.subject, moment.step, body, operation.kind]
        if holds and moment.when == "true":
            words.append("stop")
        self._command = f"python3 - {shlex.join(words)} <<'SCRIPT'\n{_AT_STEP}\nSCRIPT"
        self._scene = scene
        self.said = ""
        self._thread = threading.Thread(target=self._act, daemon=True)
        self._thread.start()

    def _act(self) -> None:
        self.said = self._scene.ssh(self._scene.source, f"{self._command}\necho code $?")

    def finish(self, patience_seconds: float = 90) -> str:
        """Wait for it; return what it said, and "code 0" at the end when all of it succeeded."""
        self._thread.join(patience_seconds)
        return self.said or "did not end"


# The exit code of a slice of a group of which no cell is proven to hold yet.
NOTHING_PROVEN: t.Final = 3


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a group."""
    parser.add_argument(
        "--cell", default="", help='only cells with these words in their name; "|" stands for or'
    )
    parser.add_argument("--list", action="store_true", help="say their names, run none")
    parser.add_argument(
        "--unproven", action="store_true", help="only cells that are not proven to hold yet"
    )
    parser.add_argument(
        "--slice",
        type=int,
        metavar="N",
        help="only N of those that are proven to hold, or with --unproven of the others, chosen by the seed",
    )
    parser.add_argument("--seed", type=int, help="of what is chosen (default: a new one)")
    parser.add_argument(
        "--release", default="trixie", help="the hosts' Debian release(s) (default: %(default)s)"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=1,
        help="cells at a time, each in a lab of its own (default: %(default)s)",
    )
    parser.add_argument("--lab", help="a lab that is up, in place of one of its own")


def run_cells(options: argparse.Namespace, cells: t.Sequence[Cell], group: str) -> int:
    """Run the cells, print each as it ends, then a table; 1 unless all hold but those that are known not to."""
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    wanted = [words.split() for words in options.cell.split("|")]
    chosen = [
        cell for cell in cells if any(all(word in cell.id for word in words) for words in wanted)
    ]
    proven = find_proven(options.release)
    if options.unproven:
        chosen = [cell for cell in chosen if cell.id not in proven]
    if options.slice is not None:
        print(
            f"seed {seed}: ./dev faults {group}{' --unproven' * options.unproven} "
            f"--slice {options.slice} --seed {seed}",
            flush=True,
        )
        if not options.unproven:
            chosen = [cell for cell in chosen if cell.id in proven]
        chosen = random.Random(seed).sample(chosen, min(options.slice, len(chosen)))  # noqa: S311
        if not chosen:
            print("no cell of the group is proven yet")
            return NOTHING_PROVEN
    if options.list:
        print("\n".join(cell.id for cell in chosen))
        return 0
    with contextlib.ExitStack() as stack:
        scenes = _open_scenes(options, chosen, stack)
        outcomes = run_side_by_side(scenes, chosen)
    print(table(outcomes))
    return 0 if outcomes and all(is_as_expected(*pair) for pair in outcomes) else 1


def _open_scenes(
    options: argparse.Namespace, chosen: t.Sequence[Cell], stack: contextlib.ExitStack
) -> list[Scene]:
    """Make the scenes side by side, each in a lab of its own, that the stack takes down."""
    end_when_told()
    # one host more than is needed takes as long to look at as the others
    hosts = max((cell.hosts for cell in chosen), default=2)
    jobs = 1 if options.lab else max(1, min(options.jobs, len(chosen)))

    def open_one(_job: int) -> Scene:
        return stack.enter_context(open_scene(options.release, hosts, options.lab))

    with concurrent.futures.ThreadPoolExecutor(jobs) as threads:
        return list(threads.map(open_one, range(jobs)))


def run_side_by_side(
    scenes: t.Sequence[Scene], chosen: t.Sequence[Cell]
) -> list[tuple[Cell, Outcome]]:
    """Run cells, as many at a time as there are scenes, and print each as it ends."""
    idle: queue.SimpleQueue[Scene] = queue.SimpleQueue()
    for scene in scenes:
        idle.put(scene)

    def run(cell: Cell) -> tuple[Cell, Outcome]:
        scene = idle.get()
        try:
            outcome = run_cell(scene, cell)
        finally:
            idle.put(scene)
        print(describe(cell, outcome), flush=True)
        return cell, outcome

    threads = concurrent.futures.ThreadPoolExecutor(len(scenes))
    try:
        return list(threads.map(run, chosen))
    finally:
        # whoever interrupts does not wait for those that are under way: their hosts are about to go
        threads.shutdown(wait=False, cancel_futures=True)


def run_cell(scene: Scene, cell: Cell) -> Outcome:
    """Run one cell; what breaks off on the way is a problem of its own."""
    outcome, began = Outcome(), time.monotonic()
    try:
        cell.run(scene, outcome)
    except (
        RuntimeError,
        TimeoutError,
        LookupError,
        ValueError,
        subprocess.SubprocessError,
    ) as error:
        outcome.problems.append(f"the cell broke off: {type(error).__name__}: {error}"[:1500])
    outcome.seconds = time.monotonic() - began
    return outcome


def verdict(cell: Cell, outcome: Outcome) -> str:
    """One word, or two."""
    known = KNOWN_RED.get(cell.id)
    if outcome.problems:
        return f"known red ({known})" if known else "FAILS"
    return f"HOLDS, take it out of known_red.py ({known})" if known else "holds"


def is_as_expected(cell: Cell, outcome: Outcome) -> bool:
    """Whether it holds, or is known not to."""
    return bool(outcome.problems) == (cell.id in KNOWN_RED)


def _code(acted: str) -> str:
    """The exit code of an actor's script; what follows is that of whoever awaited the moment."""
    return next((line for line in acted.splitlines() if line.startswith("code ")), "")


def describe(cell: Cell, outcome: Outcome) -> str:
    """All that is known of a cell."""
    lines = [f"{verdict(cell, outcome)}: {cell.id} ({outcome.seconds:.0f} s)"]
    if outcome.acted and _code(outcome.acted) != "code 0":
        lines.append("    the actor could not do it, so this cell proves little")
    if outcome.acted:
        lines.append(f"    the actor: {' '.join(outcome.acted.split())[-400:]}")
    lines += [f"    {text}" for text in outcome.said]
    lines += [f"    WRONG: {problem}" for problem in outcome.problems]
    return "\n".join(lines)


def table(outcomes: t.Sequence[tuple[Cell, Outcome]]) -> str:
    """One line a cell, columns aligned, and how many hold."""
    rows = [
        (
            cell.id,
            f"{outcome.seconds:.0f} s",
            "; ".join(text.partition(":")[0] for text in outcome.said),
            verdict(cell, outcome),
            "; ".join(outcome.problems)[:160],
        )
        for cell, outcome in outcomes
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    hold = sum(not outcome.problems for _cell, outcome in outcomes)
    return "\n".join([*lines, f"{hold} of {len(rows)} hold"])
