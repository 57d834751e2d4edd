# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module over libvirt's test driver, which has one domain, one pool and one network."""

from __future__ import annotations

import types
import typing as t

import libvirt
import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput, NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import node
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.on_host import ask_hosts
from ansible_collections.headroom.libvirt.plugins.modules import host_info

from tools.inventories import Inventories, domain

if t.TYPE_CHECKING:
    from pathlib import Path

GIB = 1024**3


@pytest.fixture
def connection() -> t.Iterator[Connection]:
    with open_connection("test:///default") as opened:
        yield opened


def call(connection: Connection, *, check_mode: bool = False, **params: t.Any) -> dict[str, t.Any]:
    defaults = {
        name: option.get("default")
        for name, option in host_info.ARGUMENTS.options.items()
        if name not in params
    }
    module = types.SimpleNamespace(
        params={**defaults, **params}, check_mode=check_mode, warn=pytest.fail
    )
    return host_info.read_capacity(connection, t.cast("t.Any", module))


def run(connection: Connection, **params: t.Any) -> dict[str, t.Any]:
    result: dict[str, t.Any] = call(connection, **params)["host"]
    return result


def define(connection: Connection, name: str, vcpus: int, memory_gib: int) -> libvirt.virDomain:
    return connection.handle.defineXMLFlags(
        f"<domain type='test'><name>{name}</name><memory unit='GiB'>{memory_gib}</memory>"
        f"<vcpu>{vcpus}</vcpu><os><type>hvm</type></os></domain>",
        0,
    )


def test_it_agrees_with_libvirt(connection: Connection) -> None:
    host = run(connection)
    arch, memory_mib, cpus, *_rest = connection.handle.getInfo()
    assert host["cpu"]["threads"] == cpus
    assert host["cpu"]["arch"] == arch
    assert host["memory"]["total_bytes"] == memory_mib * 1024**2
    assert host["hostname"] == connection.handle.getHostname()
    assert host["uri"] == "test:///default"
    _state, capacity, allocation, available = connection.handle.storagePoolLookupByName(
        "default-pool"
    ).info()
    assert host["pools"] == [
        {
            "name": "default-pool",
            "type": "dir",
            "path": "/default-pool",
            "state": "running",
            "autostart": False,
            "capacity_bytes": capacity,
            "allocation_bytes": allocation,
            "available_bytes": available,
            "source": None,
        }
    ]
    assert host["networks"] == [
        {
            "name": "default",
            "active": True,
            "autostart": False,
            "bridge": "virbr0",
            "forward": "nat",
        }
    ]
    assert host["domains"] == {"running": 1, "total": 1}


def test_every_documented_key_is_returned(connection: Connection) -> None:
    yaml = pytest.importorskip("yaml")
    documented = yaml.safe_load(host_info.RETURN)["host"]["contains"]
    host = run(connection, guests=True)
    assert set(host) == set(documented)
    for key in ("cpu", "memory", "committed", "free"):
        assert set(host[key]) == set(documented[key]["contains"])
    for key in ("pools", "networks", "guests", "health"):
        assert set(host[key][0]) == set(documented[key]["contains"])


def test_a_stopped_domain_takes_from_free_what_it_is_defined_with(connection: Connection) -> None:
    before = run(connection, memory_overcommit=8.0)
    domain = define(connection, "spare", vcpus=3, memory_gib=2)
    try:
        after = run(connection, memory_overcommit=8.0)
    finally:
        domain.undefineFlags(0)
    assert after["committed"]["running"] == before["committed"]["running"]
    assert after["committed"]["defined"]["vcpus"] - before["committed"]["defined"]["vcpus"] == 3
    assert before["free"]["memory_bytes"] - after["free"]["memory_bytes"] == 2 * GIB
    assert before["free"]["vcpus"] - after["free"]["vcpus"] == 3
    assert after["domains"] == {"running": 1, "shutoff": 1, "total": 2}


def test_what_the_collection_keeps_for_itself_takes_no_room(connection: Connection) -> None:
    before = run(connection)
    mark = "<metadata><m:warm xmlns:m='urn:headroom:libvirt:1:warm'/></metadata>"
    defined = [
        connection.handle.defineXMLFlags(
            f"<domain type='test'><name>{name}</name>{metadata}<memory unit='GiB'>1</memory>"
            "<vcpu>1</vcpu><os><type>hvm</type></os></domain>",
            0,
        )
        for name, metadata in (("headroom-warm-web-1", mark), ("headroom-warm-of-mine", ""))
    ]
    try:
        after = run(connection)
    finally:
        for one in defined:
            one.undefineFlags(0)
    assert after["committed"]["defined"]["vcpus"] - before["committed"]["defined"]["vcpus"] == 1
    assert before["free"]["vcpus"] - after["free"]["vcpus"] == 1
    assert after["domains"]["total"] - before["domains"]["total"] == 1


