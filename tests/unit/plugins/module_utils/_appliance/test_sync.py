# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import sync
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import Manifest
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput, NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.entry import FeedEntry
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.read import Feed, FeedAddress

SITE = "https://images.example.org/"


def feed(*offered: tuple[str, str]) -> Feed:
    offers = tuple(FeedEntry(f"p:{name}", name, version, "x86_64", ()) for name, version in offered)
    return Feed(FeedAddress(SITE, None), offers, {})


def have(name: str, version: str, origin: str | None = SITE) -> Manifest:
    return Manifest(name, version, "2026-01-01T00:00:00Z", "x86_64", "bios", "", (), origin=origin)


def ids(things: tuple[FeedEntry, ...] | tuple[Manifest, ...]) -> list[str]:
    return sorted(f"{one.name}:{one.version}" for one in things)


def test_the_newest_versions_come_and_older_ones_of_the_same_feed_go() -> None:
    offered = feed(("web", "1"), ("web", "2"), ("web", "3"), ("db", "1"))
    held = [
        have("web", "1"),
        have("web", "2"),
        have("mine", "1", None),
        have("web", "0", None),
        have("gone", "1"),
    ]
    plan = sync.make_plan(offered, held, ["*"], "x86_64", 2)
    assert ids(plan.missing) == ["db:1", "web:3"]
    assert ids(plan.present) == ["web:2"]
    assert ids(plan.surplus) == ["web:1"]


def test_a_second_run_has_nothing_to_do() -> None:
    plan = sync.make_plan(feed(("web", "1")), [have("web", "1")], ["web"], "x86_64", 2)
    assert (plan.missing, plan.surplus) == ((), ())


def test_patterns_choose() -> None:
    plan = sync.make_plan(feed(("web", "1"), ("db", "1")), [have("db", "0")], ["w*"], "x86_64", 1)
    assert ids(plan.missing) == ["web:1"]
    assert plan.surplus == ()


def test_what_cannot_be() -> None:
    with pytest.raises(NotFound, match="nothing for x86_64 that nothing matches"):
        sync.make_plan(feed(("web", "1")), [], ["nothing"], "x86_64", 1)
    with pytest.raises(InvalidInput, match="must be a positive number of versions"):
        sync.make_plan(feed(("web", "1")), [], ["*"], "x86_64", 0)


def test_what_is_damaged_is_told_and_keeps_nothing_else_from_being_followed() -> None:
    offered = feed(("web", "1"), ("web", "2"), ("web", "3"), ("../db", "1"), ("box", "1"))
    damaged = dataclasses.replace(offered.entries[2], problem="web 3: no sha256")
    entries = (*offered.entries[:2], damaged, *offered.entries[3:])
    plan = sync.make_plan(
        dataclasses.replace(offered, entries=entries), [have("web", "2")], ["*"], "x86_64", 1
    )
    assert (ids(plan.missing), ids(plan.present), plan.surplus) == (["box:1"], ["web:2"], ())
    assert [(entry.name, entry.version) for entry, _problem in plan.refused] == [
        ("web", "3"),
        ("../db", "1"),
    ]
    assert plan.refused[0][1] == "web 3: no sha256"
    assert "cannot be named so" in plan.refused[1][1]


def test_two_products_of_one_name_are_both_told() -> None:
    offers = tuple(FeedEntry(name, "a-b", "1", "x86_64", ()) for name in ("a:b", "a/b"))
    offered = Feed(FeedAddress(SITE, None), (*offers, *feed(("web", "1")).entries), {})
    plan = sync.make_plan(offered, [], ["*"], "x86_64", 1)
    assert ids(plan.missing) == ["web:1"]
    assert [entry.product for entry, _problem in plan.refused] == ["a:b", "a/b"]
    assert "the products 'a:b' and 'a/b' would all become a-b:1" in plan.refused[0][1]
