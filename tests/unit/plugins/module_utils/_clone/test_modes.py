# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._clone import modes
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.modes import Choice, Place
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Unsupported

FILES = Place("default", "dir")
NO_REFLINK = Place("default", "dir", no_reflink="ext4 cannot.")
BLOCKS = Place("vg", "logical")


def test_auto_takes_the_fastest_and_says_why() -> None:
    chosen = modes.choose_mode("auto", FILES)
    assert chosen.mode == "linked"
    assert (
        chosen.reason
        == "Overlays on the appliance's disks copy nothing, and the pool 'default' allows it."
    )


@pytest.mark.parametrize("mode", modes.ALL_MODES)
def test_what_is_asked_for_is_taken(mode: modes.Mode) -> None:
    assert modes.choose_mode(mode, FILES) == Choice(mode, f"The task asks for {mode}.")


def test_a_file_system_without_reflinks_is_told_with_the_way_out() -> None:
    with pytest.raises(
        Unsupported, match=r"reflink does not work here: ext4 cannot\. Use mode: full"
    ) as caught:
        modes.choose_mode("reflink", NO_REFLINK)
    assert caught.value.details == {"mode": "reflink", "pool": "default"}
    assert modes.choose_mode("full", NO_REFLINK).mode == "full"


@pytest.mark.parametrize("asked", ["auto", *modes.ALL_MODES])
def test_a_pool_without_files_is_refused_by_name(asked: str) -> None:
    with pytest.raises(Unsupported, match=r"the pool 'vg' is of the type 'logical'"):
        modes.choose_mode(asked, BLOCKS)
