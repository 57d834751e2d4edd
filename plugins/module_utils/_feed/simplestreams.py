# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Read simplestreams, the format of public image feeds: parse() a file, then its index or its products. Pure.

An index (``index:1.0``) names files of products (``products:1.0``); a product has versions, a version items, and an
item is a file. What an item does not say, its version or product may say for it. The format is described at
https://git.launchpad.net/simplestreams/tree/doc; feeds of Ubuntu and of LXD images are such trees.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import email.utils
import json
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._times import parse_time

from . import entry as entries
from .armor import strip_signature
from .entry import FeedEntry, FeedFile
from .errors import InvalidFeed

Data = t.Mapping[str, t.Any]

FOLDER: t.Final = "streams/v1"
INDEX: t.Final = f"{FOLDER}/index"
MANIFEST: t.Final = "headroom.manifest.json"
DATATYPE: t.Final = "image-downloads"
# What holds a whole disk, the most general first.
_LONGEST_NUMBER: t.Final = 4  # of a disk; Python refuses to read numbers of 5000 digits
_LONGEST_INTEGER: t.Final = 30
_DISKS: t.Final = (
    "disk1.img",
    "uefi1.img",
    "disk.qcow2",
    "qcow2",
    "disk-kvm.img",
    "disk.img",
    "img",
    "raw",
)
# Disks of machines that boot by UEFI: Ubuntu's second kind, and all that Incus and LXD take.
_UEFI_ONLY: t.Final = frozenset({"uefi1.img", "disk-kvm.img"})
_SECURE_BOOT: t.Final = "requirements.secureboot"


def parse(text: bytes, kind: str) -> Data:
    """Return the JSON of an index (``kind`` ``index:1.0``) or of products (``products:1.0``); raises InvalidFeed."""
    try:
        data = json.loads(strip_signature(text), parse_int=_read_number)
    except (ValueError, RecursionError) as error:
        raise InvalidFeed(f"the feed's {kind} is not JSON: {error}") from error
    if not isinstance(data, dict) or data.get("format") != kind:
        raise InvalidFeed(f"the feed's {kind} is of another format. Check the address of the feed.")
    return data


def _read_number(digits: str) -> int | str:
    """Return a number; one that is too long to be any stays text, which is its entry's problem alone."""
    return int(digits) if len(digits) <= _LONGEST_INTEGER else digits


class FeedIdentity(t.NamedTuple):
    """The id that a publisher gave a feed, and the names of what its index leads to."""

    feed_id: str | None = None
    contents: tuple[str, ...] = ()


def read_updated(data: Data) -> float | None:
    """Return when the file was made, in epoch seconds; None when it does not say so in a way that can be read."""
    return _read_time(data, "updated")


def read_expiry(index: Data) -> float | None:
    """Return until when the publisher stands by the feed, in epoch seconds; raises InvalidFeed for what is no time."""
    if "expires" not in index:
        return None
    moment = _read_time(index, "expires")
    if moment is None:
        raise InvalidFeed(
            f"the feed says that it expires at {index['expires']!r}, which is not a time. Tell its publisher."
        )
    return moment


def _read_time(data: Data, name: str) -> float | None:
    text = data.get(name)
    if not isinstance(text, str):
        return None
    for read in (parse_time, _parse_mail_date):
        try:
            return read(text)
        except (ValueError, TypeError, OverflowError):
            continue
    return None


def _parse_mail_date(text: str) -> float:
    moment = email.utils.parsedate_to_datetime(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.timezone.utc)).timestamp()


@dataclasses.dataclass(frozen=True)
class ProductsFile:
    """A file of products that an index names; what binds it to the index is None where that does not say it.

    ``updated`` is in epoch seconds.
    """

    path: str
    sha256: str | None = None
    size_bytes: int | None = None
    updated: float | None = None


def list_product_files(index: Data) -> list[ProductsFile]:
    """Return the files of products that an index names, those of disk images only."""
    listed = _read_mapping(index, "index", "the index")
    return [
        _read_products_file(f"the products {name!r}", said)
        for name, said in listed.items()
        if _check_mapping(said, name).get("format") == "products:1.0"
        and _check_mapping(said, name).get("datatype", DATATYPE) == DATATYPE
    ]


def _read_products_file(what: str, said: Data) -> ProductsFile:
    digits, size = said.get("sha256"), said.get("size")
    return ProductsFile(
        path=entries.check_path(what, said.get("path")),
        sha256=None if digits is None else entries.check_checksum(what, "sha256", digits).digits,
        size_bytes=None if size is None else entries.check_size(what, size),
        updated=read_updated(said),
    )


def read_identity(index: Data) -> FeedIdentity:
    """Return what tells this feed from others of the same publisher."""
    feed_id = index.get("feed_id")
    return FeedIdentity(
        feed_id if isinstance(feed_id, str) and feed_id else None,
        tuple(sorted(map(str, _read_mapping(index, "index", "the index")))),
    )


def read_products(data: Data) -> list[FeedEntry]:
    """Return an Entry for each version that has a disk image, in the order of the file.

    A product or version that cannot be read is one entry with a problem. Raises InvalidFeed without products.
    """
    read: list[FeedEntry] = []
    for product, content in _read_mapping(data, "products", "the products").items():
        try:
            versions = _read_mapping(_check_mapping(content, product), "versions", product)
        except InvalidFeed as error:
            read.append(_build_unusable(product, "", content, error))
            continue
        inherited = {**_select_scalars(data), **_select_scalars(content), **_select_rules(content)}
        rows = [
            _read_version(product, version, inherited, about) for version, about in versions.items()
        ]
        read += _mark_doubles(entry for entry in rows if entry is not None)
    return read


