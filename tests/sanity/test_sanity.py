# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-test's sanity tests on what a commit of this work tree would hold."""

from __future__ import annotations

import typing as t

import pytest

from tools import ansible_test

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def collection() -> Iterator[Path]:
    with ansible_test.staged() as path:
        yield path


def test_sanity(sanity_run: ansible_test.Run) -> None:
    returncode, said = sanity_run.result()
    if returncode != 0 or "All targets skipped" in said:
        pytest.fail(f"ansible-test is not content:\n{said}", pytrace=False)


def test_sanity_sees_a_planted_fault(collection: Path) -> None:
    """Proves that the run above looks at our files: ansible-test passes, too, when it finds none."""
    (collection / "plugins/module_utils/_planted.py").write_text("def (:\n", encoding="utf-8")
    done = ansible_test.run(collection, "sanity", "--venv", "--color", "no", "--test", "compile")
    assert done.returncode != 0
    assert "plugins/module_utils/_planted.py:1:" in done.stdout
