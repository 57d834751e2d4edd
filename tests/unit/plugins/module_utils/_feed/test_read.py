# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import email.utils
import hashlib
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
    ExpiredFeed,
    InvalidFeed,
    NotSigned,
    RolledBack,
    WrongFeed,
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


DAY = 86400.0


def write_date(moment: float) -> str:
    return email.utils.formatdate(moment)


@dataclasses.dataclass
class Publisher:
    """Writes a feed with one product, whose version tells which edition it is."""

    server: Server
    feed_id: str | None = "f1"
    site: str = SITE
    content: str = "b"
    binds: bool = True

    def write_products(self, moment: float, version: str) -> bytes:
        item = {"ftype": "disk1.img", "path": "box.img", "sha256": "a" * 64, "size": 9}
        versions = {version: {"items": {"disk1.img": item}}}
        data = {
            "format": "products:1.0",
            "updated": write_date(moment),
            "products": {"box": {"arch": "amd64", "versions": versions}},
        }
        text = json.dumps(data).encode()
        self.server.files[f"{self.site}/streams/v1/b.sjson"] = text
        return text

    def write_index(self, moment: float, products: bytes | None, **more: object) -> None:
        entry: dict[str, object] = {"path": "streams/v1/b.sjson", "format": "products:1.0"}
        if products is not None:
            entry |= {"sha256": hashlib.sha256(products).hexdigest(), "size": len(products)}
        data = {
            "format": "index:1.0",
            "updated": write_date(moment),
            "index": {self.content: entry},
            **({} if self.feed_id is None else {"feed_id": self.feed_id}),
            **more,
        }
        self.server.files[f"{self.site}/streams/v1/index.sjson"] = json.dumps(data).encode()

    def publish(self, moment: float, version: str = "1", **more: object) -> None:
        products = self.write_products(moment, version)
        self.write_index(moment, products if self.binds else None, **more)


def follow(url: str, folder: Path, now: float, max_age: float | None = None) -> list[str]:
    """Read a feed as a task does, and return the versions that it has."""
    history = FeedHistory(url, folder)
    address = read.FeedAddress(url, TRUST, max_age=max_age)
    feed = read.read(transfer.Web(), address, history, now)
    history.remember(feed.times, feed.identity)
    return [entry.version for entry in feed.entries]


NOW = 1000 * DAY


def test_a_feed_that_nobody_signed_again_expires(server: Server, tmp_path: Path) -> None:
    publisher = Publisher(server)
    publisher.publish(NOW, expires=write_date(NOW + 30 * DAY))
    assert follow(SITE, tmp_path, NOW + 30 * DAY) == ["1"]
    with pytest.raises(ExpiredFeed, match="has not signed it again"):
        follow(SITE, tmp_path, NOW + 30 * DAY + 1)
    assert follow(SITE, tmp_path, NOW + 31 * DAY, max_age=40 * DAY) == ["1"]
    with pytest.raises(ExpiredFeed, match="max_age"):
        follow(SITE, tmp_path, NOW + 2 * DAY, max_age=DAY)


def test_a_feed_that_does_not_say_when_it_expires_may_be_30_days_old(
    server: Server, tmp_path: Path
) -> None:
    Publisher(server, binds=False).publish(NOW)
    assert follow(SITE, tmp_path, NOW + 30 * DAY) == ["1"]
    with pytest.raises(ExpiredFeed):
        follow(SITE, tmp_path, NOW + 400 * DAY)
    assert follow(SITE, tmp_path, NOW + 400 * DAY, max_age=500 * DAY) == ["1"]


@pytest.mark.parametrize("expires", ["soon", 5, None, ["x"]])
def test_an_end_that_is_no_time_is_no_end(server: Server, tmp_path: Path, expires: object) -> None:
    Publisher(server).publish(NOW, expires=expires)
    with pytest.raises(InvalidFeed, match="not a time"):
        follow(SITE, tmp_path, NOW)


def test_old_products_do_not_pass_under_a_new_index(server: Server, tmp_path: Path) -> None:
    publisher = Publisher(server)
    publisher.publish(NOW, "2")
    publisher.write_products(NOW - 2 * DAY, "1")
    with pytest.raises(InvalidFeed, match="not the one that its index names"):
        follow(SITE, tmp_path, NOW)


