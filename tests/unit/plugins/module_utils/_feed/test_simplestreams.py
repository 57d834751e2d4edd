# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._feed import entry as entries
from ansible_collections.headroom.libvirt.plugins.module_utils._feed import simplestreams
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.errors import InvalidFeed

SHA = "a" * 64
# As cloud-images.ubuntu.com/releases has it, less other items.
UBUNTU: dict[str, t.Any] = {
    "content_id": "com.ubuntu.cloud:released:download",
    "datatype": "image-downloads",
    "format": "products:1.0",
    "updated": "Tue, 13 Oct 2026 10:00:00 +0000",
    "products": {
        "com.ubuntu.cloud:server:24.04:amd64": {
            "aliases": "24.04,n,noble",
            "arch": "amd64",
            "os": "ubuntu",
            "release_title": "24.04 LTS",
            "versions": {
                "20260423": {
                    "items": {
                        "disk1.img": {
                            "ftype": "disk1.img",
                            "path": "server/noble.img",
                            "sha256": SHA,
                            "size": 600,
                        },
                        "root.tar.xz": {
                            "ftype": "root.tar.xz",
                            "path": "server/r.xz",
                            "sha256": SHA,
                            "size": 5,
                        },
                        "manifest": {
                            "ftype": "manifest",
                            "path": "server/noble.manifest",
                            "sha256": SHA,
                            "size": 9,
                        },
                    }
                }
            },
        }
    },
}
# As images.linuxcontainers.org has it.
LXD: dict[str, t.Any] = {
    "format": "products:1.0",
    "products": {
        "debian:trixie:amd64:default": {
            "arch": "amd64",
            "aliases": "debian/trixie/default,debian/13",
            "versions": {
                "20260501_05:24": {
                    "items": {
                        "lxd.tar.xz": {
                            "ftype": "lxd.tar.xz",
                            "path": "i/lxd.tar.xz",
                            "sha256": SHA,
                            "size": 7,
                        },
                        "disk.qcow2": {
                            "ftype": "disk-kvm.img",
                            "path": "i/disk.qcow2",
                            "sha256": SHA,
                            "size": 8,
                        },
                    }
                }
            },
        }
    },
}


def changed(data: dict[str, t.Any], **item: object) -> dict[str, t.Any]:
    copied = t.cast("dict[str, t.Any]", json.loads(json.dumps(data)))
    (product,) = copied["products"].values()
    (version,) = product["versions"].values()
    version["items"]["disk1.img"].update(item)
    return copied


def test_ubuntus_tree() -> None:
    (found,) = simplestreams.read_products(UBUNTU)
    assert (found.name, found.version) == ("com.ubuntu.cloud-server-24.04-amd64", "20260423")
    assert (found.arch, found.aliases, found.description) == (
        "x86_64",
        ("24.04", "n", "noble"),
        "24.04 LTS",
    )
    assert [(disk.path, disk.size_bytes, disk.checksum.digits) for disk in found.disks] == [
        ("server/noble.img", 600, SHA)
    ]
    assert found.manifest is None


def test_lxds_tree() -> None:
    (found,) = simplestreams.read_products(LXD)
    assert [disk.path for disk in found.disks] == ["i/disk.qcow2"]
    assert entries.check_entry(found) is found
    assert (found.name, found.version) == ("debian-trixie-amd64-default", "20260501_05-24")
    assert (found.arch, found.firmware, found.secure_boot) == ("x86_64", "efi", None)
    assert entries.select([found], "debian/13", "20260501_05-24", "x86_64") is found


def test_what_incus_is_told_of_a_product() -> None:
    data = json.loads(json.dumps(LXD))
    (product,) = data["products"].values()
    for said, meant in (("false", False), (False, False), ("true", None)):
        product["requirements"] = {"secureboot": said}
        assert simplestreams.read_products(data)[0].secure_boot is meant


def test_a_feed_may_say_the_longer_checksum_alone() -> None:
    (found,) = simplestreams.read_products(changed(UBUNTU, sha256=None, sha512="c" * 128))
    assert (found.problem, found.disks[0].checksum) == (None, entries.Checksum("sha512", "c" * 128))
    (found,) = simplestreams.read_products(changed(UBUNTU, sha256=None, sha512="c" * 64))
    assert "gives no sha512" in (found.problem or "")


@pytest.mark.parametrize("version", ["../../etc/cron.d/box", "1/2", "1 2", "-1", "a..b", ""])
def test_a_version_that_leads_elsewhere_is_refused_and_not_made_fit(version: str) -> None:
    data = json.loads(json.dumps(LXD))
    (product,) = data["products"].values()
    product["versions"][version] = product["versions"]["20260501_05:24"]
    offered = simplestreams.read_products(data)
    usable = [entry.version for entry in offered if entries.find_problem(entry) is None]
    assert usable == ["20260501_05-24"]
    assert len(offered) == 2


def test_two_versions_of_one_name_are_one_and_a_problem() -> None:
    data = json.loads(json.dumps(LXD))
    (product,) = data["products"].values()
    product["versions"]["20260501_05-24"] = product["versions"]["20260501_05:24"]
    first, second = simplestreams.read_products(data)
    assert first.problem is None
    assert "has two versions that would be called 20260501_05-24" in (second.problem or "")


