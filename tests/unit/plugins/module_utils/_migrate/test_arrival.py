# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""D6: whoever finds a guest that still reads from elsewhere finishes that by its metadata, and believes them no further
than the source bears them out."""

from __future__ import annotations

import contextlib
import threading
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.arrival import (
    Arrival,
    list_leftovers,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import (
    chain,
    dependency,
    export_xml,
    serve,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domains,
    storage,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import (
    Dependency,
    RemoteDisk,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import Metadata
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

TOKEN = "0123456789abcdef"  # noqa: S105 - a part of names
GUEST = """<domain type='test'><name>web-1</name><memory>8192</memory><os><type>hvm</type></os><devices>
<disk type='file' device='disk'><driver name='qemu' type='qcow2' error_policy='stop' rerror_policy='stop'/>
<source file='/here/web-1.qcow2'/>{below}<target dev='vda' bus='virtio'/></disk></devices></domain>"""
EXPORT = f"""<backingStore type='network'><format type='raw'/><source protocol='nbd' name='{TOKEN}-vda'>
<host name='10.0.0.1' port='49216'/></source><backingStore/></backingStore>"""


def volumes(node: Connection) -> set[str]:
    pool = storage.look_up_pool(node, "default")
    return {volume.name() for volume in storage.list_volumes(pool)}


@pytest.fixture
def base(node: Connection) -> str:
    """What a move has left on the source, and the path of the disk that it served."""
    pool = storage.look_up_pool(node, "default")
    path = storage.read_pool(pool).path_of("a.qcow2")
    overlay = f"a.qcow2.headroom-{TOKEN}.overlay"
    for new in (
        storage_xml.NewVolume("a.qcow2", 4096),
        storage_xml.NewVolume(overlay, 4096, backing_path=path, backing_format="qcow2"),
        storage_xml.NewVolume("another.qcow2", 4096),
    ):
        storage.create(pool, new.name, storage_xml.build_volume_xml(new))
    return path


def arrive(
    node: Connection,
    path: str,
    *,
    below: str = EXPORT,
    uri: str = "",
    image_format: str = "qcow2",
    **changes: t.Any,
) -> Arrival:
    """A guest that reads from its own host, which the test driver cannot tell from another one."""
    disk = RemoteDisk("vda", path, image_format, (("error_policy", "report"),))
    said = Dependency(
        "move",
        uri or node.uri,
        "10.0.0.1",
        49216,
        TOKEN,
        "2026-05-04T09:30:00Z",
        disks=(disk,),
        removes_source=True,
    )._replace(**changes)
    domain = domains.define(node, GUEST.format(below=below))
    domains.set_metadata(domain, Metadata(fleet="web", dependency=said))
    remainder = dependency.find_remainder(domain)
    assert remainder is not None
    return Arrival(node, domain, remainder, node, SYSTEM_CLOCK, threading.Event(), 5.0)


def test_what_is_whole_already_is_tidied_on_both_hosts(node: Connection, base: str) -> None:
    arrival = arrive(node, base, below="<backingStore/>")
    assert not arrival.is_stuck()
    assert arrival.finish("local") == {}
    assert volumes(node) == {"another.qcow2"}
    definition = domains.read_definition_xml(arrival.domain)
    assert "error_policy='report'" in definition
    assert "rerror_policy" not in definition
    assert domains.read_metadata(arrival.domain) == Metadata(fleet="web")


def arrive_with_stale_definition(node: Connection, path: str) -> Arrival:
    """A guest that runs on disks of its own, and is defined with what they stood on."""
    arrival = arrive(node, path, below="<backingStore/>")
    domains.start(arrival.domain)
    definition = domains.read_definition_xml(arrival.domain)
    domains.define(node, definition.replace("<backingStore/>", EXPORT))
    assert chain.find_remote(domains.read_definition_xml(arrival.domain)) == ["vda"]
    assert not chain.find_remote(domains.read_live_xml(arrival.domain))
    return arrival


def test_a_definition_that_still_names_the_source_is_set_right(node: Connection, base: str) -> None:
    """libvirt 9.0 has left it so when the pull had ended; the guest could not have been started again."""
    arrival = arrive_with_stale_definition(node, base)
    assert arrival.finish("local") == {}
    assert not chain.find_remote(domains.read_definition_xml(arrival.domain))
    assert volumes(node) == {"another.qcow2"}


def test_nothing_goes_while_the_definition_names_the_source(
    node: Connection, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrival = arrive_with_stale_definition(node, base)
    monkeypatch.setattr(export_xml, "remove_backings", lambda text, _targets: text)
    before = volumes(node)
    with pytest.raises(HeadroomError, match="Nothing is deleted there"):
        arrival.finish("local")
    assert volumes(node) == before


def test_what_the_move_was_to_keep_stays_and_is_told(node: Connection, base: str) -> None:
    arrival = arrive(node, base, below="<backingStore/>", removes_source=False)
    assert base in arrival.finish("local")
    assert "a.qcow2" in volumes(node)


def test_no_file_goes_because_metadata_say_so(node: Connection, base: str) -> None:
    """A foreign tool may write any path; the overlay of the move says which one was served."""
    another = base.replace("a.qcow2", "another.qcow2")
    kept = arrive(node, another, below="<backingStore/>").finish("local")
    assert set(kept) == {base, another}
    assert volumes(node) == {"a.qcow2", "another.qcow2"}


@pytest.mark.parametrize(("name", "image_format"), [("another.qcow2", "qcow2"), ("a.qcow2", "raw")])
def test_no_file_is_served_because_metadata_say_so(
    node: Connection, base: str, monkeypatch: pytest.MonkeyPatch, name: str, image_format: str
) -> None:
    monkeypatch.setattr(serve, "ensure", lambda *_: pytest.fail("it is served"))
    with pytest.raises(Conflict, match="nothing there by which to serve them again"):
        arrive(node, base.replace("a.qcow2", name), image_format=image_format).finish("local")


def test_what_is_off_is_served_and_refused_with_the_way_on(
    node: Connection, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[t.Any] = []
    monkeypatch.setattr(
        serve, "ensure", lambda _source, helper, port: served.append((helper, port))
    )
    arrival = arrive(node, base)
    domains.start(arrival.domain)
    domains.power_off(arrival.domain)
    assert arrival.is_stuck()
    with pytest.raises(Conflict, match="'web-1' is off, and a disk is only pulled in while"):
        arrival.finish("local")
    ((helper, port),) = served
    assert port == 49216
    assert [(disk.name, disk.base_path, disk.base_format) for disk in helper.disks] == [
        (f"{TOKEN}-vda", base, "qcow2")
    ]


def test_what_fell_is_started_once_what_it_reads_is_served(
    node: Connection, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both hosts had no power, and no journal tells of the move: the guest's own metadata do."""
    arrival = arrive(node, base)
    states: list[bool] = []
    monkeypatch.setattr(
        serve, "ensure", lambda *_unused: states.append(domains.is_active(arrival.domain))
    )
    with contextlib.suppress(HeadroomError):  # the test driver has no block jobs
        arrival.finish("local")
    assert states[0] is False
    assert domains.is_active(arrival.domain)


def test_a_source_that_does_not_answer_is_named(node: Connection, base: str) -> None:
    arrival = arrive(node, base, uri="test:///nowhere.xml")
    with pytest.raises(
        Conflict, match=r"still reads from test:///nowhere\.xml, which does not answer"
    ):
        arrival.finish("local")
    assert arrival.remainder.targets == ("vda",)


def test_what_is_there_only_until_it_was_pulled_in_is_not_in_the_way(
    node: Connection, base: str
) -> None:
    """A guest moves back to the host that it still reads from: its own old disk is no other volume there."""
    remainder = arrive(node, base).remainder
    assert list_leftovers(remainder, node) == {base}
    said = remainder.dependency
    for other in (said._replace(removes_source=False), said._replace(token="f" * 16)):
        assert list_leftovers(remainder._replace(dependency=other), node) == frozenset()
    assert list_leftovers(None, node) == frozenset()
