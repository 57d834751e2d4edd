# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ansible-test on a staged copy of the checkout, with a home of its own and interpreters that work."""

from __future__ import annotations

import os
import subprocess
import sys
import typing as t
import urllib.error
import urllib.request
from pathlib import Path

from tools.checkout import cache_path

if t.TYPE_CHECKING:
    from collections.abc import Iterator

BOOTSTRAP = "https://ci-files.testing.ansible.com/ansible-test/get-pip-{version}.py"

# Stands in for get-pip.py: installs the pip that an index gave us, with the options that get-pip takes.
SHIM = """\
import runpy, sys
sys.path.insert(0, {wheel!r})
options = [option for option in sys.argv[1:] if option not in ("--no-setuptools", "--no-wheel")]
sys.argv = ["pip", "install", "--no-index", "--find-links", {folder!r}, *options]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


def run(collection: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `ansible-test ARGUMENTS` in a staged collection; stdout and stderr come together."""
    # ansible-test tests what git lists, and nothing at all inside a folder that an outer repository ignores.
    subprocess.run(["git", "init", "-q"], cwd=collection, check=True)
    home = cache_path() / "ansible-test"
    _provide_pip(home)
    environment = {
        **os.environ,
        "HOME": str(home),
        "PATH": os.pathsep.join(_folders_of_real_pythons()),
        "XDG_CONFIG_HOME": os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config"),  # pip's settings
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache"),  # pip's wheels
    }
    environment.pop("PYTHONPATH", None)
    return subprocess.run(
        ["ansible-test", *arguments],
        cwd=collection,
        env=environment,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _folders_of_real_pythons() -> Iterator[str]:
    """PATH, with pyenv's interpreters in place of its shims: a shim runs nothing where no version is chosen."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from (folder for folder in os.get_exec_path() if Path(folder) != pyenv / "shims")
    yield from (str(folder) for folder in pyenv.glob("versions/3.*/bin"))


def _pip_version() -> str:
    """The pip that this ansible-test wants in its virtual environments."""
    from ansible_test._internal.host_configs import NativePythonConfig  # noqa: PLC0415
    from ansible_test._internal.python_requirements import get_venv_packages  # noqa: PLC0415

    python = NativePythonConfig(version="{}.{}".format(*sys.version_info[:2]), path=sys.executable)
    return str(get_venv_packages(python)["pip"])


def _provide_pip(home: Path) -> None:
    """Where ansible-test's download of get-pip.py does not answer, seed its cache with a stand-in."""
    version = _pip_version()
    script = home / ".ansible/test/cache" / f"get_pip_{version.replace('.', '_')}.py"
    if script.exists() or _answers(BOOTSTRAP.format(version=version)):
        return
    script.parent.mkdir(parents=True, exist_ok=True)
    download = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(script.parent), f"pip=={version}"]
    subprocess.run(download, check=True)
    (wheel,) = script.parent.glob(f"pip-{version}-*.whl")
    script.write_text(SHIM.format(wheel=str(wheel), folder=str(wheel.parent)), encoding="utf-8")


def _answers(url: str) -> bool:
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - the URL is a constant
    try:
        with urllib.request.urlopen(request, timeout=5):  # noqa: S310
            return True
    except (OSError, urllib.error.URLError):
        return False
