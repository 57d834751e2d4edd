# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess
import sys
import typing as t

from tools import ansible_test

if t.TYPE_CHECKING:
    from pathlib import Path

# Counts what is compiled, and imports a file twice, each time as if for the first; then in another text.
LOOK: t.Final = """
import builtins, importlib, pathlib, sys
sys.dont_write_bytecode = True
compiled = []
genuine = builtins.compile
def count(source, filename, *more, **options):
    if str(filename).endswith("ours.py"):
        compiled.append(bytes(source))
    return genuine(source, filename, *more, **options)
builtins.compile = count
import headroom_compile_once
path = pathlib.Path(sys.argv[1], "ours.py")
sys.path.insert(0, sys.argv[1])
for text in ("print('first')", "print('first')", "print('other one')"):
    path.write_text(text)
    importlib.invalidate_caches()
    sys.modules.pop("ours", None)
    import ours
print(len(compiled))
"""


def test_a_file_is_compiled_once_and_runs_each_time(tmp_path: Path) -> None:
    packages = tmp_path / ".ansible/test/venv/sanity/3.9/abc/lib/python3.9/site-packages"
    others = tmp_path / ".ansible/test/venv/sanity.pep8/3.11/abc/lib/python3.11/site-packages"
    for folder in (packages, others, tmp_path / "code"):
        folder.mkdir(parents=True)
    ansible_test.hurry_import(tmp_path)
    assert list(others.iterdir()) == []
    assert (packages / "headroom_compile_once.pth").read_text() == "import headroom_compile_once\n"
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(tmp_path / "code")],
        env={**os.environ, "PYTHONPATH": str(packages)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == ["first", "first", "other one", "2"]
