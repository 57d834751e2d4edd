# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Add appliances to what a feed of this collection says, withdraw and prune them. Pure: publish.py writes the files.

Each appliance is a product; of a version there is an item for each disk (``disk1.img``, ``disk2.img``, …) and one with
the manifest. The rest of the keys is what others look for in simplestreams.
"""

from __future__ import annotations

import copy
import dataclasses
import email.utils
import hashlib
import json
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import (
    manifest as manifests,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict

from . import simplestreams
from .entry import debian_arch

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
        BaseDisk,
        Manifest,
    )

CONTENT_ID: t.Final = "headroom.libvirt:appliances"
PRODUCTS: t.Final = f"{simplestreams.FOLDER}/{CONTENT_ID}"

Data = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class DiskFile:
    """A file of the feed that is a copy of an appliance's disk."""

    path: str
    disk: BaseDisk


@dataclasses.dataclass(frozen=True)
class Offer:
    """An appliance as it is offered."""

    manifest: Manifest

    @property
    def product(self) -> str:
        """The name of its product."""
        return f"headroom.libvirt:{self.manifest.name}:{debian_arch(self.manifest.arch)}"

    @property
    def folder(self) -> str:
        """The folder of its files."""
        return f"appliances/{self.manifest.name}/{self.manifest.version}/{self.manifest.arch}"

    @property
    def disks(self) -> list[DiskFile]:
        """Its disks' files."""
        stem = f"{self.manifest.name}-{self.manifest.version}"
        return [
            DiskFile(f"{self.folder}/{stem}-{disk.target}.{disk.format}", disk)
            for disk in self.manifest.disks
        ]

    @property
    def manifest_text(self) -> bytes:
        """The manifest's file: what is true on every host."""
        disks = tuple(
            dataclasses.replace(disk, volume="", source_sha256=None) for disk in self.manifest.disks
        )
        return manifests.serialise(dataclasses.replace(self.manifest, disks=disks, origin=None))

    @property
    def manifest_path(self) -> str:
        """The name of the manifest's file."""
        return f"{self.folder}/manifest.json"

    def build_items(self) -> Data:
        """Return the items of its version."""
        facts = {
            "min_ram": self.manifest.min_ram_bytes or None,
            "min_disk": self.manifest.min_disk_bytes or None,
            "firmware": self.manifest.firmware,
            "os_id": self.manifest.os_id,
        }
        disks = {
            f"disk{number}.img": {
                "ftype": f"disk{number}.img",
                "path": file.path,
                "sha256": file.disk.sha256,
                "size": file.disk.size_bytes,
                "target": file.disk.target,
                "image_format": file.disk.format,
                "virtual_size": file.disk.virtual_size_bytes,
                **{key: value for key, value in facts.items() if value is not None},
            }
            for number, file in enumerate(self.disks, start=1)
        }
        text = self.manifest_text
        digest = hashlib.sha256(text).hexdigest()
        manifest = {
            "ftype": simplestreams.MANIFEST,
            "path": self.manifest_path,
            "sha256": digest,
            "size": len(text),
        }
        return {**disks, "manifest.json": manifest}

    def build_head(self) -> Data:
        """Return what its product says of all versions."""
        return {
            "appliance": self.manifest.name,
            "aliases": self.manifest.name,
            "arch": debian_arch(self.manifest.arch),
            "os": _derive_os_name(self.manifest.os_id),
            "release": self.manifest.name,
            "release_title": self.manifest.name,
        }


def build_empty() -> Data:
    """Return products of which there are none."""
    return {
        "format": "products:1.0",
        "content_id": CONTENT_ID,
        "datatype": simplestreams.DATATYPE,
        "products": {},
    }


