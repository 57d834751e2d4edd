# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python3 - SUBJECT STEP SCRIPT [KIND] < at_step.py`, on a host: run SCRIPT when the transaction there begins STEP.

SCRIPT is a shell script; $PID in it is the process of the module. A STEP that begins with a dot is awaited as done, an
empty one is the beginning. KIND is `migrate` by default.
A SCRIPT that exits with 86 says that it came too late, which is an error.
Only the standard library: it is sent as text.
"""

from __future__ import annotations

import json
import os
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


def main(subject: str, wanted: str, script: str, kind: str = "migrate") -> None:
    name, state = wanted.lstrip("."), "done" if wanted.startswith(".") else None
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        process, taken = steps(subject, kind)
        if taken is not None and (
            not name
            or any(step["name"] == name and state in (None, step["state"]) for step in taken)
        ):
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
