# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a catalogue lacks of a feed, and what it has too much of."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import dependents
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_positive
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._feed import entry as entries
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.errors import InvalidFeed
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.users import Uses
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri

from . import register

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
        Manifest,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes
    from ansible_collections.headroom.libvirt.plugins.module_utils._feed.entry import FeedEntry
    from ansible_collections.headroom.libvirt.plugins.module_utils._feed.read import Feed


@dataclasses.dataclass(frozen=True)
class SyncPlan:
    """What is to be fetched, what is there already, and what goes unless something stands on it."""

    missing: tuple[FeedEntry, ...]
    present: tuple[Manifest, ...]
    surplus: tuple[Manifest, ...]


def make_plan(
    feed: Feed, have: t.Sequence[Manifest], patterns: t.Sequence[str], arch: str, keep: int
) -> SyncPlan:
    """Return how the catalogue comes to hold the ``keep`` newest versions of the products that match. Pure.

    Only what came from this feed is ever removed. A product that the feed no longer has stays: a publisher's mistake
    must not empty the hosts. Raises NotFound when nothing matches, InvalidFeed for what cannot be used.
    """
    check_positive("keep", keep, "versions")
    entries_of_arch = entries.filter_matching(feed.entries, patterns, arch)
    if not entries_of_arch:
        raise NotFound(
            f"source.feed.products: the feed has nothing for {arch} that {', '.join(patterns)} matches. See what it "
            "has: name a product that it cannot have, and the error lists them.",
            products=list(patterns),
        )
    products: dict[str, list[FeedEntry]] = {}
    for entry in entries_of_arch:
        products.setdefault(entry.product, []).append(entry)
    newest: list[FeedEntry] = []
    for versions in products.values():
        newest += map(entries.check_entry, entries.sort_newest_first(versions)[:keep])
    _refuse_doubles(newest)
    names = {(entry.name, entry.version) for entry in newest}
    ids = {(manifest.name, manifest.version): manifest for manifest in have}
    origin, synced = mask_uri(feed.address.url), {entry.name for entry in newest}
    return SyncPlan(
        missing=tuple(entry for entry in newest if (entry.name, entry.version) not in ids),
        present=tuple(manifest for key, manifest in ids.items() if key in names),
        surplus=tuple(
            manifest
            for key, manifest in ids.items()
            if key not in names and manifest.origin == origin and manifest.name in synced
        ),
    )


def remove(
    catalogue: Catalogue, manifest: Manifest, changes: Changes, *, check_mode: bool
) -> dict[str, t.Any]:
    """Remove a surplus version; one that something stands on stays, and the result says for whom."""
    uses = Uses(catalogue.connection)
    standing = dependents.find(catalogue, manifest, uses).words
    if standing:
        return {"id": str(manifest.id), "action": "in_use", "reason": ", ".join(standing)}
    changes.add(str(manifest.id), register.summarise(manifest), None)
    if not check_mode:
        catalogue.remove(manifest, uses)
    return {"id": str(manifest.id), "action": "removed", "reason": None}


def _refuse_doubles(chosen: t.Sequence[FeedEntry]) -> None:
    owners: dict[tuple[str, str], str] = {}
    for entry in chosen:
        other = owners.setdefault((entry.name, entry.version), entry.product)
        if other != entry.product:
            raise InvalidFeed(
                f"the products {other!r} and {entry.product!r} would both become {entry.name}:{entry.version}. Choose "
                "one of them with source.feed.products."
            )