def add(products: Data, offers: t.Iterable[Offer]) -> Data:
    """Return the products with these too; raises Conflict for a version that is offered with another content."""
    after = copy.deepcopy(products)
    for offer in offers:
        product = after["products"].setdefault(offer.product, {"versions": {}})
        product.update(offer.build_head())
        items, version = offer.build_items(), offer.manifest.version
        published = product["versions"].setdefault(
            version, {"pubname": f"{offer.manifest.name}-{version}", "items": items}
        )
        if _collect_checksums(published["items"]) != _collect_checksums(items):
            raise Conflict(
                f"the feed offers {offer.manifest.id} with another content already. A version never changes: publish "
                "the new content under another version.",
                appliance=str(offer.manifest.id),
            )
    return after


def withdraw(products: Data, name: str, version: str | None) -> Data:
    """Return the products without that version of the appliance, or without all of it."""
    after = copy.deepcopy(products)
    for product in after["products"].values():
        if product.get("appliance") == name:
            product["versions"] = (
                {}
                if version is None
                else {
                    key: content for key, content in product["versions"].items() if key != version
                }
            )
    return _drop_empty(after)


def prune(products: Data, keep: int | None) -> Data:
    """Return the products with the ``keep`` newest versions of each."""
    after = copy.deepcopy(products)
    for product in after["products"].values() if keep is not None else ():
        newest = sorted(product["versions"], key=manifests.version_order, reverse=True)[:keep]
        product["versions"] = {
            version: content
            for version, content in product["versions"].items()
            if version in newest
        }
    return _drop_empty(after)


def list_files(products: Data) -> dict[str, int]:
    """Return {path: size in bytes} of all that the products name."""
    sizes: dict[str, int] = {}
    for _version, items in _iterate_versions(products):
        sizes.update({item["path"]: int(item["size"]) for item in items.values()})
    return sizes


def summarise(products: Data) -> dict[str, list[str]]:
    """Return {name:version of each appliance: its files with their checksums}, for a diff."""
    return {
        version: sorted(f"{item['path']} sha256:{item['sha256']}" for item in items.values())
        for version, items in _iterate_versions(products)
    }


@dataclasses.dataclass(frozen=True)
class IndexFacts:
    """What an index says besides: the id of the feed, and in epoch seconds when it was made and until when it holds."""

    feed_id: str
    updated: float
    expires: float


def build_index(products: Data, facts: IndexFacts, path: str, text: bytes) -> Data:
    """Return the index of a feed that leads to the file ``path`` of products, whose content is ``text``."""
    updated = email.utils.formatdate(facts.updated)
    entry = {
        "path": path,
        "format": "products:1.0",
        "datatype": simplestreams.DATATYPE,
        "updated": updated,
        "products": sorted(products["products"]),
        "sha256": hashlib.sha256(text).hexdigest(),
        "size": len(text),
    }
    return {
        "format": "index:1.0",
        "feed_id": facts.feed_id,
        "updated": updated,
        "expires": email.utils.formatdate(facts.expires),
        "index": {CONTENT_ID: entry},
    }


def serialise(data: Data) -> bytes:
    """Return the JSON of an index or of products."""
    return json.dumps(data, indent=1, sort_keys=True).encode() + b"\n"


def _iterate_versions(products: Data) -> t.Iterator[tuple[str, Data]]:
    for product in products["products"].values():
        for version, content in product["versions"].items():
            yield f"{product['appliance']}:{version} ({product['arch']})", content["items"]


def _collect_checksums(items: Data) -> set[tuple[str, str]]:
    """Return what tells one content from another: the disks'; a manifest's text may be written differently one day."""
    return {
        (item["ftype"], item["sha256"])
        for item in items.values()
        if item["ftype"] != simplestreams.MANIFEST
    }


def _drop_empty(products: Data) -> Data:
    products["products"] = {
        name: product for name, product in products["products"].items() if product["versions"]
    }
    return products


def _derive_os_name(os_id: str | None) -> str:
    parts = (os_id or "").rstrip("/").split("/")
    return parts[-2] if len(parts) > 4 else "custom"
