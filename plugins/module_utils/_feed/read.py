# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""read(): fetch a feed's index, verify it, refuse an old one, and only then look at what it says."""

from __future__ import annotations

import dataclasses
import email.utils
import hashlib
import typing as t
from urllib.parse import urljoin, urlsplit

from ansible_collections.headroom.libvirt.plugins.module_utils._uris import (
    mask_uri,
    normalise_url,
)

from . import signature, simplestreams, transfer, virt_builder
from .errors import ExpiredFeed, InvalidFeed, NotSigned
from .history import UNKNOWN_FEED

if t.TYPE_CHECKING:
    from .entry import FeedEntry, FeedFile
    from .history import FeedHistory
    from .signature import Trust
    from .simplestreams import FeedIdentity, ProductsFile
    from .transfer import Web

_LONGEST_INDEX_BYTES: t.Final = 64 * 1024 * 1024
_MOST_PRODUCT_FILES: t.Final = 32
# For a feed that does not say itself how long it holds: as long as one of this collection holds by default.
DEFAULT_MAX_AGE_SECONDS: t.Final = 30 * 86400.0


@dataclasses.dataclass(frozen=True)
class FeedAddress:
    """Where a feed is and whom to believe. ``trust`` None takes it unsigned; ``format`` is as the option.

    ``max_age`` is how old in seconds what is signed may be; None is as long as the feed says.
    """

    url: str
    trust: Trust | None
    format: str = "simplestreams"
    max_age: float | None = None

    def locate(self, path: str) -> str:
        """Return the address of a file of the feed; an index of virt-builder lies beside its files.

        Raises InvalidFeed for one that does not lie below the feed.
        """
        below_index = self.format == "virt-builder"
        top = urljoin(self.url, ".") if below_index else self.url.rstrip("/") + "/"
        url = urljoin(top, path)
        if not normalise_url(url).startswith(normalise_url(top).rstrip("/") + "/"):
            raise InvalidFeed(
                f"the feed {mask_uri(self.url)} names {path!r}, which does not lie below it. Nothing was fetched."
            )
        return url


@dataclasses.dataclass(frozen=True)
class Feed:
    """A feed as it was read: its entries, {path: epoch seconds} of when its signed files were made, and which it is."""

    address: FeedAddress
    entries: tuple[FeedEntry, ...]
    times: t.Mapping[str, float]
    identity: FeedIdentity = UNKNOWN_FEED

    def locate(self, file: FeedFile) -> str:
        """Return the address of a file."""
        return self.address.locate(file.path)


def read(web: Web, address: FeedAddress, history: FeedHistory, now: float) -> Feed:
    """Return the feed at ``address``; raises an error of a refused feed, or TransferFailed.

    Remembers nothing: who goes on to use it calls ``history.remember()``. ``now`` is in epoch seconds.
    """
    feed = (_read_virt_builder if address.format == "virt-builder" else _read_simplestreams)(
        web, address, now
    )
    history.check(feed.times, now, feed.identity)
    return feed


def _read_virt_builder(web: Web, address: FeedAddress, now: float) -> Feed:
    name = urlsplit(address.url).path.rpartition("/")[2]
    text, signed_at = _get(web, address, name)
    # The format says nowhere when it was made, but its signature does.
    times = {} if signed_at is None else {name: signed_at}
    _require_fresh(address, times, None, now)
    return Feed(address, tuple(virt_builder.read_index(text)), times)


def _read_simplestreams(web: Web, address: FeedAddress, now: float) -> Feed:
    suffix = "json" if address.trust is None else "sjson"
    text, signed_at = _get(web, address, f"{simplestreams.INDEX}.{suffix}")
    index = simplestreams.parse(text, "index:1.0")
    times = _read_times(f"{simplestreams.INDEX}.{suffix}", index, signed_at)
    expiry = simplestreams.read_expiry(index)
    _require_fresh(address, times, expiry, now)
    files = simplestreams.list_product_files(index)
    if len(files) > _MOST_PRODUCT_FILES:
        raise InvalidFeed(
            f"the feed {mask_uri(address.url)} names {len(files)} files of products. At most 32 are read."
        )
    entries: list[FeedEntry] = []
    for file in files:
        products, product_times = _read_products(web, address, file)
        if file.sha256 is None and file.updated is None:  # nothing in the index says which ones
            _require_fresh(address, product_times, expiry, now)
        times |= product_times
        entries += simplestreams.read_products(products)
    return Feed(address, tuple(entries), times, simplestreams.read_identity(index))