@pytest.mark.parametrize(
    ("product", "said", "arch"),
    [
        ("debian:trixie:arm64:default", None, "aarch64"),
        ("debian:trixie:arm64:default", "riscv64", "riscv64"),
        ("debian:trixie:ppc64el:default", 5, "ppc64le"),
        ("com.ubuntu.cloud:server:24.04:s390x", None, "s390x"),
        ("box", None, "box"),
    ],
)
def test_the_architecture_of_what_is_damaged_is_known(
    product: str, said: object, arch: str
) -> None:
    data = {"format": "products:1.0", "products": {product: {"arch": said, "versions": 5}}}
    (found,) = simplestreams.read_products(data)
    assert (found.arch, bool(found.problem)) == (arch, True)


def test_what_is_said_once_counts_for_all_below() -> None:
    data = changed(UBUNTU, sha256=None)
    (product,) = data["products"].values()
    product["versions"]["20260423"]["sha256"] = SHA
    del product["versions"]["20260423"]["items"]["disk1.img"]["sha256"]
    (found,) = simplestreams.read_products(data)
    assert found.disks[0].checksum.digits == SHA


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ({"path": "../../etc/shadow"}, "leads out"),
        ({"sha256": None}, "gives no sha256"),
        ({"size": "huge"}, "is not a size in bytes"),
        ({"size": None}, "is not a size in bytes"),
        ({"virtual_size": -1}, "is not a size in bytes"),
    ],
)
def test_a_damaged_entry_says_why_it_cannot_be_used(item: dict[str, object], problem: str) -> None:
    (found,) = simplestreams.read_products(changed(UBUNTU, **item))
    assert found.disks == ()
    assert problem in (found.problem or "")


@pytest.mark.parametrize(
    "product",
    [
        5,
        {"versions": []},
        {"versions": {"1": None}},
        {"versions": {"1": {"items": {"disk1.img": 5}}}},
    ],
)
def test_a_product_that_cannot_be_read_does_not_keep_the_others_from_being_used(
    product: object,
) -> None:
    products = {"damaged:amd64": product, **UBUNTU["products"]}
    damaged, usable = simplestreams.read_products({**UBUNTU, "products": products})
    assert (damaged.product, damaged.arch, damaged.disks) == ("damaged:amd64", "x86_64", ())
    assert "is not a mapping" in (damaged.problem or "")
    assert usable.problem is None
    with pytest.raises(InvalidFeed, match="is not a mapping"):
        entries.check_entry(damaged)


@pytest.mark.parametrize("number", ["\u00b2", "9" * 5000])
def test_a_disk_has_a_short_number(number: str) -> None:
    items = {
        "m": {"ftype": simplestreams.MANIFEST},
        "d": {"ftype": f"disk{number}.img"},
    }
    data = {"products": {"p": {"versions": {"1": {"items": items}}}}}
    assert simplestreams.read_products(data) == []


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"format": "products:1.0"}', b"[" * 100_000, b"\xff"]
)
def test_what_is_no_index(text: bytes) -> None:
    with pytest.raises(InvalidFeed):
        simplestreams.parse(text, "index:1.0")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Thu, 01 Jan 1970 01:00:00 +0100", 0.0),
        ("1970-01-01T00:01:00Z", 60.0),
        ("yesterday", None),
        ("Thu, 01 Jan 99999999999999999999 00:00:00 +0000", None),
        ("99999-01-01", None),
        (5, None),
    ],
)
def test_times(text: object, moment: float | None) -> None:
    assert simplestreams.read_updated({"updated": text}) == moment


def test_an_index_names_its_products() -> None:
    index = {
        "a": {"path": "streams/v1/a.sjson", "format": "products:1.0"},
        "b": {"path": "streams/v1/b.sjson", "format": "products:1.0", "datatype": "image-ids"},
        "c": {"path": "streams/v1/c.sjson", "format": "index:1.0"},
    }
    (file,) = simplestreams.list_product_files({"index": index})
    assert file == simplestreams.ProductsFile("streams/v1/a.sjson")
    index["a"]["path"] = "../x"
    with pytest.raises(InvalidFeed, match="leads out"):
        simplestreams.list_product_files({"index": index})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
)


@given(JSON, JSON, JSON, JSON)
def test_no_content_does_anything_but_pass_or_be_refused(
    products: object, versions: object, items: object, item: object
) -> None:
    for data in (
        {"products": products},
        {"products": {"p": {"versions": versions}}},
        {"products": {"p": {"versions": {"1": {"items": items}}}}},
        {"products": {"p": {"versions": {"1": {"items": {"disk1.img": item}}}}}},
    ):
        try:
            simplestreams.read_products(data)
        except InvalidFeed:
            continue


def test_a_number_that_is_none_is_its_entry_s_problem_alone() -> None:
    """Python refuses to read a number of 5000 digits, and the JSON around it with it."""
    usable = changed(UBUNTU)["products"].popitem()[1]
    damaged = changed(UBUNTU, size=-4711)["products"].popitem()[1]
    data = {**UBUNTU, "products": {"a": damaged, "b": usable}}
    text = json.dumps(data).replace("-4711", "9" * 5000)
    products = simplestreams.read_products(simplestreams.parse(text.encode(), "products:1.0"))
    assert [bool(product.problem) for product in products] == [True, False]


def test_json_that_is_nested_without_end_is_no_feed() -> None:
    text = b'{"format":"products:1.0","products":' + b'{"a":' * 50_000
    with pytest.raises(InvalidFeed, match="is not JSON"):
        simplestreams.parse(text, "products:1.0")
