# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which domains the inventory lists."""

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.filters import (
    read_filters,
)

FACTS = {"state": "running", "tags": ["edge"], "vcpus": 0, "title": None}


@pytest.mark.parametrize(
    ("names", "queries", "wanted"),
    [
        ([], [], True),
        (["web"], [], False),  # the whole name
        (["db", "web-.*"], [], True),
        ([], ["state == 'running'", "contains(tags, 'edge')"], True),
        ([], ["state == 'running'", "contains(tags, 'core')"], False),
        (["web-1"], ["state == 'shutoff'"], False),
        ([], ["vcpus"], True),  # as JMESPath has it: 0 is true
        ([], ["title"], False),
        ([], ["tags[?@ == 'core']"], False),
    ],
)
def test_filters(names: list[str], queries: list[str], wanted: bool) -> None:
    assert read_filters(names, queries).admit("web-1", FACTS) is wanted


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(InvalidInput, match=r"names: '\(' is not a regular expression"):
        read_filters(["("], [])
    with pytest.raises(InvalidInput, match="filters: "):
        read_filters([], ["state =="])
    with pytest.raises(InvalidInput, match="filters: "):
        read_filters([], ["contains(vcpus, 'x')"]).admit("web-1", FACTS)
