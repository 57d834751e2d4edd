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
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.users import Uses
from ansible_collections.headroom.libvirt.plugins.module_utils._text import join_names
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri

from . import register, removal

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
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal


@dataclasses.dataclass(frozen=True)
class SyncPlan:
    """What is to be fetched, what is there already, and what goes unless something stands on it.

    ``refused`` is what cannot be used, each with why: it keeps nothing else from being followed.
    """

    missing: tuple[FeedEntry, ...]
    present: tuple[Manifest, ...]
    surplus: tuple[Manifest, ...]
    refused: tuple[tuple[FeedEntry, str], ...] = ()


def make_plan(
    feed: Feed, have: t.Sequence[Manifest], patterns: t.Sequence[str], arch: str, keep: int
) -> SyncPlan:
    """Return how the catalogue comes to hold the ``keep`` newest versions of the products that match. Pure.

    Only what came from this feed is ever removed. A product that the feed no longer has stays: a publisher's mistake
    must not empty the hosts. The ``keep`` newest are those that can be used. Raises NotFound when nothing matches.
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
    chosen: list[FeedEntry] = []
    refused: list[tuple[FeedEntry, str]] = []
    for versions in products.values():
        usable, damaged = _choose_newest(versions, keep)
        chosen += usable
        refused += damaged
    newest, doubles = _set_doubles_apart(chosen)
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
        refused=(*refused, *doubles),
    )


def remove(
    catalogue: Catalogue,
    manifest: Manifest,
    changes: Changes,
    journal: Journal,
    *,
    check_mode: bool,
) -> dict[str, t.Any]:
    """Remove a surplus version; one that something stands on stays, and the result says for whom."""
    uses = Uses(catalogue.connection)
    standing = dependents.find(catalogue, manifest, uses).words
    if standing:
        return {"id": str(manifest.id), "action": "in_use", "reason": ", ".join(standing)}
    changes.add(str(manifest.id), register.summarise(manifest), None)
    if not check_mode:
        removal.remove(catalogue, manifest, uses, journal)
    return {"id": str(manifest.id), "action": "removed", "reason": None}


def _choose_newest(
    versions: t.Sequence[FeedEntry], keep: int
) -> tuple[list[FeedEntry], list[tuple[FeedEntry, str]]]:
    """Return the ``keep`` newest versions that can be used, and those before them that cannot, with why."""
    usable: list[FeedEntry] = []
    refused: list[tuple[FeedEntry, str]] = []
    for entry in entries.sort_newest_first(versions):
        problem = entries.find_problem(entry)
        if problem is not None:
            refused.append((entry, problem))
        elif len(usable) < keep:
            usable.append(entry)
        if len(usable) == keep:
            break
    return usable, refused


def _set_doubles_apart(
    chosen: t.Sequence[FeedEntry],
) -> tuple[list[FeedEntry], list[tuple[FeedEntry, str]]]:
    """Return the entries, without those of several products that would be one appliance; these with why."""
    owners: dict[tuple[str, str], list[str]] = {}
    for entry in chosen:
        owners.setdefault((entry.name, entry.version), []).append(entry.product)
    single: list[FeedEntry] = []
    doubles: list[tuple[FeedEntry, str]] = []
    for entry in chosen:
        products = owners[entry.name, entry.version]
        if len(products) == 1:
            single.append(entry)
        else:
            names = join_names([repr(product) for product in products])
            problem = (
                f"the products {names} would all become {entry.name}:{entry.version}. Choose one of them with "
                "source.feed.products"
            )
            doubles.append((entry, problem))
    return single, doubles