def test_nor_without_checksums_in_the_index(server: Server, tmp_path: Path) -> None:
    publisher = Publisher(server, binds=False)
    publisher.publish(NOW, "2")
    publisher.write_products(NOW - 400 * DAY, "1")
    with pytest.raises(ExpiredFeed):
        follow(SITE, tmp_path, NOW)
    publisher.write_products(NOW - DAY, "1")
    entry = {"path": "streams/v1/b.sjson", "format": "products:1.0", "updated": write_date(NOW)}
    publisher.write_index(NOW, None, index={"b": entry})
    with pytest.raises(InvalidFeed, match="old products under a new index"):
        follow(SITE, tmp_path, NOW)


@pytest.mark.parametrize(
    "spelling",
    [
        f"{SITE}/",
        f"{SITE}//",
        SITE.replace("https://images", "https://IMAGES"),
        SITE.replace(".org/", ".org:443/"),
        SITE.replace(".org/", ".org./"),
        SITE.replace("/feed", "/x/../feed"),
        SITE.replace("/feed", "/./feed"),
        SITE.replace("/feed", "//feed"),
        SITE.replace("feed", "%66e%65d"),
        SITE.replace("https://", "https://me:pw@"),
    ],
)
def test_an_old_feed_is_old_by_every_spelling_of_its_address(
    server: Server, tmp_path: Path, spelling: str
) -> None:
    Publisher(server, feed_id=None).publish(NOW, "2")
    assert follow(SITE, tmp_path, NOW) == ["2"]
    for site in (SITE, spelling.rstrip("/")):
        Publisher(server, feed_id=None, site=site).publish(NOW - DAY, "1")
    with pytest.raises(RolledBack):
        follow(spelling, tmp_path, NOW)


def test_an_old_feed_is_old_on_every_mirror(server: Server, tmp_path: Path) -> None:
    Publisher(server).publish(NOW, "2")
    assert follow(SITE, tmp_path, NOW) == ["2"]
    mirror = "https://mirror.example.net/feed"
    Publisher(server, site=mirror).publish(NOW - DAY, "1")
    with pytest.raises(RolledBack):
        follow(mirror, tmp_path, NOW)


@pytest.mark.parametrize(
    ("first", "other"),
    [
        (("f1", "b"), ("f2", "b")),
        (("f1", "b"), (None, "b")),
        ((None, "com.example:released"), (None, "com.example:daily")),
    ],
)
def test_another_feed_of_the_same_key_does_not_take_its_place(
    server: Server,
    tmp_path: Path,
    first: tuple[str | None, str],
    other: tuple[str | None, str],
) -> None:
    Publisher(server, feed_id=first[0], content=first[1]).publish(NOW)
    follow(SITE, tmp_path, NOW)
    Publisher(server, feed_id=other[0], content=other[1]).publish(NOW + 1)
    with pytest.raises(WrongFeed, match="another one than was read there before"):
        follow(SITE, tmp_path, NOW + 1)


def test_a_feed_that_gets_an_id_stays_the_same(server: Server, tmp_path: Path) -> None:
    Publisher(server, feed_id=None).publish(NOW)
    follow(SITE, tmp_path, NOW)
    Publisher(server).publish(NOW + 1)
    assert follow(SITE, tmp_path, NOW + 1) == ["1"]


def test_what_older_releases_remembered_by_the_spelling_still_counts(
    server: Server, tmp_path: Path
) -> None:
    name = hashlib.sha256(f"{SITE}/".encode()).hexdigest()[:32]
    kept = {"url": f"{SITE}/", "updated": {"streams/v1/index.sjson": NOW}}
    (tmp_path / f"{name}.json").write_text(json.dumps(kept))
    Publisher(server).publish(NOW - DAY)
    with pytest.raises(RolledBack):
        follow(f"{SITE}/", tmp_path, NOW)


def test_no_file_lies_outside_of_its_feed() -> None:
    address = read.FeedAddress(SITE, TRUST)
    assert address.locate("a/b:c.img") == f"{SITE}/a/b:c.img"
    for path in ("../x", "/x", "//evil/x", "https://evil/x", "file:/etc/shadow", "a/../../x"):
        with pytest.raises(InvalidFeed, match="does not lie below it"):
            address.locate(path)
