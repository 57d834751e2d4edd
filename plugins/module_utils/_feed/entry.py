# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Check what a feed says, whichever its format, and select entries of it, each an appliance to be. Pure.

A feed is written by someone else. What it says becomes an Entry only through the checks of this file.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
    version_order,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput, NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._names import (
    LONGEST_NAME,
    check_new_name,
    check_version,
)

from .errors import InvalidFeed

# Debian's names, which simplestreams uses, and the kernel's, which libvirt uses.
ARCHITECTURES: t.Final[dict[str, str]] = {
    "amd64": "x86_64",
    "arm64": "aarch64",
    "i386": "i686",
    "ppc64el": "ppc64le",
    "armel": "armv6l",
    "armhf": "armv7l",
    "loong64": "loongarch64",
    "mips64el": "mips64el",
    "ppc64": "ppc64",
    "riscv64": "riscv64",
    "s390x": "s390x",
}
LARGEST_FILE_BYTES: t.Final = 16 * 1024**4

_DIGITS: t.Final[dict[str, int]] = {"sha256": 64, "sha512": 128}
_NOT_IN_PATHS = re.compile(r"[\x00-\x20\x7f-\x9f\\?#%]")
_SIZE = re.compile(r"[0-9]{1,20}")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


@dataclasses.dataclass(frozen=True)
class Checksum:
    """What a content must hash to; ``algorithm`` is ``sha256`` or ``sha512``."""

    algorithm: str
    digits: str


@dataclasses.dataclass(frozen=True)
class FeedFile:
    """A file of a feed; ``path`` is relative to the feed's top. ``target`` is the disk that it becomes.

    ``size_bytes`` is None where the format of the feed need not say it.
    """

    path: str
    checksum: Checksum
    size_bytes: int | None
    target: str = ""


@dataclasses.dataclass(frozen=True)
class FeedEntry:
    """One version of one product.

    ``manifest`` is there in feeds of this collection. ``virtual_size_bytes`` is what a guest will see of the first
    disk, where the feed says it; ``image_format``, which is that of what is packed in a file, None leaves it to the
    header. ``secure_boot`` False says that the firmware must not ask for signatures. ``problem`` is why the entry
    cannot be used: one that is damaged must not keep the others from being used.
    """

    product: str
    name: str
    version: str
    arch: str
    disks: tuple[FeedFile, ...]
    manifest: FeedFile | None = None
    aliases: tuple[str, ...] = ()
    image_format: str | None = None
    virtual_size_bytes: int | None = None
    firmware: str | None = None
    secure_boot: bool | None = None
    os_id: str | None = None
    min_ram_bytes: int | None = None
    min_disk_bytes: int | None = None
    description: str | None = None
    problem: str | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """All that names its product."""
        return (self.product, self.name, *self.aliases)

    def matches(self, patterns: t.Sequence[str]) -> bool:
        """Return whether one of the shell ``patterns`` matches what names its product."""
        return any(
            any(fnmatch.fnmatchcase(word, pattern) for word in self.words) for pattern in patterns
        )


def kernel_arch(name: str) -> str:
    """Return libvirt's name of an architecture."""
    return ARCHITECTURES.get(name, name)


def debian_arch(name: str) -> str:
    """Return Debian's name of an architecture."""
    return next((debian for debian, kernel in ARCHITECTURES.items() if kernel == name), name)


def check_path(what: str, path: object) -> str:
    """Return a path that stays below the feed's top; raises InvalidFeed naming ``what`` it is the path of."""
    parts = path.split("/") if isinstance(path, str) else []
    if not isinstance(path, str) or not path or _NOT_IN_PATHS.search(path) or len(path) > 1024:
        problem = "holds characters that no path of a feed has"
    elif (
        path.startswith("/") or ":" in parts[0]
    ):  # a scheme, such as file:, ends at the first colon
        problem = "is not relative to the feed"
    elif any(part in {"", ".", ".."} for part in parts):
        problem = "leads out of the feed"
    else:
        return path
    raise InvalidFeed(
        f"the feed names {path!r} as the path of {what}, which {problem}. Nothing was fetched."
    )


