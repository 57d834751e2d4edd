# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`./dev lint` as tests: one for each linter."""

from __future__ import annotations

import pytest

from tools import lint


@pytest.mark.parametrize("name", lint.LINTERS)
def test_linter_is_content(name: str) -> None:
    content, said = lint.run(name)
    assert content, f"{name} complains:\n{said}"
