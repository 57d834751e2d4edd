# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Galaxy takes the tarball and has nothing to say about it: its own importer, as it runs when somebody publishes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from tools import checkout, release


class Import(t.NamedTuple):
    """What the importer said, and what it would show of the collection."""

    log: str
    result: dict[str, t.Any]


def run_importer(tarball: Path, folder: Path) -> Import:
    """Import a tarball; its linter, which takes most of the time, has its turn in `./dev test --full`."""
    is_full = bool(os.environ.get("HEADROOM_FULL"))
    environment = {**os.environ, "GALAXY_IMPORTER_RUN_ANSIBLE_LINT": str(is_full).lower()}
    command = [sys.executable, "-m", "galaxy_importer.main", str(tarball)]
    done = subprocess.run(
        command, cwd=folder, env=environment, check=False, capture_output=True, text=True
    )
    log = done.stdout + done.stderr
    result = folder / "importer_result.json"
    return Import(log, json.loads(result.read_text()) if result.exists() else {})


def list_complaints(log: str) -> list[str]:
    return [line for line in log.splitlines() if line.startswith(("WARNING", "ERROR"))]


@pytest.fixture(scope="module")
def tarball(installed: Path) -> Path:
    (path,) = (installed.parent / "built").iterdir()
    return path


@pytest.fixture(scope="module")
def imported(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Import:
    return run_importer(tarball, tmp_path_factory.mktemp("importer"))


def test_it_is_taken_without_a_complaint(imported: Import) -> None:
    assert "Importer processing completed successfully" in imported.log, imported.log
    assert list_complaints(imported.log) == []


def test_all_that_is_in_it_is_shown(imported: Import) -> None:
    shown = {(row["content_type"], row["name"]) for row in imported.result["contents"]}
    modules = {path.stem for path in (checkout.ROOT / "plugins/modules").glob("[!_]*.py")}
    roles = {path.name for path in (checkout.ROOT / "roles").iterdir()}
    playbooks = {path.name for path in (checkout.ROOT / "playbooks").glob("*.yml")}
    expected = {"module": modules, "role": roles, "playbook": playbooks, "inventory": {"domains"}}
    for kind, names in expected.items():
        assert {name for what, name in shown if what == kind} == names
    assert imported.result["requires_ansible"] == ">=2.19.0"


def test_what_galaxy_minds_is_seen(tarball: Path, tmp_path: Path) -> None:
    """A collection without a changelog is taken with a complaint, and one whose manifest does not fit is not."""
    content = release.read_content(tarball)
    spoilt = {name: row for name, row in content.items() if name != "README.md"}
    (tmp_path / tarball.name).write_bytes(release.pack(spoilt, 0))
    told = run_importer(tmp_path / tarball.name, tmp_path)
    assert "completed successfully" not in told.log
    assert "README.md" in told.log
