# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules of the collection on this host, each in a process of its own that can be killed."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t


class Failed(Exception):
    """A module failed; its message."""


def start(name: str, options: dict[str, t.Any]) -> subprocess.Popen[str]:
    """Start the module."""
    return subprocess.Popen(
        [sys.executable, sys.argv[0], "module", name, json.dumps(options)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def result(process: subprocess.Popen[str]) -> dict[str, t.Any]:
    """What the module returned; raises Failed when it failed."""
    output, _none = process.communicate()
    try:
        returned: dict[str, t.Any] = json.loads(output.splitlines()[-1])
    except (IndexError, ValueError):
        raise Failed(output.strip() or f"no output, exit code {process.returncode}") from None
    if returned.get("failed"):
        raise Failed(returned.get("msg", output))
    return returned


def run(module: str, /, **options: t.Any) -> dict[str, t.Any]:
    """What the module returns; raises Failed."""
    return result(start(module, options))
