# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole task that makes clones, on libvirt's test driver."""

from __future__ import annotations

import dataclasses
import typing as t
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import (
    catalogue,
    provenance,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.model import Overrides
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.plan import CloneRequest
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.task import (
    CloneTask,
    make_clones,
    make_more_like,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.defined import (
    DefinedDomain,
    look_up,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    InvalidSecret,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)
from ansible_collections.headroom.libvirt.plugins.modules.appliance_clone import ARGUMENTS

from .test_apply import everything, make

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )


def task_for(journal: Journal, **options: t.Any) -> CloneTask:
    defaults = {name: option.get("default") for name, option in ARGUMENTS.options.items()}
    said = {"appliance_pool": "default", "state": "shutdown", **options}
    return CloneTask({**defaults, **said}, journal, pytest.fail)


@pytest.fixture
def original(shelf: Catalogue, journal: Journal) -> DefinedDomain:
    request = CloneRequest("web", names=("web-1",), pool="fast", fleet="web", tenant="shop")
    make(shelf, journal, request)
    return look_up(shelf.connection, "web-1")


def test_more_of_what_a_clone_was_made_from(original: DefinedDomain, journal: Journal) -> None:
    connection, task = original.connection, task_for(journal, names=["web-2"])
    foreseen = make_more_like(connection, original.definition, dataclasses.replace(task, act=False))
    result = make_more_like(connection, original.definition, task)
    assert foreseen["diff"] == result["diff"]
    (row,) = result["clones"]
    sibling = look_up(connection, "web-2")
    assert row["machine"] == {"uri": connection.uri, "name": "web-2", "uuid": sibling.uuid}
    assert foreseen["clones"][0]["machine"] == {**row["machine"], "uuid": None}
    assert sibling.observe().situation == "shutdown"
    assert sibling.uuid != original.uuid
    mine, its = original.metadata, sibling.metadata
    assert (its.fleet, its.tenant, its.appliance) == (mine.fleet, mine.tenant, mine.appliance)
    assert [volume.pool for volume in its.volumes] == ["fast", "fast"]
    one, other = original.definition, sibling.definition
    assert other.interfaces[0].mac != one.interfaces[0].mac
    assert (other.memory_bytes, other.vcpus) == (one.memory_bytes, one.vcpus)
    assert not make_more_like(connection, one, task)["changed"]


def test_what_the_task_says_goes_before_what_the_machine_has(
    original: DefinedDomain, journal: Journal
) -> None:
    task = task_for(journal, names=["web-2"], fleet="spare", pool="default")
    make_more_like(original.connection, original.definition, task)
    metadata = look_up(original.connection, "web-2").metadata
    assert (metadata.fleet, metadata.tenant) == ("spare", "shop")
    assert {volume.pool for volume in metadata.volumes} == {"default"}


def test_a_name_that_is_taken_is_refused(original: DefinedDomain, journal: Journal) -> None:
    original.connection.handle.defineXMLFlags(
        "<domain type='test'><name>db</name><memory>1024</memory><os><type>hvm</type></os></domain>",
        0,
    )
    with pytest.raises(Conflict, match="'db' exists already"):
        make_more_like(original.connection, original.definition, task_for(journal, names=["db"]))


def test_the_pool_is_default_and_check_mode_makes_nothing(
    shelf: Catalogue, journal: Journal
) -> None:
    task, before = task_for(journal, appliance="web", names=["a"]), everything(shelf)
    foreseen = make_clones(shelf.connection, dataclasses.replace(task, act=False))
    assert everything(shelf) == before
    result = make_clones(shelf.connection, task)
    assert foreseen["diff"] == result["diff"]
    assert {volume["pool"] for volume in result["clones"][0]["volumes"]} == {"default"}


def test_the_journal_knows_what_is_needed_to_do_it_again(
    original: DefinedDomain, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    intents: list[dict[str, t.Any]] = []
    real = Journal.begin

    def spy(self: Journal, *arguments: t.Any) -> t.Any:
        intents.append(arguments[2])
        return real(self, *arguments)

    monkeypatch.setattr(Journal, "begin", spy)
    task = task_for(journal, names=["web-2"], machine={"uri": "test:///default", "name": "web-1"})
    make_more_like(original.connection, original.definition, task)
    options = intents[-1]["options"]
    assert options.keys().isdisjoint({"uri", "machine", "machine_uri"})
    assert (options["appliance"], options["pool"], options["fleet"]) == ("web:1", "fast", "web")


SCREEN = (
    "<graphics type='vnc' autoport='yes' passwd=''><listen type='address' address='::'/></graphics>"
)


@pytest.fixture
def guarded(shelf: Catalogue, monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    """The appliance was captured from a machine whose console had a password and listened everywhere."""
    manifest = shelf.get("web", "1")
    text = manifest.template.replace("<devices>", f"<devices>{SCREEN}")
    guarded = dataclasses.replace(manifest, template=text)
    monkeypatch.setattr(catalogue.Catalogue, "get", lambda *_arguments: guarded)
    monkeypatch.setattr(provenance.Provenance, "knows", lambda *_arguments: True)
    return shelf


def read_screen(connection: Connection, name: str) -> tuple[str | None, str | None]:
    """Where the console of a domain listens, and its password."""
    text = domains.read_definition_xml(domains.look_up(connection, name), secrets=True)
    device = parse_element(text).find("devices/graphics")
    assert device is not None
    return device.find("listen").get("address"), device.get("passwd")  # type: ignore[union-attr]


def test_a_console_that_had_a_password_is_closed_and_the_result_says_so(
    guarded: Catalogue, journal: Journal
) -> None:
    task = task_for(journal, appliance="web", names=["a"])
    result = make_clones(guarded.connection, task)
    assert read_screen(guarded.connection, "a") == ("127.0.0.1", None)
    (note,) = [note for note in result["notes"] if "console" in note]
    assert "console_password" in note
    again = make_clones(guarded.connection, task)["notes"]
    assert not [note for note in again if "console" in note], "said where a clone is made"


def test_a_console_gets_the_password_of_the_task_and_nothing_tells_it(
    guarded: Catalogue, journal: Journal
) -> None:
    task = task_for(journal, appliance="web", names=["a"], console_password="s3cr3t.7")  # noqa: S106
    result = make_clones(guarded.connection, task)
    assert read_screen(guarded.connection, "a") == ("::", "s3cr3t.7")
    assert not [note for note in result["notes"] if "console" in note]
    assert "s3cr3t.7" not in repr(result)
    assert b"s3cr3t.7" not in Path(journal.path).read_bytes()
    assert "s3cr3t.7" not in repr(Overrides(console_password="s3cr3t.7"))  # noqa: S106


def test_a_password_for_no_console_is_refused_before_anything_is_made(
    shelf: Catalogue, journal: Journal
) -> None:
    before = everything(shelf)
    task = task_for(journal, appliance="web", names=["a"], console_password="s3cr3t.7")  # noqa: S106
    with pytest.raises(InvalidSecret, match="has none by VNC or SPICE"):
        make_clones(shelf.connection, task)
    assert everything(shelf) == before
