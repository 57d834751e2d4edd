# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ansible-test on a staged copy of the checkout, with a home of its own and interpreters that work."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import typing as t
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tools.checkout import ROOT, cache_path, collections_path, stage
from tools.processes import kill_family

if t.TYPE_CHECKING:
    from collections.abc import Iterator

BOOTSTRAP = "https://ci-files.testing.ansible.com/ansible-test/get-pip-{version}.py"
IMPORTING = ("sanity", "sanity.import.plugin")

# Stands in for get-pip.py: installs the pip that an index gave us, with the options that get-pip takes.
SHIM = """\
import runpy, sys
sys.path.insert(0, {wheel!r})
options = [option for option in sys.argv[1:] if option not in ("--no-setuptools", "--no-wheel")]
sys.argv = ["pip", "install", "--no-index", "--find-links", {folder!r}, *options]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


@contextlib.contextmanager
def staged() -> Iterator[Path]:
    """A copy of the checkout, for one at a time, at a lasting place: ansible-test keeps its virtual environment."""
    base = collections_path() / "sanity"
    base.mkdir(exist_ok=True)
    with (base / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        hurry_pylint(base)
        yield stage(base)


def hurry_pylint(base: Path) -> None:
    """Have pylint that has `base` on its path, as ansible-test puts it there, collect no garbage."""
    shutil.copy(Path(__file__).with_name("in_pylint") / "sitecustomize.py", base)


def hurry_import(home: Path) -> None:
    """Have each virtual environment in which ansible-test, with this home, imports our files compile them once."""
    program = Path(__file__).with_name("in_import") / "headroom_compile_once.py"
    for packages in home.glob(".ansible/test/venv/sanity*/*/*/lib/python3*/site-packages"):
        if packages.parents[3].parent.name in IMPORTING:
            shutil.copy(program, packages)
            (packages / f"{program.stem}.pth").write_text(f"import {program.stem}\n")


@dataclass(frozen=True)
class Run:
    """A run of ansible-test that was begun."""

    process: subprocess.Popen[str]
    said: t.IO[str]

    def result(self) -> tuple[int, str]:
        """Wait; return the exit code, and stdout and stderr together."""
        returncode = self.process.wait()
        self.said.seek(0)
        return returncode, self.said.read()


@contextlib.contextmanager
def begun(*arguments: str) -> Iterator[Run]:
    """Begin `ansible-test ARGUMENTS` on a staged copy, to end with the context; others have the processor first."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        process = subprocess.Popen(
            ["nice", sys.executable, "-m", "tools.ansible_test", *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )
        try:
            yield Run(process, said)
        finally:
            if process.poll() is None:
                kill_family(process.pid)  # ansible-test gives some of it a session of its own
                process.wait()


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
        "XDG_CONFIG_HOME": os.environ.get("XDG_CONFIG_HOME")
        or str(Path.home() / ".config"),  # pip's settings
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME")
        or str(Path.home() / ".cache"),  # pip's wheels
    }
    environment.pop("PYTHONPATH", None)
    if "--test" not in arguments or "import" in arguments:
        # If that does not succeed, the run itself says why.
        _run(collection, environment, *arguments, "--test", "import", "--prime-venvs")
        hurry_import(home)
    return _run(collection, environment, *arguments)


def _run(
    collection: Path, environment: t.Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
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
    download = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "-d",
        str(script.parent),
        f"pip=={version}",
    ]
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


if __name__ == "__main__":
    with staged() as checkout_copy:
        finished = run(checkout_copy, *sys.argv[1:])
    print(finished.stdout)
    sys.exit(finished.returncode)
