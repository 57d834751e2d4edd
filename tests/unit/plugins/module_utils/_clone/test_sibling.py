# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cloning as a behaviour of machines, on libvirt's test driver."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._clone.plan import CloneRequest
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.sibling import Cloner
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    UnsupportedBehaviour,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
from ansible_collections.headroom.libvirt.plugins.module_utils._machine import machine
from ansible_collections.headroom.libvirt.plugins.module_utils._machine.machine import (
    DefinedMachine,
    DetachedMachine,
    Machine,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import Connection

from .test_apply import make

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )


def named(connection: Connection, name: str) -> DefinedMachine:
    return DefinedMachine(connection, domains.look_up(connection, name))


@pytest.fixture
def original(shelf: Catalogue, journal: Journal) -> DefinedMachine:
    make(
        shelf,
        journal,
        CloneRequest("web", names=("web-1",), pool="fast", fleet="web", tenant="shop"),
    )
    return named(shelf.connection, "web-1")


def test_a_defined_machine_has_a_sibling_made(original: DefinedMachine, journal: Journal) -> None:
    row = original.clone("web-2", Cloner(journal, appliance_pool="default"))
    sibling = named(original.connection, "web-2")
    assert (row["name"], row["uuid"]) == ("web-2", sibling.uuid)
    assert sibling.uuid != original.uuid
    assert sibling.definition.interfaces[0].mac != original.definition.interfaces[0].mac
    mine, its = original.metadata, sibling.metadata
    assert (its.fleet, its.tenant, its.appliance) == (mine.fleet, mine.tenant, mine.appliance)
    assert [volume.pool for volume in its.volumes] == ["fast", "fast"]
    assert sibling.definition.memory_bytes == original.definition.memory_bytes


def test_a_detached_machine_does_it_where_it_is(
    original: DefinedMachine, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        machine, "open_connection", lambda *_unused, **_more: Connected(original.connection)
    )
    detached = DetachedMachine({"uri": "qemu:///system", "name": "web-1", "uuid": original.uuid})
    detached.clone("web-2", Cloner(journal, appliance_pool="default", state="shutdown"))
    assert named(original.connection, "web-2").observe().situation == "shutdown"


@dataclasses.dataclass
class Connected:
    """A connection that is open already, and stays so."""

    connection: Connection

    def __enter__(self) -> Connection:
        return self.connection

    def __exit__(self, *_unused: object) -> None: ...


def test_a_machine_without_attributes_cannot(journal: Journal) -> None:
    with pytest.raises(UnsupportedBehaviour, match="cannot clone"):
        Machine().clone("web-2", Cloner(journal))


def test_a_machine_of_no_appliance_names_the_way_out(
    original: DefinedMachine, journal: Journal
) -> None:
    original.metadata = original.metadata._replace(appliance=None)
    with pytest.raises(UnsupportedBehaviour, match=r"made from no appliance\. Capture it first"):
        original.clone("web-2", Cloner(journal))


def test_a_name_that_is_taken_is_refused(original: DefinedMachine, journal: Journal) -> None:
    original.connection.handle.defineXMLFlags(
        "<domain type='test'><name>db</name><memory>1024</memory><os><type>hvm</type></os></domain>",
        0,
    )
    with pytest.raises(Conflict, match="'db' exists already"):
        original.clone("db", Cloner(journal, appliance_pool="default"))
    with pytest.raises(Conflict, match="'web-1' exists already"):
        original.clone("web-1", Cloner(journal, appliance_pool="default"))
