# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tarball that users install, and commands that know no other collection."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import typing as t

from tools import checkout

if t.TYPE_CHECKING:
    from pathlib import Path


def ansible(collections: Path, *command: str) -> str:
    """Return what a command prints that finds collections only below `collections`; raises with all that it said."""
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collections)}
    done = subprocess.run(
        command, cwd=collections, env=environment, check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def install_once(folder: Path) -> Path:
    """Install the tarball below `folder`, if no other process has; return where it is."""
    folder.mkdir(exist_ok=True)
    scratch, whole = folder / "scratch", folder / "whole"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            shutil.rmtree(scratch, ignore_errors=True)  # of one that failed
            scratch.mkdir()
            install(scratch)
            whole.touch()
    return scratch / "installed"


def install(scratch: Path) -> Path:
    """Build the tarball of this checkout and install it into an empty path below `scratch`; return that path."""
    built, installed = scratch / "built", scratch / "installed"
    built.mkdir()
    installed.mkdir()
    source = checkout.stage(scratch / "source")
    ansible(
        installed, "ansible-galaxy", "collection", "build", str(source), "--output-path", str(built)
    )
    (tarball,) = built.iterdir()
    ansible(
        installed,
        "ansible-galaxy",
        "collection",
        "install",
        "--offline",
        "-p",
        str(installed),
        str(tarball),
    )
    return installed
