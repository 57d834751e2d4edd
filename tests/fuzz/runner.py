# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``fuzz`` feeds a target with what its mutation makes of its seeds; ``try_input`` says how it takes one input."""

from __future__ import annotations

import dataclasses
import math
import random
import time
import traceback
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError

from fuzz.bounds import TooSlow, bound_memory, bound_seconds

if t.TYPE_CHECKING:
    from fuzz.targets import Target

_OURS: t.Final = ("/plugins/", "/fuzz/targets.py")
# Of one input that is no larger than a real file; a bomb may take as much.
MEMORY_BYTES: t.Final = 512 * 1024**2
CPU_SECONDS: t.Final = 2.0


@dataclasses.dataclass
class Figures:
    """What came of a run: ``findings`` are {what is wrong and where: the shortest input that shows it}."""

    target: str
    executions: int = 0
    refusals: int = 0
    slowest_seconds: float = 0.0
    findings: dict[str, bytes] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        return (
            f"{self.target:20} {self.executions:8} executions, {self.refusals:8} refused, slowest "
            f"{self.slowest_seconds * 1000:6.1f} ms, {len(self.findings)} findings"
        )


class Verdict(t.NamedTuple):
    """How a target took an input: ``problem`` is what is wrong with that, None where it read or refused it as it may.

    ``error`` is what the problem shows itself by.
    """

    is_refused: bool = False
    problem: str | None = None
    error: BaseException | None = None


def try_input(target: Target, content: bytes) -> Verdict:
    """Return how the target takes ``content``: it may read it, or refuse it by one of our own errors."""
    try:
        with bound_seconds(CPU_SECONDS):
            target.parse(content)
    except HeadroomError:
        return Verdict(is_refused=True)
    except TooSlow as error:
        return Verdict(problem=f"takes too long at {_find_place(error)}", error=error)
    except Exception as error:  # noqa: BLE001 - each of them is a finding
        return Verdict(problem=f"{type(error).__name__} at {_find_place(error)}", error=error)
    return Verdict()


def _find_place(error: BaseException) -> str:
    """Return the deepest place in our own code that led to ``error``."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if any(part in frame.filename for part in _OURS)] or frames
    path = own[-1].filename
    return f"{path[path.rfind('/plugins/') + 1 :]}:{own[-1].lineno}"


def fuzz(
    target: Target, seed: int, *, executions: int | None = None, seconds: float | None = None
) -> Figures:
    """Return the figures of so many ``executions``, or of so many ``seconds``; one seed leads to the same inputs."""
    figures = Figures(target.name)
    chance = random.Random(seed)  # noqa: S311 - reproducible, not secret
    spoil = target.spoil(target.list_seeds())
    deadline = math.inf if seconds is None else time.monotonic() + seconds
    with bound_memory(MEMORY_BYTES):
        while figures.executions != executions and time.monotonic() < deadline:
            _note(target, spoil(chance), figures)
    return figures


def _note(target: Target, content: bytes, figures: Figures) -> None:
    start = time.process_time()
    verdict = try_input(target, content)
    problem = verdict.problem
    figures.executions += 1
    figures.refusals += verdict.is_refused
    figures.slowest_seconds = max(figures.slowest_seconds, time.process_time() - start)
    if problem is not None and len(content) < len(figures.findings.get(problem, content + b" ")):
        figures.findings[problem] = content


def list_bombs_that_go_off(target: Target) -> dict[str, bytes]:
    """Return {what is wrong: how it begins} of the target's bombs that are not taken as any other input is."""
    problems: dict[str, bytes] = {}
    for content in target.bombs():
        with bound_memory(MEMORY_BYTES):
            verdict = try_input(target, content)
        if verdict.problem is not None:
            problems[verdict.problem] = content[:100]
    return problems
