# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The visitors: a process inside the lab's network, and what they saw."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from dataclasses import dataclass
from pathlib import Path

from crowd.load import Tally

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from crowd.stage import Stage


@dataclass(frozen=True)
class Visitors:
    """Visitors that come from `start` (epoch seconds) on, and the file that they write what they saw to."""

    process: subprocess.Popen[bytes]
    start: float
    tallies_file: Path

    def tallies(self) -> dict[int, Tally]:
        """What the visitors saw, by interval."""
        if not self.tallies_file.exists():
            return {}
        rows = json.loads(self.tallies_file.read_text())
        return {int(index): Tally(**row) for index, row in rows.items()}

    def stop(self) -> None:
        """Send them home, if they are still there, once they have their answers."""
        self.process.terminate()
        self.process.wait()


def come(stage: Stage, url: str, start: float, interval: float, rates: Sequence[float]) -> Visitors:
    """Let `rates[i]` visitors a second ask for `url` during interval i after `start`."""
    tallies = stage.folder / "tallies.json"
    tallies.unlink(missing_ok=True)
    command = stage.in_lab(
        sys.executable, str(Path(__file__).with_name("load.py")),
        "--url", url, "--tallies", str(tallies), "--start", str(start), "--interval", str(interval),
        "--rates", *(str(rate) for rate in rates),
    )  # fmt: skip
    return Visitors(subprocess.Popen(command, stdin=subprocess.DEVNULL), start, tallies)
