# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python3 signal_at_step.py SUBJECT STEPS SIGNAL`: signal the run about SUBJECT when it has begun so many steps."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import sqlite3
import sys
import time

QUERY = "SELECT process, steps FROM record WHERE state = 'unfinished' AND subject = ? ORDER BY number DESC"


def is_free() -> bool:
    """Whether the journal can be written to, so that a run that stands still keeps nobody from it."""
    try:
        opened = sqlite3.connect(
            "file:/var/lib/headroom/journal.sqlite?mode=rw", uri=True, timeout=0.2
        )
        opened.execute("BEGIN IMMEDIATE")
        opened.close()
    except sqlite3.Error:
        return False
    return True


def stands_still(process: int) -> bool:
    """Whether all threads of the process have stopped: the signal is sent before the last of them has noticed."""
    try:
        tasks = [task.read_text() for task in pathlib.Path(f"/proc/{process}/task").glob("*/stat")]
    except OSError:  # a thread that ended instead
        return False
    return all(task.rpartition(")")[2].split()[0] == "T" for task in tasks)


def main(subject: str, steps: str, name: str) -> None:
    """Signal; exit code 1 when no such run came within a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            opened = sqlite3.connect("file:/var/lib/headroom/journal.sqlite?mode=ro", uri=True)
            found = opened.execute(QUERY, (subject,)).fetchone()
            opened.close()
        except sqlite3.Error:  # not there yet, or being made
            found = None
        if found and found[0] and len(json.loads(found[1])) >= int(steps):
            os.kill(found[0], signal.Signals[f"SIG{name}"])
            if name != "STOP":
                return
            while not stands_still(found[0]):
                time.sleep(0.002)
            if is_free():
                return
            os.kill(
                found[0], signal.SIGCONT
            )  # it stood still in the middle of writing to the journal
        time.sleep(0.002)
    sys.exit(f"no run about {subject} began {steps} steps")


main(*sys.argv[1:])