def _read_products(
    web: Web, address: FeedAddress, file: ProductsFile
) -> tuple[simplestreams.Data, dict[str, float]]:
    """Return products and {path: when they were made}; raises InvalidFeed for others than the index means."""
    path = file.path if address.trust is None else _derive_signed_name(file.path)
    text, signed_at = _get(web, address, path, file if path == file.path else None)
    products = simplestreams.parse(text, "products:1.0")
    times = _read_times(path, products, signed_at)
    if file.updated is not None and times.get(path, file.updated) < file.updated:
        raise InvalidFeed(
            f"{path} of the feed {mask_uri(address.url)} is older than its index says: somebody offers old products "
            "under a new index. It is not used."
        )
    return products, times


def _read_times(path: str, data: simplestreams.Data, signed_at: float | None) -> dict[str, float]:
    if signed_at is None:
        return {}
    updated = simplestreams.read_updated(data)
    return {path: signed_at if updated is None else updated}


def _require_fresh(
    address: FeedAddress, times: t.Mapping[str, float], expiry: float | None, now: float
) -> None:
    """Raise ExpiredFeed for what the publisher no longer stands by, or what is older than the task allows.

    Nothing is known of the age of what nobody signed.
    """
    if address.max_age is None and expiry is not None:
        if address.trust is not None and now > expiry:
            raise ExpiredFeed(
                f"the feed {mask_uri(address.url)} expired at {email.utils.formatdate(expiry)}: its publisher has not "
                "signed it again, or somebody withholds the newer one. It is not used. Tell its publisher; "
                "source.feed.max_age says in seconds how old it may be all the same.",
                expires=email.utils.formatdate(expiry),
            )
        return
    limit = DEFAULT_MAX_AGE_SECONDS if address.max_age is None else address.max_age
    for path, moment in times.items():
        if now - moment > limit:
            raise ExpiredFeed(
                f"{path} of the feed {mask_uri(address.url)} is from {email.utils.formatdate(moment)}, which is more "
                f"than {limit:.0f} seconds ago: there may be a newer one that somebody withholds. It is not used. If "
                "its publisher signs it that seldom, say with source.feed.max_age how many seconds old it may be.",
                found=email.utils.formatdate(moment),
            )


def _derive_signed_name(path: str) -> str:
    """Return the signed twin of a file: indexes of unsigned names lie beside those that are signed."""
    return f"{path[:-5]}.sjson" if path.endswith(".json") else path


def _get(
    web: Web, address: FeedAddress, name: str, file: ProductsFile | None = None
) -> tuple[bytes, float | None]:
    """Return the text of a file of the feed that says what there is, and when it was signed.

    Raises InvalidFeed for another ``file`` than its index says.
    """
    url = address.url if address.format == "virt-builder" else address.locate(name)
    try:
        text = transfer.get(web, url, _LONGEST_INDEX_BYTES)
    except transfer.Missing as error:
        if address.trust is None or not name.endswith(".sjson"):
            raise
        raise NotSigned(
            f"the feed {mask_uri(address.url)} has no signed {name}. Check the address, ask its publisher for a signed "
            "one, or set verify: false.",
        ) from error
    if file is not None:
        _require_named(address, file, text)
    if address.trust is None:
        return text, None
    signed = signature.verify(text, address.trust, f"{name} of the feed {mask_uri(address.url)}")
    return signed.text, signed.signed_at


def _require_named(address: FeedAddress, file: ProductsFile, text: bytes) -> None:
    sha256 = hashlib.sha256(text).hexdigest()
    if file.sha256 not in {None, sha256} or file.size_bytes not in {None, len(text)}:
        raise InvalidFeed(
            f"{file.path} of the feed {mask_uri(address.url)} is not the one that its index names: it has the SHA-256 "
            f"{sha256}, not {file.sha256}. The feed is being published just now, or somebody mixes an old one with "
            "a new one. It is not used; run the task again.",
        )
