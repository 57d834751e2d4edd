# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python3 - SUBJECT STEP SCRIPT [KIND [stop]] < at_step.py`, on a host: run SCRIPT when the transaction begins STEP.

SCRIPT is a shell script; $PID in it is the process of the module. A STEP that begins with a dot is awaited as done, an
empty one is the beginning. KIND is `migrate` by default. With `stop` the module stands still as soon as the step is
seen: a shell would take as long to start as some steps take.
A SCRIPT that exits with 86 says that it came too late, which is an error.
Only the standard library: it is sent as text.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

_JOURNAL = "file:/var/lib/headroom/journal.sqlite?mode=ro"
_PATIENCE_SECONDS = 120
_NEVER_CAME = 86


def steps(subject: str, kind: str) -> tuple[int | None, list[dict[str, str]] | None]:
    """The process and the steps of the transaction that is under way; None without one."""
    try:
        opened = sqlite3.connect(_JOURNAL, uri=True)
        row = opened.execute(
            "SELECT process, steps FROM record WHERE kind = ? AND state = 'unfinished' AND subject = ? "
            "ORDER BY started DESC",
            (kind, subject),
        ).fetchone()
        opened.close()
    except sqlite3.Error:  # not there yet, or being made
        return None, None
    return (row[0], json.loads(row[1])) if row else (None, None)


def go_first() -> None:
    """Look before all others get to run, however busy the machine is; what is started from here does not."""
    with contextlib.suppress(OSError):
        policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(1))


def main(subject: str, wanted: str, script: str, kind: str = "migrate", hold: str = "") -> None:
    go_first()
    name, state = wanted.lstrip("."), "done" if wanted.startswith(".") else None
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        process, taken = steps(subject, kind)
        if taken is not None and (
            not name
            or any(step["name"] == name and state in (None, step["state"]) for step in taken)
        ):
            if hold and process:
                os.kill(process, signal.SIGSTOP)
            done = subprocess.run(
                ["sh", "-c", script], env={**os.environ, "PID": str(process)}, check=False
            )
            if done.returncode == _NEVER_CAME:
                sys.exit("the phase was over before it was seen")
            print("code", done.returncode)
            return
        time.sleep(0.01)
    sys.exit(f"no {kind} of {subject} has come to {wanted or 'begin'}")


if __name__ == "__main__":
    main(*sys.argv[1:])
