# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib

import pytest

from faults.outage import OPERATIONS


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_option_of_an_operation_is_one_of_its_module(name: str) -> None:
    operation = OPERATIONS[name]
    for module, options in (operation.task, *operation.before, *operation.after):
        found = importlib.import_module(
            f"ansible_collections.headroom.libvirt.plugins.modules.{module}"
        )
        assert set(options) <= set(found.ARGUMENTS.options)
