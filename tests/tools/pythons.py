# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Pythons of this machine for which libvirt's binding can be built."""

from __future__ import annotations

import shutil
import subprocess
import typing as t
from pathlib import Path

_SUPPORTED: t.Final = (14, 13, 12, 11)  # minor versions, the newest first
# pyenv's shims exist for versions that are not chosen; headers are there where the binding can be built
_CHECK: t.Final = (
    "import sys, sysconfig, pathlib; sys.exit(sys.version_info[:2] != (3, {minor}) "
    "or not pathlib.Path(sysconfig.get_path('include'), 'Python.h').exists())"
)


def newest(least: int, most: int = _SUPPORTED[0]) -> Path | None:
    """The newest Python from 3.`least` to 3.`most`; None where there is none."""
    wanted = (minor for minor in _SUPPORTED if least <= minor <= most)
    return next(
        (path for minor in wanted for path in _named(minor) if _is_usable(path, minor)), None
    )


def _named(minor: int) -> list[Path]:
    found = shutil.which(f"python3.{minor}")
    of_pyenv = sorted((Path.home() / ".pyenv/versions").glob(f"3.{minor}.*"), reverse=True)
    return [*([Path(found)] if found else []), *(folder / "bin/python3" for folder in of_pyenv)]


def _is_usable(path: Path, minor: int) -> bool:
    check = [str(path), "-c", _CHECK.format(minor=minor)]
    return subprocess.run(check, check=False, stderr=subprocess.DEVNULL).returncode == 0