def _mark_doubles(rows: t.Iterable[FeedEntry]) -> t.Iterator[FeedEntry]:
    """Give a problem to all but the first version of a product that would be called the same."""
    versions: set[str] = set()
    for entry in rows:
        if entry.version in versions:
            problem = f"{entry.product} has two versions that would be called {entry.version}"
            yield dataclasses.replace(entry, problem=entry.problem or problem)
        else:
            versions.add(entry.version)
            yield entry


def _read_version(product: str, version: str, inherited: Data, content: object) -> FeedEntry | None:
    try:
        facts = _check_mapping(content, version)
        items = _read_mapping(facts, "items", f"{product} {version}")
        return _read_entry(product, version, {**inherited, **_select_scalars(facts)}, items)
    except InvalidFeed as error:
        return _build_unusable(product, version, inherited, error)


def _build_unusable(product: str, version: str, facts: object, error: InvalidFeed) -> FeedEntry:
    return FeedEntry(
        product=product,
        name=entries.derive_name(product),
        version=entries.derive_version(version),
        arch=entries.find_arch(product, facts.get("arch") if isinstance(facts, dict) else None),
        disks=(),
        problem=error.message,
    )


def _read_entry(product: str, version: str, inherited: Data, items: Data) -> FeedEntry | None:
    said = {name: {**inherited, **_check_mapping(item, name)} for name, item in items.items()}
    manifest = next((item for item in said.values() if item.get("ftype") == MANIFEST), None)
    disks = _find_own_disks(said) if manifest else _find_foreign_disk(said)
    if not disks:
        return None
    first = disks[0]
    entry = FeedEntry(
        product=product,
        name=(_read_text(first, "appliance") or "") if manifest else entries.derive_name(product),
        version=version if manifest else entries.derive_version(version),
        arch=entries.find_arch(product, _read_text(first, "arch")),
        disks=(),
        aliases=tuple(
            word.strip() for word in (_read_text(first, "aliases") or "").split(",") if word.strip()
        ),
        firmware=_read_firmware(first),
        secure_boot=False if _read_text(first, _SECURE_BOOT) == "false" else None,
        os_id=_read_text(first, "os_id"),
        description=_read_text(first, "description") or _read_text(first, "release_title"),
    )
    try:
        return _add_files(entry, disks, manifest)
    except InvalidFeed as error:
        return dataclasses.replace(entry, problem=error.message)


def _add_files(entry: FeedEntry, disks: t.Sequence[Data], manifest: Data | None) -> FeedEntry:
    what = f"{entry.product} {entry.version}"
    return dataclasses.replace(
        entry,
        disks=tuple(_read_file(f"{what} {disk['ftype']}", disk) for disk in disks),
        manifest=None if manifest is None else _read_file(f"{what} {MANIFEST}", manifest),
        virtual_size_bytes=_read_size(disks[0], "virtual_size"),
        min_ram_bytes=_read_size(disks[0], "min_ram"),
        min_disk_bytes=_read_size(disks[0], "min_disk"),
    )


def _find_own_disks(items: t.Mapping[str, Data]) -> list[Data]:
    numbered = {
        item["ftype"]: item for item in items.values() if _is_numbered_disk(item.get("ftype"))
    }
    return [numbered[name] for name in sorted(numbered, key=lambda name: int(name[4:-4]))]


def _is_numbered_disk(kind: object) -> bool:
    return (
        isinstance(kind, str)
        and kind.startswith("disk")
        and kind.endswith(".img")
        and kind[4:-4].isdecimal()
        and len(kind[4:-4]) <= _LONGEST_NUMBER
    )


def _find_foreign_disk(items: t.Mapping[str, Data]) -> list[Data]:
    by_kind = {str(item.get("ftype")): item for item in items.values()}
    return [by_kind[kind] for kind in _DISKS if kind in by_kind][:1]


def _read_file(what: str, item: Data) -> FeedFile:
    return FeedFile(
        path=entries.check_path(what, item.get("path")),
        checksum=_read_checksum(what, item),
        size_bytes=entries.check_size(what, item.get("size")),
        target=_read_text(item, "target") or "",
    )


def _read_checksum(what: str, item: Data) -> entries.Checksum:
    """Return what a file must hash to; a feed may say a longer checksum alone."""
    algorithm = "sha512" if item.get("sha256") is None and item.get("sha512") else "sha256"
    return entries.check_checksum(what, algorithm, item.get(algorithm))


def _read_firmware(item: Data) -> str | None:
    said = _read_text(item, "firmware")
    return said if said in {"bios", "efi"} else "efi" if item.get("ftype") in _UEFI_ONLY else None


def _select_rules(content: object) -> Data:
    """Return what Incus and LXD are told of a product beside its facts, as if it was a fact."""
    rules = content.get("requirements") if isinstance(content, dict) else None
    value = rules.get("secureboot") if isinstance(rules, dict) else None
    return {} if value is None else {_SECURE_BOOT: str(value).lower()}


def _select_scalars(data: Data) -> dict[str, t.Any]:
    return {name: value for name, value in data.items() if not isinstance(value, (dict, list))}


def _read_mapping(data: Data, name: str, what: str) -> Data:
    return _check_mapping(data.get(name, {}), f"{name} of {what}")


def _check_mapping(value: object, what: str) -> Data:
    if not isinstance(value, dict):
        raise InvalidFeed(f"the feed's {what} is not a mapping. Check the address of the feed.")
    return value


def _read_text(item: Data, name: str) -> str | None:
    value = item.get(name)
    return value if isinstance(value, str) and value.isprintable() and value else None


def _read_size(item: Data, name: str) -> int | None:
    value = item.get(name)
    return None if value is None else entries.check_size(name, value)
