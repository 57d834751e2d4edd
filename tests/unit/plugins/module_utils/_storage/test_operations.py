# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each operation on each type of pool is planned, or refused in the words of the table before anything is made.

It is asked of what the modules ask, on hosts of libvirt's test driver, which has pools of every type.
"""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import (
    build,
    capture,
    register,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.images import (
    Location,
    Means,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import catalogue
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import ApplianceId
from ansible_collections.headroom.libvirt.plugins.module_utils._clone import (
    plan as clone_plan,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._clone import (
    reflink,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._clone import (
    survey as clone_survey,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._host.capacity import CapacityPolicy
from ansible_collections.headroom.libvirt.plugins.module_utils._host.survey import read_host
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.users import Uses
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import (
    facts,
    plan,
    preflight,
    survey,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.model import Request
from ansible_collections.headroom.libvirt.plugins.module_utils._rbd import images
from ansible_collections.headroom.libvirt.plugins.module_utils._storage import kinds
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domains,
    metadata,
    storage,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.content import Digest
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    serialise,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )

_NAS: t.Final = "<source><host name='nas'/>{}</source>"
_TARGET: t.Final = "iqn.2026-01.org.example:store"
# What libvirt wants of a pool's source beside its type.
_SOURCES: t.Final[t.Mapping[str, str]] = {
    "dir": "",
    "fs": "<source><device path='/dev/sdz'/></source>",
    "netfs": _NAS.format("<dir path='/images'/>"),
    "logical": "<source><name>vg</name></source>",
    "disk": "<source><device path='/dev/sdz'/></source>",
    "iscsi": _NAS.format(f"<device path='{_TARGET}'/>"),
    "iscsi-direct": _NAS.format(
        f"<device path='{_TARGET}'/><initiator><iqn name='{_TARGET}'/></initiator>"
    ),
    "scsi": "<source><adapter name='host1'/></source>",
    "mpath": "",
    "rbd": _NAS.format("<name>vms</name>"),
    "zfs": "<source><name>tank</name></source>",
    "gluster": _NAS.format("<dir path='/'/><name>vol</name>"),
    "sheepdog": "<source><host name='nas' port='7000'/><name>vol</name></source>",
    "vstorage": "<source><name>vol</name></source>",
}
_POOL: t.Final = "elsewhere"
_WHOLE: t.Final = "<capacity>4096</capacity><allocation>4096</allocation>"
_GUEST: t.Final = f"""<domain type='test'><name>golden</name>
<uuid>11111111-2222-3333-4444-555555555555</uuid><memory>65536</memory>
<os><type arch='i686'>hvm</type></os><devices>
<disk type='volume' device='disk'><driver name='qemu' type='raw'/><source pool='{_POOL}' volume='a'/>
<target dev='vda'/></disk></devices></domain>"""
_NODE: t.Final = """<node><pool type='dir'><name>default</name><target><path>/images</path></target></pool></node>"""


class Host(t.NamedTuple):
    """A host with an appliance, and a pool beside ``default`` with the volume ``a``, the disk of ``golden``.

    The appliance is in ``default`` but where clones come about within one pool only: then it is in that one.
    """

    connection: Connection
    shelf: Catalogue
    tmp_path: Path


@pytest.fixture
def shelf(node: Connection, contents: dict[str, bytes], tmp_path: Path) -> Catalogue:
    del contents
    return _fill_shelf(node, "default", tmp_path)


def _fill_shelf(connection: Connection, pool: str, tmp_path: Path) -> Catalogue:
    found = catalogue.open_catalogue(connection, pool)
    with register.open_plan(found, _describe_appliance(tmp_path)) as drafted:
        request = _describe_appliance(tmp_path)
        register.store(found, drafted, request, Journal(str(tmp_path / "shelf.sqlite")))
    return found


@pytest.fixture
def _ceph(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images in Ceph, of which there is none here: what is written is read again."""
    written: dict[str, bytes] = {}
    monkeypatch.setattr(images, "fill_image", lambda *_arguments: Digest("0" * 64, 4096))
    monkeypatch.setattr(
        images, "write_content", lambda _node, image, text: written.update({image.name: text})
    )
    monkeypatch.setattr(images, "read_content", lambda _node, image, _limit: written[image.name])


@pytest.fixture
def host(request: pytest.FixtureRequest, shelf: Catalogue, tmp_path: Path, _ceph: None) -> Host:
    pool = shelf.connection.handle.storagePoolCreateXML(
        f"<pool type='{request.param}'><name>{_POOL}</name>{_SOURCES[request.param]}"
        f"<target><path>/pools/{request.param}</path></target></pool>"
    )
    pool.createXML(f"<volume><name>a</name>{_WHOLE}</volume>")
    domains.define(shelf.connection, _GUEST)
    if request.param == "rbd":
        shelf = _fill_shelf(shelf.connection, _POOL, tmp_path)
    return Host(shelf.connection, shelf, tmp_path)


def _describe_appliance(folder: Path) -> register.ApplianceRequest:
    image = folder / "disk.raw"
    image.write_bytes(bytes(4096))
    return register.ApplianceRequest(
        ApplianceId("web", "1"),
        created="2026-01-01T00:00:00Z",
        token="0" * 12,
        files={"": Location(str(image))},
        hardware=build.Hardware(64 << 20, arch="i686", machine=None),
    )


def _register(host: Host, _mode: str) -> None:
    found = catalogue.open_catalogue(host.connection, _POOL)
    with register.open_plan(found, _describe_appliance(host.tmp_path)):
        pass


