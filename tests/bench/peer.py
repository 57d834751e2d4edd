# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""community.libvirt, in an environment of its own: PyPI's `ansible` has it, and needs a newer Python than ours."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

from tools import pythons
from tools.checkout import cache_path

REQUIREMENTS: t.Final = (
    "ansible==14.5.0",
    "libvirt-python==12.8.0",
    "lxml==6.1.3",
    "jmespath==1.1.0",
)
_NEEDS: t.Final = 12


def python() -> Path | None:
    """The Python of that environment, made on first use; None on a machine without a Python that is new enough."""
    base = pythons.newest(_NEEDS)
    if base is None:
        print(
            f"bench: no Python 3.{_NEEDS} or newer: community.libvirt is left out", file=sys.stderr
        )
        return None
    digest = hashlib.sha256("\n".join((str(base), *REQUIREMENTS)).encode()).hexdigest()[:12]
    venv = cache_path() / f"peer-{digest}"
    if not (venv / "complete").exists():
        print(f"bench: installing {REQUIREMENTS[0]} for {base}", file=sys.stderr, flush=True)
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([base, "-m", "venv", venv], check=True)
        subprocess.run([venv / "bin/pip", "install", "-q", *REQUIREMENTS], check=True)
        (venv / "complete").touch()
    return venv / "bin/python"
