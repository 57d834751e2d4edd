# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest's clients saw while it was moved."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import subprocess
import threading
import time
import typing as t
from pathlib import Path

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from moving.hosts import Hosts

_PROBE = Path(__file__).with_name("probe.py")


@dataclasses.dataclass(frozen=True)
class Answer:
    """One answer of the guest; times are monotonic seconds of this machine."""

    asked: float
    answered: float
    acked: int
    reads: int
    bad: int
    errors: int


class Service:
    """All answers so far."""

    def __init__(self) -> None:
        self._answers: list[Answer] = []
        self._lock = threading.Lock()

    def add(self, answer: Answer) -> None:
        with self._lock:
            self._answers.append(answer)

    def forget(self) -> None:
        """Begin anew, as for another guest at the same address."""
        with self._lock:
            self._answers.clear()

    @property
    def answers(self) -> list[Answer]:
        with self._lock:
            return list(self._answers)

    @property
    def acked(self) -> int:
        """The last entry that the guest said is on its disk."""
        return max((answer.acked for answer in self.answers), default=0)

    def longest_gap_seconds(self, since: float) -> float:
        """The longest time without an answer, from `since` on."""
        return longest_gap([answer.answered for answer in self.answers if answer.answered >= since])

    def troubles(self) -> int:
        """How many reads and writes of the guest's disk failed, or read what was not written."""
        last = self.answers[-1:]
        return sum(answer.bad + answer.errors for answer in last)

    def await_answer(self, patience_seconds: float = 90) -> None:
        """Return when the guest answers anew; TimeoutError when it does not."""
        before, deadline = time.monotonic(), time.monotonic() + patience_seconds
        while not any(answer.asked > before for answer in self.answers[-1:]):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the guest did not answer for {patience_seconds} s")
            time.sleep(0.05)

    def await_growth(self, patience_seconds: float = 90) -> None:
        """Return when the guest has put a new entry on its disk; TimeoutError when it does not.

        A guest whose ledger has died goes on answering, and every check of its disk would be fine.
        """
        began = time.monotonic()
        self.await_answer(patience_seconds)
        before = self.acked
        while not any(answer.asked > began and answer.acked > before for answer in self.answers):
            if time.monotonic() > began + patience_seconds:
                raise TimeoutError(f"the guest wrote nothing for {patience_seconds} s")
            time.sleep(0.05)


def longest_gap(times: t.Sequence[float]) -> float:
    """The longest interval between two that follow each other."""
    return max((later - earlier for earlier, later in itertools.pairwise(times)), default=0.0)


@contextlib.contextmanager
def watched(hosts: Hosts, address: str) -> Iterator[Service]:
    """Yield the Service of the guest at `address`, watched while the block lasts."""
    service = Service()
    with subprocess.Popen(
        hosts.command("python3", str(_PROBE), f"http://{address}/ledger"),
        stdout=subprocess.PIPE,
        text=True,
    ) as probe:

        def read() -> None:
            for line in probe.stdout or ():
                service.add(Answer(**json.loads(line)))

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            yield service
        finally:
            probe.terminate()
            reader.join(timeout=5)