def _capture(host: Host, mode: str) -> None:
    if mode:
        domains.look_up(host.connection, "golden").createWithFlags()
    asked = capture.Capture(
        "golden", Journal(str(host.tmp_path / "journal.sqlite")), "0" * 12, mode or "refuse"
    )
    found = dataclasses.replace(
        _describe_appliance(host.tmp_path), capture=asked, files={}, means=Means(look_only=True)
    )
    with register.open_plan(host.shelf, found):
        pass


def _clone(host: Host, mode: str, size: int | None = None) -> None:
    request = clone_plan.CloneRequest(
        "web", names=("web-1",), pool=_POOL, mode=mode, disk_size_bytes=size
    )
    clone_survey.make_plan(host.shelf, request)


def _resize(host: Host, _mode: str) -> None:
    _clone(host, "auto", 8192)


def _move(source: Connection, destination: Connection, mode: str, pool: str) -> t.Iterator[str]:
    """Plan a move of the guest, as domain_migrate does, and yield what the preflight fails for."""
    domain = domains.look_up(source, "golden")
    if mode != "offline":
        domain.createWithFlags()
    request = Request(destination.uri, mode=mode, destination_pool=pool)  # type: ignore[arg-type]
    pools = survey.list_active_pools(destination)
    migration = plan.make_plan(survey.read_guest(source, destination, domain), request, pools)
    assert migration.disks_to_move
    for finding in preflight.find_failed(preflight.evaluate(migration, _know(pools))):
        yield f"{finding.detail}. {finding.remedy}"
    plan.check_streamable(migration)


def _know(pools: t.Any) -> facts.Facts:
    """Return what two hosts say that fit each other."""
    return facts.Facts(
        hardware=facts.Hardware("i686", "pc", "test"),
        source_uuid="1",
        destination_uuid="2",
        machines={"i686": (frozenset({"test"}), frozenset({"pc"}))},
        pools=pools,
        volumes=frozenset(),
        networks={},
        bridges=frozenset(),
        free_memory_bytes=1 << 30,
        free_hugepages_bytes=None,
        numa_nodes=1,
        cpu=facts.Cpu(True),
        reach=facts.Reach(True, "b", "10.0.0.2", answers=True),
    )


def _move_out(host: Host, mode: str) -> None:
    path = host.tmp_path / "other.xml"
    path.write_text(_NODE)
    with open_connection(f"test://{path}") as other:
        failures = list(_move(host.connection, other, mode, "default"))
    if failures:
        raise HeadroomError("; ".join(failures))


def _move_in(host: Host, mode: str) -> None:
    path = host.tmp_path / "other.xml"
    path.write_text(_NODE)
    with open_connection(f"test://{path}") as other:
        storage.look_up_pool(other, "default").createXML(f"<volume><name>b</name>{_WHOLE}</volume>")
        domains.define(
            other, _GUEST.replace(f"pool='{_POOL}' volume='a'", "pool='default' volume='b'")
        )
        failures = list(_move(other, host.connection, mode, _POOL))
    if failures:
        raise HeadroomError("; ".join(failures))


def _remove(host: Host, _mode: str) -> None:
    root = parse_element(_GUEST)
    ref = metadata.VolumeRef(_POOL, "a")
    metadata.put_in(root, metadata.Metadata(volumes=(ref,)))
    domain = domains.define(host.connection, serialise(root))
    owned = Uses(host.connection).sort_owned(domains.read_definition(domain))
    if ref in owned.keep:
        raise HeadroomError(owned.keep[ref])
    assert ref in owned.remove


def _measure(host: Host, _mode: str) -> None:
    told = read_host(host.connection, CapacityPolicy(4.0, 1.0, 0))
    (row,) = [row for row in told["pools"] if row["name"] == _POOL]
    assert row["available_bytes"] is not None
    assert [check for check in told["health"] if check["name"] == _POOL] == [
        {"check": "pool", "status": "ok", "detail": "the pool runs", "name": _POOL}
    ]


_PLANNERS: t.Final[t.Mapping[str, t.Callable[[Host, str], None]]] = {
    "register": _register,
    "capture": _capture,
    "clone": _clone,
    "resize": _resize,
    "move in": _move_in,
    "move out": _move_out,
    "remove": _remove,
    "measure": _measure,
}


def _choose_planner(operation: str) -> tuple[t.Callable[[Host, str], None], str]:
    name = next(name for name in _PLANNERS if operation.startswith(name))
    return _PLANNERS[name], operation[len(name) :].strip()


def _list_all(connection: Connection) -> list[tuple[str, str]]:
    pools = storage.list_pools(connection)
    return sorted((pool.name(), v.name()) for pool in pools for v in storage.list_volumes(pool))


@pytest.mark.parametrize("operation", kinds.OPERATIONS)
@pytest.mark.parametrize("host", kinds.KINDS, indirect=True)
def test_each_operation_is_planned_or_refused_before_anything_is_made(
    host: Host, operation: kinds.Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    # of the test driver each disk has a tebibyte
    monkeypatch.setattr(domains, "read_block_size", lambda *_disk: None)
    # whether files can share blocks is a matter of their file system
    monkeypatch.setattr(reflink, "find_obstacle", lambda *_paths: None)
    pool_type = storage.read_pool(storage.look_up_pool(host.connection, _POOL)).type
    refusal = kinds.find_refusal(_POOL, pool_type, operation)
    before = _list_all(host.connection)
    planner, mode = _choose_planner(operation)
    if refusal is None:
        planner(host, mode)
    else:
        with pytest.raises(HeadroomError) as caught:
            planner(host, mode)
        assert str(refusal) in caught.value.message
    assert _list_all(host.connection) == before
