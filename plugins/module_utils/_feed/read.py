# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""read(): fetch a feed's index, verify it, refuse an old one, and only then look at what it says."""

from __future__ import annotations

import dataclasses
import typing as t
from urllib.parse import urljoin, urlsplit

from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri

from . import signature, simplestreams, transfer, virt_builder
from .errors import InvalidFeed, NotSigned

if t.TYPE_CHECKING:
    from .entry import FeedEntry, FeedFile
    from .history import FeedHistory
    from .signature import Trust
    from .transfer import Web

_LONGEST_INDEX_BYTES: t.Final = 64 * 1024 * 1024
_MOST_PRODUCT_FILES: t.Final = 32


@dataclasses.dataclass(frozen=True)
class FeedAddress:
    """Where a feed is and whom to believe. ``trust`` None takes it unsigned; ``format`` is as the option."""

    url: str
    trust: Trust | None
    format: str = "simplestreams"

    def locate(self, path: str) -> str:
        """Return the address of a file of the feed; an index of virt-builder lies beside its files."""
        return urljoin(
            self.url if self.format == "virt-builder" else self.url.rstrip("/") + "/", path
        )


@dataclasses.dataclass(frozen=True)
class Feed:
    """A feed as it was read: its entries, and {path: epoch seconds} of when its signed files were made."""

    address: FeedAddress
    entries: tuple[FeedEntry, ...]
    times: t.Mapping[str, float]

    def locate(self, file: FeedFile) -> str:
        """Return the address of a file."""
        return self.address.locate(file.path)


def read(web: Web, address: FeedAddress, history: FeedHistory, now: float) -> Feed:
    """Return the feed at ``address``; raises an error of a refused feed, or TransferFailed.

    Remembers nothing: who goes on to use it calls ``history.remember(feed.times)``. ``now`` is in epoch seconds.
    """
    feed = (_read_virt_builder if address.format == "virt-builder" else _read_simplestreams)(
        web, address
    )
    history.check(feed.times, now)
    return feed


def _read_virt_builder(web: Web, address: FeedAddress) -> Feed:
    name = urlsplit(address.url).path.rpartition("/")[2]
    text, signed_at = _get(web, address, name, address.url)
    # The format says nowhere when it was made, but its signature does.
    return Feed(
        address,
        tuple(virt_builder.read_index(text)),
        {} if signed_at is None else {name: signed_at},
    )


def _read_simplestreams(web: Web, address: FeedAddress) -> Feed:
    suffix = "json" if address.trust is None else "sjson"
    index, times = _get_dated(web, address, f"{simplestreams.INDEX}.{suffix}", "index:1.0")
    paths = simplestreams.list_product_files(index)
    if len(paths) > _MOST_PRODUCT_FILES:
        raise InvalidFeed(
            f"the feed {mask_uri(address.url)} names {len(paths)} files of products. At most 32 are read."
        )
    entries: list[FeedEntry] = []
    for path in paths:
        signed = path if address.trust is None else _derive_signed_name(path)
        products, product_times = _get_dated(web, address, signed, "products:1.0")
        times |= product_times
        entries += simplestreams.read_products(products)
    return Feed(address, tuple(entries), times)


def _derive_signed_name(path: str) -> str:
    """Return the signed twin of a file: indexes of unsigned names lie beside those that are signed."""
    return f"{path[:-5]}.sjson" if path.endswith(".json") else path


def _get_dated(
    web: Web, address: FeedAddress, path: str, kind: str
) -> tuple[simplestreams.Data, dict[str, float]]:
    text, signed_at = _get(web, address, path, address.locate(path))
    data = simplestreams.parse(text, kind)
    if signed_at is None:
        return data, {}
    updated = simplestreams.read_updated(data)
    return data, {path: signed_at if updated is None else updated}


def _get(web: Web, address: FeedAddress, name: str, url: str) -> tuple[bytes, float | None]:
    """Return the text of an index, and when it was signed."""
    try:
        text = transfer.get(web, url, _LONGEST_INDEX_BYTES)
    except transfer.Missing as error:
        if address.trust is None or not name.endswith(".sjson"):
            raise
        raise NotSigned(
            f"the feed {mask_uri(address.url)} has no signed {name}. Check the address, ask its publisher for a signed "
            "one, or set verify: false.",
        ) from error
    if address.trust is None:
        return signature.strip_signature(text), None
    signed = signature.verify(text, address.trust, f"{name} of the feed {mask_uri(address.url)}")
    return signed.text, signed.signed_at
