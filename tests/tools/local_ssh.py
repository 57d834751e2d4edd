# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A program to stand in SSH's place: it runs here what is to run on the host, for tests of what is sent there."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from pathlib import Path

_PROGRAM = """#!/bin/sh
while [ "$1" != -- ]; do shift; done
shift 2
exec "$@"
"""


def make_command(folder: Path) -> str:
    """Make the program; what a URI says to have it run."""
    path = folder / "ssh"
    path.write_text(_PROGRAM)
    path.chmod(0o755)
    return f"command={path}"
