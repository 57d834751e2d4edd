# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._feed import (
    read,
    signature,
    transfer,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.errors import (
    InvalidFeed,
    NotSigned,
    RolledBack,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.history import FeedHistory

if t.TYPE_CHECKING:
    from .conftest import Server

SITE = "https://images.example.org/feed"
TRUST = signature.Trust(b"", ("A" * 40,))


@pytest.fixture(autouse=True)
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every text for signed at the time 5; test_signature.py is about signatures."""
    monkeypatch.setattr(
        signature, "verify", lambda text, _trust, _what: signature.Signed(text, 5.0)
    )


def publish(
    server: Server, suffix: str = "sjson", updated: str | None = "Thu, 01 Jan 1970 00:01:40 +0000"
) -> None:
    item = {"ftype": "disk1.img", "path": "box.img", "sha256": "a" * 64, "size": 9}
    dated = {} if updated is None else {"updated": updated}
    versions = {"1": {"items": {"disk1.img": item}}}
    products = {
        "format": "products:1.0",
        **dated,
        "products": {"box": {"arch": "amd64", "versions": versions}},
    }
    index = {
        "format": "index:1.0",
        **dated,
        "index": {"b": {"path": "streams/v1/b.json", "format": "products:1.0"}},
    }
    server.files[f"{SITE}/streams/v1/index.{suffix}"] = json.dumps(index).encode()
    server.files[f"{SITE}/streams/v1/b.{suffix}"] = json.dumps(products).encode()


def test_signed_files_are_read_where_there_is_trust(server: Server, tmp_path: Path) -> None:
    publish(server)
    feed = read.read(
        transfer.Web(), read.FeedAddress(SITE, TRUST), FeedHistory(SITE, tmp_path), 200.0
    )
    assert [entry.product for entry in feed.entries] == ["box"]
    assert feed.times == {"streams/v1/index.sjson": 100.0, "streams/v1/b.sjson": 100.0}
    assert feed.locate(feed.entries[0].disks[0]) == f"{SITE}/box.img"
    assert list(tmp_path.iterdir()) == []


def test_a_feed_without_times_is_as_old_as_its_signature(server: Server, tmp_path: Path) -> None:
    publish(server, updated=None)
    feed = read.read(
        transfer.Web(), read.FeedAddress(SITE, TRUST), FeedHistory(SITE, tmp_path), 200.0
    )
    assert set(feed.times.values()) == {5.0}


def test_an_older_feed_is_refused(server: Server, tmp_path: Path) -> None:
    publish(server)
    seen = FeedHistory(SITE, tmp_path)
    seen.remember({"streams/v1/b.sjson": 101.0})
    with pytest.raises(RolledBack):
        read.read(transfer.Web(), read.FeedAddress(SITE, TRUST), seen, 200.0)


def test_unsigned_files_are_read_only_without_trust(server: Server, tmp_path: Path) -> None:
    publish(server, "json")
    assert (
        read.read(
            transfer.Web(), read.FeedAddress(SITE, None), FeedHistory(SITE, tmp_path), 200.0
        ).times
        == {}
    )
    with pytest.raises(NotSigned, match=r"has no signed streams/v1/index\.sjson"):
        read.read(transfer.Web(), read.FeedAddress(SITE, TRUST), FeedHistory(SITE, tmp_path), 200.0)


def test_an_index_of_very_many_files_is_refused(server: Server, tmp_path: Path) -> None:
    listed = {
        str(number): {"path": f"{number}.json", "format": "products:1.0"} for number in range(100)
    }
    server.files[f"{SITE}/streams/v1/index.json"] = json.dumps(
        {"format": "index:1.0", "index": listed}
    ).encode()
    with pytest.raises(InvalidFeed, match="names 100 files"):
        read.read(transfer.Web(), read.FeedAddress(SITE, None), FeedHistory(SITE, tmp_path), 200.0)


def test_the_files_of_a_virt_builder_index_lie_beside_it(server: Server, tmp_path: Path) -> None:
    url = f"{SITE}/index.asc"
    server.files[url] = f"[box]\nfile=box.xz\nsize=100\nchecksum={'b' * 128}\n".encode()
    feed = read.read(
        transfer.Web(),
        read.FeedAddress(url, TRUST, "virt-builder"),
        FeedHistory(url, tmp_path),
        200.0,
    )
    assert feed.times == {"index.asc": 5.0}
    assert feed.locate(feed.entries[0].disks[0]) == f"{SITE}/box.xz"


def test_a_signature_is_passed_over_where_nobody_asks_for_it(
    server: Server, tmp_path: Path
) -> None:
    """The only form in which libguestfs.org publishes its index."""
    url = f"{SITE}/index.asc"
    index = f"[box]\nfile=box.xz\nsize=100\nchecksum={'b' * 128}\nnotes=a\n- -----BEGIN\n"
    server.files[url] = (
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n"
        + index.replace("- -----", "- - -----")
        + "-----BEGIN PGP SIGNATURE-----\n\niQEz\n-----END PGP SIGNATURE-----\n"
    ).encode()
    address = read.FeedAddress(url, None, "virt-builder")
    feed = read.read(transfer.Web(), address, FeedHistory(url, tmp_path), 200.0)
    assert [entry.product for entry in feed.entries] == ["box"]
    assert feed.times == {}


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_what_was_signed_is_what_stands_between(newline: bytes) -> None:
    lines = [
        b"-----BEGIN PGP SIGNED MESSAGE-----",
        b"Hash: SHA512",
        b"",
        b"- -----BEGIN PGP SIGNATURE-----",
        b"",
        b"x",
        b"-----BEGIN PGP SIGNATURE-----",
        b"iQEz",
    ]
    expected = newline.join([b"-----BEGIN PGP SIGNATURE-----", b"", b"x", b""])
    assert signature.strip_signature(newline.join(lines)) == expected
    assert signature.strip_signature(b"plain") == b"plain"
    assert signature.strip_signature(lines[0]) == b""