def check_checksum(what: str, algorithm: str, digits: object) -> Checksum:
    """Return the Checksum; raises InvalidFeed for anything else."""
    text = digits.lower() if isinstance(digits, str) else ""
    if len(text) != _DIGITS[algorithm] or set(text) - set("0123456789abcdef"):
        raise InvalidFeed(
            f"the feed gives no {algorithm} for {what}, so it could not be checked. It is not used."
        )
    return Checksum(algorithm, text)


def check_size(what: str, size: object) -> int:
    """Return a number of bytes that a feed says; raises InvalidFeed for anything else."""
    text = str(size) if isinstance(size, (int, str)) and not isinstance(size, bool) else ""
    if not _SIZE.fullmatch(text) or not 0 < int(text) <= LARGEST_FILE_BYTES:
        raise InvalidFeed(
            f"the feed gives {size!r} as the size of {what}, which is not a size in bytes. It is not used."
        )
    return int(text)


def check_names(name: str, version: str) -> None:
    """Raise InvalidFeed unless ``name`` and ``version`` can name an appliance."""
    try:
        check_new_name("name", name)
        check_version("version", version)
    except InvalidInput as error:
        raise InvalidFeed(
            f"the feed names an appliance that cannot be named so: {error.message}"
        ) from error


def derive_name(product: str) -> str:
    """Return the name of the appliance that a product of another's feed becomes (``com.ubuntu.cloud-server-24.04``)."""
    return _NOT_IN_NAMES.sub("-", product).strip("-._")[:LONGEST_NAME]


def derive_version(version: str) -> str:
    """Return the version of the appliance that one of another's feed becomes (``20260820_13:00``: no file's name).

    Only colons are what feeds have for a reason; anything else that no version may have is for check_names() to refuse.
    """
    return version.replace(":", "-")


def find_arch(product: str, arch: object) -> str:
    """Return libvirt's name of what a product says of its architecture, or else its name."""
    if isinstance(arch, str) and arch:
        return kernel_arch(arch)
    known = {*ARCHITECTURES, *ARCHITECTURES.values()}
    parts = product.split(":")
    return kernel_arch(next((part for part in parts if part in known), parts[-1]))


def filter_matching(
    entries: t.Iterable[FeedEntry], patterns: t.Sequence[str], arch: str
) -> list[FeedEntry]:
    """Return the entries of an architecture whose product, name or alias one of the shell ``patterns`` matches."""
    return [entry for entry in entries if entry.arch == arch and entry.matches(patterns)]


def sort_newest_first(entries: t.Iterable[FeedEntry]) -> list[FeedEntry]:
    """Return entries by version, the highest first."""
    return sorted(entries, key=lambda entry: version_order(entry.version), reverse=True)


def select(
    entries: t.Sequence[FeedEntry], product: str, version: str | None, arch: str
) -> FeedEntry:
    """Return that version of the product, or without ``version`` its newest; raises NotFound saying what there is."""
    candidates = [entry for entry in entries if entry.arch == arch]
    versions = sort_newest_first(entry for entry in candidates if product in entry.words)
    entry = next((entry for entry in versions if version in {None, entry.version}), None)
    if entry is None:
        kind, names = (
            ("versions", [candidate.version for candidate in versions])
            if versions
            else ("products", [candidate.product for candidate in candidates])
        )
        shown = sorted(set(names))
        more = f" and {len(shown) - 10} more" if len(shown) > 10 else ""
        raise NotFound(
            f"source.feed: there is no {product!r}{'' if version is None else f' of the version {version!r}'} for "
            f"{arch}; its {kind}: {', '.join(shown[:10]) or 'none'}{more}. Name one of these.",
            product=product,
            version=version,
        )
    return check_entry(entry)


def check_entry(entry: FeedEntry) -> FeedEntry:
    """Return ``entry``; raises InvalidFeed when it cannot be used or cannot be named so."""
    problem = find_problem(entry)
    if problem is not None:
        raise InvalidFeed(problem, product=entry.product)
    return entry


def find_problem(entry: FeedEntry) -> str | None:
    """Return why the entry cannot be used, None where it can."""
    if entry.problem is not None:
        return entry.problem
    try:
        check_names(entry.name, entry.version)
    except InvalidFeed as error:
        return error.message
    return None
