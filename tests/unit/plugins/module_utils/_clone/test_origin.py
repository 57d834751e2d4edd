# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._clone import origin
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "ports"), [("10809", range(10809, 10810)), ("1-65535", range(1, 65536))]
)
def test_ports_are_one_or_a_range(text: str, ports: range) -> None:
    assert origin.parse_ports(text) == ports


@pytest.mark.parametrize("text", ["", "0", "9-1", "1-65536", "a", "1-", "-1", "1 - 2", "99999"])
def test_what_is_no_range_of_ports_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="source_ports"):
        origin.parse_ports(text)
