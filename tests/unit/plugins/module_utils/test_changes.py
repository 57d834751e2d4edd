# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes

VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3))


def test_nothing_recorded_is_no_change() -> None:
    assert Changes().as_result() == {"changed": False, "diff": {"before": {}, "after": {}}}


def test_equal_values_are_no_change() -> None:
    changes = Changes()
    assert not changes.add("state", "running", "running")
    assert not changes.changed


def test_there_and_back_is_no_change() -> None:
    changes = Changes()
    changes.add("state", "running", "paused")
    changes.add("state", "paused", "running")
    assert changes.as_result() == {"changed": False, "diff": {"before": {}, "after": {}}}


@given(st.lists(st.tuples(st.sampled_from("abc"), VALUES, VALUES)))
def test_changed_says_what_diff_says(steps: list[tuple[str, object, object]]) -> None:
    changes = Changes()
    for name, before, after in steps:
        changes.add(name, before, after)
    diff = changes.diff
    assert changes.changed == (diff["before"] != diff["after"])
    assert diff["before"].keys() == diff["after"].keys()
