# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every guarantee can still be broken as tests/faults/mutations.py says, and its test is there."""

from __future__ import annotations

import ast
import shutil
import typing as t

import pytest

from faults.mutations import MUTATIONS, Mutation
from tools.checkout import ROOT

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_fits_and_its_test_is_there(mutation: Mutation, tmp_path: Path) -> None:
    copy = tmp_path / "plugins/module_utils" / mutation.file
    copy.parent.mkdir(parents=True)
    shutil.copy(ROOT / "plugins/module_utils" / mutation.file, copy)
    mutation.apply(tmp_path)
    ast.parse(copy.read_text())
    path, _colons, case = mutation.test.partition("::")
    assert (ROOT / path).exists()
    if case:
        name = case.partition("[")[2].rstrip("]")
        assert (ROOT / "tests/integration/targets" / name).is_dir()


def test_a_mutation_that_fits_no_longer_says_where_to_mend_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has this 0 times.*tests/faults/mutations\.py"):
        MUTATIONS[0].apply(tmp_path)
