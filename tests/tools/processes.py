# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`kill_family`: end a process and all that came from it."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path


def kill_family(pid: int) -> None:
    """Kill a process and all that it started, whatever session that is in, at once."""
    family = [pid]
    for parent in family:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(FileNotFoundError):
                family += map(int, children.read_text().split())
    for member in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)
