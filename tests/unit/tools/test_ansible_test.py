# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess
import sys
import typing as t

import pytest

from tools import ansible_test

if t.TYPE_CHECKING:
    from pathlib import Path

LOOK = "import gc; print(gc.isenabled())"


@pytest.mark.parametrize(("program", "collects"), [("pylint", "False"), ("yamllint", "True")])
def test_pylint_alone_collects_no_garbage(tmp_path: Path, program: str, collects: str) -> None:
    ansible_test.hurry_pylint(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", LOOK, program],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == collects
