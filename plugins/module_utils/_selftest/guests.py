# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``read_guests``: what is judged of each domain of a host, read in bulk; no guest is asked."""

from __future__ import annotations

import collections
import itertools
import os
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.addresses import (
    AddressBook,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.reader import LookRequest
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.rows import (
    HostFacts,
    Selection,
    describe_domain,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.survey import look
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.layers import read_disks
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import leads_here
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domain_xml, domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.states import ACTIVE_STATES

from .model import Guest

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._layers.layers import (
        DiskLayers,
        Layer,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._layers.stored import HostStorage
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )


def read_guests(
    connection: Connection,
    storage: HostStorage,
    transactions: t.Iterable[t.Mapping[str, t.Any]],
) -> list[Guest]:
    """Return the guests by name; ``transactions`` are the rows of those that are unfinished."""
    busy = collections.Counter(
        itertools.chain.from_iterable(str(row["subject"]).split(", ") for row in transactions)
    )
    transient = domains.list_uuids(connection, "transient")
    facts = HostFacts(connection.uri, connection.uri, AddressBook((), ()), storage)
    rows = look(connection, LookRequest(sources=(), xml=True))["domains"]
    guests = [_read_guest(raw, facts, storage, transient, busy) for raw in rows]
    return sorted(guests, key=lambda guest: guest.name)


def _read_guest(
    raw: t.Mapping[str, t.Any],
    facts: HostFacts,
    storage: HostStorage,
    transient: t.Collection[str],
    busy: t.Mapping[str, int],
) -> Guest:
    row = describe_domain(raw, facts, Selection()) or {}
    state = str(row.get("state"))
    own = {"name": raw["name"], "uuid": raw["uuid"], "running": state in ACTIVE_STATES}
    problems = tuple(row["health"]["problems"])
    if row.get("problem"):
        return Guest(**own, autostart=bool(raw["autostart"]), problems=problems)
    root = parse_element(raw["xml"])
    definition = domain_xml.read(root)
    disks = read_disks(root)
    incomplete = row["health"]["incomplete_disks"]
    return Guest(
        **own,
        autostart=bool(raw["autostart"]),
        persistent=raw["uuid"] not in transient,
        helper=bool(row["helper"]),
        machine=definition.machine,
        type=definition.type,
        macs=tuple(card.mac.lower() for card in definition.interfaces if card.mac),
        networks=_list_sources(definition, "network"),
        bridges=_list_sources(definition, "bridge", "direct"),
        pools=tuple(sorted({disk.pool for disk in definition.disks if disk.pool})),
        written=_list_written(definition, disks, storage),
        missing=_list_missing(disks, storage, is_local=leads_here(facts.uri)),
        # what is told as a dependency is not told twice
        problems=problems if not incomplete else problems[:-1],
        dependency=row["dependency"],
        transactions=busy[raw["name"]],
    )


def _list_sources(definition: domain_xml.Definition, *kinds: str) -> tuple[str, ...]:
    cards = (card for card in definition.interfaces if card.type in kinds)
    return tuple(sorted({card.source for card in cards if card.source}))


def _list_written(
    definition: domain_xml.Definition, disks: t.Iterable[DiskLayers], storage: HostStorage
) -> tuple[str, ...]:
    """Return the places of the disks that no other guest may write."""
    alone = {
        disk.target
        for disk in definition.disks
        if disk.device in {"disk", "lun"} and not disk.readonly and not disk.shareable
    }
    tops = (disk.layers[0] for disk in disks if disk.target in alone and disk.layers)
    places = (_locate(layer, storage) for layer in tops)
    return tuple(sorted({place for place in places if place}))


def _locate(layer: Layer, storage: HostStorage) -> str | None:
    path = storage.find_path(layer)
    return layer.address if path is None else path


def _list_missing(
    disks: t.Iterable[DiskLayers], storage: HostStorage, *, is_local: bool
) -> tuple[str, ...]:
    """Return the files of the disks' layers that do not exist; where files cannot be looked at, those of no volume."""
    missing: dict[str, None] = {}
    for layer in itertools.chain.from_iterable(map(storage.layers_of, disks)):
        path = storage.find_path(layer)
        if path is None or layer.address is not None:
            continue
        # of a file outside of all pools nothing is known from elsewhere
        is_known = storage.find_volume(layer) is not None or layer.volume is None
        if not (os.path.lexists(path) if is_local else is_known):
            missing[path] = None
    return tuple(missing)
