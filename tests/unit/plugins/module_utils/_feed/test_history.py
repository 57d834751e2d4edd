# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.errors import RolledBack
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.history import FeedHistory


@pytest.fixture
def seen(tmp_path: Path) -> FeedHistory:
    return FeedHistory("https://me:secret@images.example.org/", tmp_path)


def test_a_feed_that_was_never_seen_passes(seen: FeedHistory) -> None:
    seen.check({"index.sjson": 100.0}, 200.0)
    assert seen.read_times() == {}


def test_an_older_one_is_refused_and_an_equal_one_is_not(seen: FeedHistory) -> None:
    seen.remember({"index.sjson": 100.0, "a.sjson": 50.0})
    seen.check({"index.sjson": 100.0, "a.sjson": 51.0, "b.sjson": 1.0}, 200.0)
    with pytest.raises(RolledBack, match=r"a\.sjson of the feed .*remove .*\.json") as caught:
        seen.check({"index.sjson": 101.0, "a.sjson": 49.0}, 200.0)
    assert "secret" not in caught.value.message
    assert "secret" not in seen.path.read_text()


def test_one_of_the_future_would_lock_out_all_that_follow(seen: FeedHistory) -> None:
    with pytest.raises(RolledBack, match="Set the clocks right"):
        seen.check({"index.sjson": 200_000.0}, 100.0)


def test_remembering_adds_and_writes_only_what_is_new(seen: FeedHistory) -> None:
    seen.remember({"a": 1.0})
    before = seen.path.stat().st_ino
    seen.remember({"a": 1.0})
    assert seen.path.stat().st_ino == before
    seen.remember({"b": 2.0})
    assert seen.read_times() == {"a": 1.0, "b": 2.0}


@pytest.mark.parametrize("text", ["", "[]", '{"updated": 5}', '{"updated": {"a": "x"}}'])
def test_a_damaged_memory_is_no_memory_to_go_on_with(seen: FeedHistory, text: str) -> None:
    seen.path.write_text(text)
    with pytest.raises(HeadroomError, match="cannot be read"):
        seen.check({"a": 1.0}, 2.0)


def test_each_feed_has_its_own(seen: FeedHistory, tmp_path: Path) -> None:
    seen.remember({"a": 9.0})
    FeedHistory("https://other.example.org/", tmp_path).check({"a": 1.0}, 10.0)
    assert json.loads(seen.path.read_text())["updated"] == {"a": 9.0}
