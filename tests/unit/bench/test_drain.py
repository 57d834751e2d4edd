# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from bench import drain


def test_what_a_watcher_printed_is_read_but_for_a_line_that_is_cut_off() -> None:
    samples = list(drain.read_samples("k2", "1.5 a b\n2.0\n2.5 a b"))
    assert samples == [
        drain.Sample(1.5, "k2", frozenset({"a", "b"})),
        drain.Sample(2.0, "k2", frozenset()),
    ]


def test_a_moment_at_which_a_host_could_not_be_lost_is_found() -> None:
    """A guest that two hosts have takes room on both."""
    samples = [
        *drain.read_samples("k1", "1.0 a b c\n4.0\n"),
        *drain.read_samples("k2", "1.1 a\n2.1 a b\n3.1 a\n"),
        *drain.read_samples("k3", "1.2\n2.2 b c\n3.2 b c\n"),
    ]
    breaches = list(drain.list_breaches(samples, ["k2", "k3"], 3))
    assert breaches == [(2.2, {"k1": 3, "k2": 2, "k3": 2})]
    assert not list(drain.list_breaches(samples, ["k2", "k3"], 4))


def test_a_host_whose_watcher_told_nothing_is_named() -> None:
    samples = [*drain.read_samples("k1", "1.0 a\n"), *drain.read_samples("k2", "1.1")]
    assert drain.list_unseen(samples, ["k1", "k2", "k3"]) == ["k2", "k3"]


@pytest.mark.parametrize(
    ("change", "same"),
    [({}, True), ({"uptime": 3.0}, False), ({"boot_count": 2}, False), ({"uuid": "x"}, False)],
)
def test_a_guest_is_the_same_if_it_has_not_booted_since(
    change: dict[str, object], same: bool
) -> None:
    before = {"uuid": "u", "machine_id": "m", "mac": "c", "boot_count": 1, "uptime": 5.0}
    assert drain.is_same(before, {**before, "uptime": 9.5, **change}) is same
