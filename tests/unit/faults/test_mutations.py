# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import shutil
import typing as t

import pytest

from faults.mutations import MUTATIONS, Mutation
from tools.checkout import ROOT

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_test_of_a_guarantee_is_there(mutation: Mutation) -> None:
    path, _colons, case = mutation.test.partition("::")
    assert (ROOT / path).exists()
    if case:
        name = case.partition("[")[2].rstrip("]")
        assert (ROOT / "tests/integration/targets" / name).is_dir()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_guarantee_can_be_broken_as_it_is_said(mutation: Mutation, tmp_path: Path) -> None:
    copy = tmp_path / "plugins/module_utils" / mutation.file
    copy.parent.mkdir(parents=True)
    shutil.copy(ROOT / "plugins/module_utils" / mutation.file, copy)
    mutation.apply(tmp_path)


def test_a_mutation_changes_the_one_place_that_it_names(tmp_path: Path) -> None:
    mutation = MUTATIONS[0]
    copy = tmp_path / "plugins/module_utils" / mutation.file
    copy.parent.mkdir(parents=True)
    copy.write_text(f"# before\n{mutation.before}\n# after\n")
    mutation.apply(tmp_path)
    assert copy.read_text() == f"# before\n{mutation.after}\n# after\n"


@pytest.mark.parametrize("times", [0, 2])
def test_a_mutation_that_fits_no_longer_says_where_to_mend_it(tmp_path: Path, times: int) -> None:
    copy = tmp_path / "plugins/module_utils" / MUTATIONS[0].file
    copy.parent.mkdir(parents=True)
    copy.write_text(MUTATIONS[0].before * times)
    with pytest.raises(ValueError, match=rf"has this {times} times.*tests/faults/mutations\.py"):
        MUTATIONS[0].apply(tmp_path)
