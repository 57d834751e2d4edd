# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._feed import entry as entries
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.entry import FeedEntry
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.errors import InvalidFeed


def offer(
    product: str = "web", version: str = "1", arch: str = "x86_64", problem: str | None = None
) -> FeedEntry:
    return FeedEntry(
        product, entries.derive_name(product), version, arch, (), aliases=("www",), problem=problem
    )


@pytest.mark.parametrize(
    "path", ["a", "a/b.img", "streams/v1/com.ubuntu.cloud:released.json", "a..b/c"]
)
def test_paths_below_the_feed_pass(path: str) -> None:
    assert entries.check_path("x", path) == path


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("../x", "leads out"),
        ("a/../../x", "leads out"),
        ("a//b", "leads out"),
        ("./a", "leads out"),
        ("/etc/shadow", "not relative"),
        ("http://evil/x", "not relative"),
        ("file:x", "not relative"),
        ("file:/etc/shadow", "not relative"),
        ("FILE:etc/shadow", "not relative"),
        ("https:evil/x", "not relative"),
        ("jar:file/x", "not relative"),
        ("//evil/x", "not relative"),
        ("", "holds characters"),
        (None, "holds characters"),
        (7, "holds characters"),
        ("a\nb", "holds characters"),
        ("a b", "holds characters"),
        ("a%2e%2e/x", "holds characters"),
        ("a\\..\\b", "holds characters"),
        ("a?b", "holds characters"),
        ("a" * 2000, "holds characters"),
    ],
)
def test_other_paths_are_refused(path: object, problem: str) -> None:
    with pytest.raises(InvalidFeed, match=problem):
        entries.check_path("the disk", path)


@given(st.text())
def test_no_path_that_passes_leads_anywhere_else(path: str) -> None:
    try:
        entries.check_path("x", path)
    except InvalidFeed:
        return
    assert not path.startswith("/")
    assert ".." not in path.split("/")
    assert path.isprintable() or not path.isascii()


@pytest.mark.parametrize("size", [0, -1, "1.5", "", None, True, 1 << 70, "9" * 100, [1]])
def test_what_is_no_size(size: object) -> None:
    with pytest.raises(InvalidFeed, match="is not a size in bytes"):
        entries.check_size("x", size)


@pytest.mark.parametrize("digits", ["", None, "ab", "g" * 64, "a" * 63, 5])
def test_what_is_no_checksum(digits: object) -> None:
    with pytest.raises(InvalidFeed, match="gives no sha256"):
        entries.check_checksum("x", "sha256", digits)


def test_the_newest_is_the_highest_version() -> None:
    offers = [offer(version=version) for version in ("1.9", "1.10", "1.10~rc1")]
    assert entries.select(offers, "web", None, "x86_64").version == "1.10"
    assert entries.select(offers, "www", "1.9", "x86_64").version == "1.9"


def test_what_is_not_offered_is_named_with_what_is() -> None:
    offers = [offer("a"), offer("b", arch="aarch64")]
    with pytest.raises(NotFound, match=r"no 'web' for x86_64; its products: a\. Name"):
        entries.select(offers, "web", None, "x86_64")
    with pytest.raises(NotFound, match=r"of the version '2' for x86_64; its versions: 1\. Name"):
        entries.select(offers, "a", "2", "x86_64")


def test_an_entry_that_is_damaged_does_not_spoil_the_others() -> None:
    offers = [offer("a", problem="the feed gives no sha256"), offer("b")]
    assert entries.select(offers, "b", None, "x86_64").product == "b"
    with pytest.raises(InvalidFeed, match="gives no sha256"):
        entries.select(offers, "a", None, "x86_64")


@pytest.mark.parametrize(
    ("name", "version"), [("../x", "1"), ("web", "../1"), ("web", "1\n"), ("", "1")]
)
def test_names_that_cannot_be_names_of_appliances(name: str, version: str) -> None:
    with pytest.raises(InvalidFeed, match="cannot be named so"):
        entries.check_entry(FeedEntry("web", name, version, "x86_64", ()))


def test_patterns_match_products_and_aliases_of_the_architecture() -> None:
    offers = [offer("web"), offer("db"), offer("web", arch="aarch64")]
    assert [one.product for one in entries.filter_matching(offers, ["w*"], "x86_64")] == [
        "web",
        "db",
    ]
    assert [one.product for one in entries.filter_matching(offers, ["we*"], "x86_64")] == ["web"]


def test_products_of_others_get_plain_names() -> None:
    assert (
        entries.derive_name("com.ubuntu.cloud:server:24.04:amd64")
        == "com.ubuntu.cloud-server-24.04-amd64"
    )
    assert len(entries.derive_name("x" * 200)) == 63
