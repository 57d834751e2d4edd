# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A catalogue follows a feed, of which a part cannot be used, on libvirt's test driver."""

from __future__ import annotations

import contextlib
import os
import types
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import (
    apply,
    images,
    offer,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._feed import (
    read,
    simplestreams,
    transfer,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.errors import (
    InvalidFeed,
    TransferFailed,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
from ansible_collections.headroom.libvirt.plugins.modules import appliance

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.images import Location
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

SITE = "https://images.example.org/"
DISK = bytes(4096)
PAGE = b"<!DOCTYPE html><title>Moved</title>".ljust(4096)


class Follow(t.Protocol):
    def __call__(self, products: t.Mapping[str, t.Any], **params: t.Any) -> dict[str, t.Any]: ...


def product(path: str, **item: t.Any) -> dict[str, t.Any]:
    disk = {"ftype": "disk1.img", "path": path, "sha256": "a" * 64, "size": 4096, **item}
    return {"arch": "i386", "versions": {"1": {"items": {"disk": disk}}}}


@pytest.fixture
def follow(
    node: Connection,
    contents: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Follow:
    """Run the task against a feed of ``products``, whose files are named after what they hold."""
    del contents
    files = {"disk": DISK, "page": PAGE}

    @contextlib.contextmanager
    def fetch(location: Location, _means: images.Means) -> t.Iterator[int]:
        name = location.place.removeprefix(SITE)
        if name == "dead":
            raise TransferFailed(f"{location.place} did not answer")
        if name not in files:
            raise transfer.Missing(f"{location.place} is not there")
        path = tmp_path / name
        path.write_bytes(files[name])
        descriptor = os.open(path, os.O_RDONLY)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    monkeypatch.setattr(images, "_fetch", fetch)

    def task(products: t.Mapping[str, t.Any], **params: t.Any) -> dict[str, t.Any]:
        entries = tuple(simplestreams.read_products({"products": products}))
        feed = read.Feed(read.FeedAddress(SITE, None), entries, {})
        monkeypatch.setattr(offer, "open_feed", lambda *_arguments: feed)
        said: dict[str, t.Any] = {
            name: one.get("default") for name, one in appliance.ARGUMENTS.options.items()
        }
        options = t.cast("t.Any", appliance.ARGUMENTS.options["source"])["options"]
        source = {name: one.get("default") for name, one in options.items()}
        source["feed"] = {"url": SITE, "products": [], "product": None}
        said |= {"source": source, "download_dir": str(tmp_path), **params}
        context = apply.RunContext(
            False, 0.0, lambda: "0" * 12, Journal(str(tmp_path / "journal.sqlite")), "i686"
        )
        return apply.synchronise(node, types.MappingProxyType(said), context)

    return task


def test_what_cannot_be_used_is_a_row_with_its_reason(follow: Follow) -> None:
    products = {
        "web": product("disk", sha256=None, size=None),
        "db": product("page"),
        "gone": product("nowhere"),
        "box": product(
            "disk", sha256="ad7facb2586fc6e966c004d7d1d16b024f5805ff7cb47c7a85dabd8b48892ca7"
        ),
    }
    result = follow(products, machine="pc")
    rows = {row["id"]: (row["action"], row["reason"]) for row in result["appliances"]}
    assert (result["changed"], rows["box:1"]) == (True, ("added", None))
    assert {row for row, (action, _reason) in rows.items() if action == "refused"} == {
        "db:1",
        "gone:1",
        "web:1",
    }
    assert "gives no sha256" in rows["web:1"][1]
    assert "is no disk image, but a page or document" in rows["db:1"][1]
    assert rows["gone:1"][1].endswith("gone is not there") or "is not there" in rows["gone:1"][1]
    assert len(result["warnings"]) == 3
    again = follow(products, machine="pc")
    assert (again["changed"], len(again["warnings"])) == (False, 3)


def test_a_feed_of_which_nothing_can_be_used_is_an_error(follow: Follow) -> None:
    with pytest.raises(
        InvalidFeed, match=r"nothing of the feed can be used: .* a page or document"
    ):
        follow({"db": product("page")}, machine="pc")


def test_what_concerns_all_alike_ends_the_run(follow: Follow) -> None:
    with pytest.raises(TransferFailed, match="did not answer"):
        follow({"a": product("dead"), "box": product("disk")}, machine="pc")
    with pytest.raises(InvalidInput, match="memory"):
        follow({"box": product("disk")}, memory="much")


def resolve(source: dict[str, t.Any], tmp_path: Path, **params: t.Any) -> t.Mapping[str, t.Any]:
    """What the options become on a host of aarch64."""
    options = {"arch": None, "sha256": None, "os_id": None, **params}
    empty = {"url": None, "checksums": None, "mirror": None}
    run = apply.RunContext(False, 0.0, lambda: "0" * 12, Journal(str(tmp_path / "j")), "aarch64")
    return apply._resolve_cloud({**options, "source": {**empty, **source}}, run)


def test_the_image_of_a_cloud_is_that_for_the_host(tmp_path: Path) -> None:
    params = resolve({"cloud": "debian-13"}, tmp_path)
    assert params["source"]["url"].endswith("debian-13-genericcloud-arm64.qcow2")
    assert params["source"]["checksums"].endswith("/trixie/latest/SHA512SUMS")
    assert params["os_id"] == "http://debian.org/debian/13"


def test_the_image_of_a_cloud_is_that_for_the_option(tmp_path: Path) -> None:
    params = resolve({"cloud": "debian-13"}, tmp_path, arch="x86_64", os_id="mine")
    assert params["source"]["url"].endswith("debian-13-genericcloud-amd64.qcow2")
    assert params["os_id"] == "mine"


def test_a_checksum_of_ones_own_takes_the_place_of_the_list(tmp_path: Path) -> None:
    params = resolve({"cloud": "debian-13"}, tmp_path, sha256="a" * 64)
    assert params["source"]["checksums"] is None


def test_a_list_of_ones_own_is_not_for_the_image_of_a_cloud(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="give sha256"):
        resolve({"cloud": "debian-13", "checksums": f"{SITE}SHA512SUMS"}, tmp_path)