def test_a_host_without_domains(connection: Connection) -> None:
    domain = connection.handle.lookupByName("test")
    definition = domain.XMLDesc(0)
    domain.destroyFlags(0)
    domain.undefineFlags(0)
    try:
        host = run(connection, memory_reserve="1GiB")
    finally:
        connection.handle.defineXMLFlags(definition, 0).createWithFlags(0)
    assert host["domains"] == {"total": 0}
    assert host["free"]["memory_bytes"] == 2 * GIB


def test_what_does_not_run_is_reported(connection: Connection) -> None:
    pool = connection.handle.storagePoolLookupByName("default-pool")
    network = connection.handle.networkLookupByName("default")
    pool.destroy()
    network.destroy()
    try:
        host = run(connection, refresh_pools=True)
    finally:
        pool.create(0)
        network.create()
    assert host["pools"][0]["state"] == "inactive"
    assert host["pools"][0]["available_bytes"] is None
    assert host["free"]["pools"] == {}
    assert host["networks"][0]["active"] is False
    found = [(check["check"], check["name"], check["status"]) for check in host["health"]]
    assert (
        found.count(("pool", "default-pool", "warning")) == 2
    )  # it could not be refreshed, and it is inactive
    assert ("network", "default", "warning") in found


def test_only_the_pools_that_were_asked_for(connection: Connection) -> None:
    assert [pool["name"] for pool in run(connection, pools=["default-pool"])["pools"]] == [
        "default-pool"
    ]
    assert run(connection, pools=[])["pools"] == []


def test_a_pool_that_is_not_there_is_an_error_that_says_which_are(connection: Connection) -> None:
    with pytest.raises(
        NotFound, match=r"pools: the host has no pool 'missing'\. It has: default-pool"
    ):
        run(connection, pools=["default-pool", "missing"])


def test_a_domain_that_vanishes_is_left_out(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = define(connection, "brief", vcpus=1, memory_gib=1)
    listed = connection.handle.listAllDomains(0)
    domain.undefineFlags(0)
    monkeypatch.setattr(
        "ansible_collections.headroom.libvirt.plugins.module_utils._virt.domains.list_all",
        lambda _connection: listed,
    )
    assert run(connection)["domains"] == {"running": 1, "total": 1}


def test_a_storage_daemon_that_is_down_is_reported(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: object, _flags: int) -> t.NoReturn:
        raise libvirt.libvirtError("Failed to connect socket to '/run/libvirt/virtstoraged-sock'")

    monkeypatch.setattr(libvirt.virConnect, "listAllStoragePools", refuse)
    host = run(connection)
    assert host["pools"] == []
    assert ("storage", "error") in [(check["check"], check["status"]) for check in host["health"]]


def test_memory_of_a_linux_host_is_read_in_kib(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {"total": 3145729, "free": 1000, "buffers": 20, "cached": 300}
    monkeypatch.setattr(node, "read_memory_stats", lambda _connection: answer)
    assert run(connection)["memory"] == {
        "total_bytes": 3145729 * 1024,
        "free_bytes": 1000 * 1024,
        "available_bytes": 1320 * 1024,
    }


@pytest.mark.parametrize("option", ["cpu_overcommit", "memory_overcommit"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_factor_must_be_above_zero(connection: Connection, option: str, value: float) -> None:
    with pytest.raises(InvalidInput, match=option):
        run(connection, **{option: value})


def test_a_reserve_that_is_no_size(connection: Connection) -> None:
    with pytest.raises(InvalidInput, match="memory_reserve: 'much' is not a size"):
        run(connection, memory_reserve="much")


def test_many_hosts_are_rows_of_one_result(tmp_path: Path) -> None:
    uri = Inventories(tmp_path).host("k1", domain("web-1"))["uri"]
    defaults = {name: option.get("default") for name, option in host_info.ARGUMENTS.options.items()}
    uris = [f"test://{tmp_path}/missing.xml", uri]
    module = t.cast("t.Any", types.SimpleNamespace(params={**defaults, "uris": uris}))
    dead, alive = host_info.merge(ask_hosts(module, host_info.read_capacity))["hosts"]
    assert dead.keys() == {"uri", "problem"}
    assert alive["problem"] is None
    assert (alive["uri"], alive["domains"]["total"]) == (uri, 1)


def test_it_is_told_to_prometheus(connection: Connection, tmp_path: Path) -> None:
    path = tmp_path / "host.prom"
    options: dict[str, t.Any] = {
        "journal": str(tmp_path / "journal.sqlite"),
        "history": str(tmp_path / "history"),
    }
    text = call(connection, output="openmetrics", **options)["openmetrics"]
    assert text.endswith("# EOF\n")
    told: dict[str, t.Any] = {"output": "textfile", "path": str(path), **options}
    assert call(connection, check_mode=True, **told) == {"path": str(path)}
    assert not path.exists()
    call(connection, **told)
    samples = [line for line in text.splitlines() if line[0] != "#" and "timestamp" not in line]
    assert samples
    assert set(samples) <= set(path.read_text().splitlines())


def test_text_of_many_hosts_is_refused(connection: Connection) -> None:
    with pytest.raises(InvalidInput, match="output: 'openmetrics' says nothing of which host"):
        call(connection, output="openmetrics", uris=["test:///default"])
