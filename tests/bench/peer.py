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

from tools.checkout import cache_path

if t.TYPE_CHECKING:
    from collections.abc import Iterator

REQUIREMENTS: t.Final = ("ansible==14.5.0", "libvirt-python==12.8.0", "lxml==6.1.3", "jmespath==1.1.0")
_NEEDS: t.Final = (3, 12)


def python() -> Path | None:
    """The Python of that environment, made on first use; None on a machine without a Python that is new enough."""
    base = next(_candidates(), None)
    if base is None:
        print(f"bench: no Python {'.'.join(map(str, _NEEDS))} or newer: community.libvirt is left out", file=sys.stderr)
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


def _candidates() -> Iterator[Path]:
    named = [shutil.which(f"python3.{minor}") for minor in (14, 13, 12)]
    folders = sorted((Path.home() / ".pyenv/versions").glob("3.1[2-9]*"), reverse=True)
    for path in [*(Path(name) for name in named if name), *(folder / "bin/python3" for folder in folders)]:
        if subprocess.run([path, "-c", _CHECK], check=False, stderr=subprocess.DEVNULL).returncode == 0:
            yield path


# pyenv's shims exist for versions that are not chosen; headers are there where libvirt's binding can be built
_CHECK: t.Final = (
    f"import sys, sysconfig, pathlib; sys.exit(sys.version_info < {_NEEDS!r} "
    "or not pathlib.Path(sysconfig.get_path('include'), 'Python.h').exists())"
)
