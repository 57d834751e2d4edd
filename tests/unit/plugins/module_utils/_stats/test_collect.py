# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound, Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.collect import (
    StatsRequest,
    collect,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains as domain_api
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import stats
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import Connection
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import Metadata

from .records import RECORD

DOMAIN = """<domain type='test'><name>{name}</name><memory>8192</memory><os><type>hvm</type></os>
<metadata><headroom:machine xmlns:headroom='urn:headroom:libvirt:1'>
<headroom:fleet>{fleet}</headroom:fleet><headroom:tenant>{tenant}</headroom:tenant>
</headroom:machine></metadata></domain>"""

BARE = (
    "<domain type='test'><name>web-3</name><memory>8192</memory><os><type>hvm</type></os></domain>"
)


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class Calls:
    """A connection's handle that notes the names of the calls, and the numbers handed over."""

    def __init__(self, handle: libvirt.virConnect) -> None:
        self.handle = handle
        self.names: list[str] = []
        self.numbers: list[int] = []

    def __getattr__(self, name: str) -> t.Any:
        def call(*arguments: t.Any) -> t.Any:
            self.names.append(name)
            self.numbers += [argument for argument in arguments if isinstance(argument, int)]
            return getattr(self.handle, name)(*arguments)

        return call


@pytest.fixture
def host(node: Connection) -> Connection:
    """Running: web-1, web-2, db; off: web-3."""
    for name, fleet, tenant in (("web-2", "web", "a"), ("web-1", "web", "b"), ("db", "data", "a")):
        node.handle.defineXMLFlags(
            DOMAIN.format(name=name, fleet=fleet, tenant=tenant)
        ).createWithFlags()
    node.handle.defineXMLFlags(
        "<domain type='test'><name>web-3</name><memory>8</memory><os><type>hvm</type></os></domain>"
    )
    return node


def names(connection: Connection, request: StatsRequest) -> list[str]:
    return [reading.sample.name for reading in collect(connection, request, Clock())]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (StatsRequest(), ["db", "web-1", "web-2", "web-3"]),
        (StatsRequest(inactive=False), ["db", "web-1", "web-2"]),
        (StatsRequest(names=["web-3"]), ["web-3"]),
        (StatsRequest(names=["web-3", "db", "web-3"]), ["db", "web-3"]),
        (StatsRequest(names=["web-3", "db"], inactive=False), ["db"]),
        (StatsRequest(names=[]), []),
        (StatsRequest(fleet="web"), ["web-1", "web-2"]),
        (StatsRequest(tenant="a"), ["db", "web-2"]),
        (StatsRequest(fleet="web", tenant="a"), ["web-2"]),
        (StatsRequest(names=["db"], fleet="web"), []),
        (StatsRequest(metadata=True, inactive=False), ["db", "web-1", "web-2"]),
    ],
)
def test_the_chosen_domains_are_read_in_the_order_of_their_names(
    host: Connection, request_: StatsRequest, expected: list[str]
) -> None:
    assert names(host, request_) == expected


@pytest.mark.parametrize(
    ("request_", "calls"),
    [
        (StatsRequest(), ["listAllDomains", "domainListGetStats"]),
        (StatsRequest(inactive=False, interval=5), ["listAllDomains", "domainListGetStats"] * 2),
        (StatsRequest(names=["db"]), ["lookupByName", "domainListGetStats"]),
        (StatsRequest(names=["db", "web-1", "web-2"]), ["listAllDomains", "domainListGetStats"]),
    ],
)
def test_the_number_of_calls_does_not_depend_on_the_number_of_domains(
    host: Connection, request_: StatsRequest, calls: list[str]
) -> None:
    spy = Calls(host.handle)
    collect(Connection(t.cast("libvirt.virConnect", spy), host.uri), request_, Clock())
    assert spy.names == calls


NOWAIT = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
BACKING = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING
STATE, BLOCK, VCPU = (
    getattr(libvirt, f"VIR_DOMAIN_STATS_{group}") for group in ("STATE", "BLOCK", "VCPU")
)


@pytest.mark.parametrize(
    ("request_", "groups", "flags"),
    [
        (StatsRequest(groups=["block"], backing=True), STATE | BLOCK, NOWAIT | BACKING),
        (StatsRequest(groups=["vcpu"], inactive=False), STATE | VCPU, NOWAIT),
        (StatsRequest(groups=[], names=["db", "web-1"]), STATE, NOWAIT),
    ],
)
def test_libvirt_is_asked_for_no_more_and_never_waits(
    host: Connection, request_: StatsRequest, groups: int, flags: int
) -> None:
    spy = Calls(host.handle)
    collect(Connection(t.cast("libvirt.virConnect", spy), host.uri), request_, Clock())
    assert spy.numbers[-2:] == [groups, flags]


def test_every_group_has_its_number_and_one_that_libvirt_lacks_is_named(
    host: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Calls(host.handle)
    collect(
        Connection(t.cast("libvirt.virConnect", spy), host.uri),
        StatsRequest(groups=stats.ALL_GROUPS),
        Clock(),
    )
    assert spy.numbers[-2] == (1 << len(stats.ALL_GROUPS)) - 1
    monkeypatch.delattr(libvirt, "VIR_DOMAIN_STATS_VM")
    with pytest.raises(Unsupported, match=r"groups: .* the group vm"):
        collect(host, StatsRequest(groups=["vm"]))


def test_names_that_no_domain_has_are_all_named(host: Connection) -> None:
    with pytest.raises(
        NotFound, match=r"name: there is no domain 'x/\.\.', 'y\\n' on test:"
    ) as caught:
        collect(host, StatsRequest(names=["db", "x/..", "y\n"]))
    assert caught.value.details["missing"] == ["x/..", "y\n"]
    with pytest.raises(NotFound, match="name: there is no domain 'z'"):
        collect(host, StatsRequest(names=["z"]))


def test_metadata_are_read_only_when_asked_for(host: Connection) -> None:
    (plain,) = collect(host, StatsRequest(names=["web-1"]))
    assert (plain.metadata, plain.as_dict("test:///default")["fleet"]) == (None, None)
    (labelled,) = collect(host, StatsRequest(names=["web-1"], metadata=True))
    assert (
        labelled.as_dict("test:///default").items()
        >= {"fleet": "web", "tenant": "b", "state": "running", "rates": None}.items()
    )
    (unlabelled,) = collect(host, StatsRequest(names=["web-3"], metadata=True))
    assert unlabelled.metadata == Metadata()


def test_rates_are_over_the_time_that_passed(
    host: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    counters = iter([0, 3_000_000_000])

    def read_some(
        _connection: Connection, domains: t.Any, *_groups: t.Any, **_options: t.Any
    ) -> t.Any:
        return [(domain, {**RECORD, "cpu.time": next(counters)}) for domain in domains]

    monkeypatch.setattr(stats, "read_some", read_some)
    (reading,) = collect(host, StatsRequest(names=["db"], interval=6.0), Clock())
    assert reading.rates is not None
    assert (reading.rates["interval_seconds"], reading.rates["cpu"]["used_cores"]) == (6.0, 0.5)


class VanishBetween(Clock):
    """While it sleeps, a domain goes away and another one appears."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        handle = self.connection.handle
        handle.lookupByName("web-1").destroyFlags()
        handle.lookupByName("web-1").undefineFlags()
        handle.defineXMLFlags(DOMAIN.format(name="new", fleet="web", tenant="a")).createWithFlags()


def test_a_domain_that_vanishes_is_left_out_and_a_new_one_has_no_rates(host: Connection) -> None:
    readings = collect(host, StatsRequest(interval=1.0), VanishBetween(host))
    assert [(reading.sample.name, reading.rates is None) for reading in readings] == [
        ("db", False),
        ("new", True),
        ("web-2", False),
        ("web-3", False),
    ]


def test_a_chosen_domain_that_vanishes_is_left_out(host: Connection) -> None:
    readings = collect(host, StatsRequest(names=["db", "web-1"], interval=1.0), VanishBetween(host))
    assert [reading.sample.name for reading in readings] == ["db"]


def test_a_domain_that_vanishes_before_its_metadata_are_read_is_left_out(
    host: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = host.handle.lookupByName("web-3")
    listed = [*host.handle.listAllDomains()]
    stale.undefineFlags()
    monkeypatch.setattr(domain_api, "list_all", lambda _connection: listed)
    assert names(host, StatsRequest(fleet="web")) == ["web-1", "web-2"]


def test_a_domain_that_was_off_in_both_samples_has_rates_of_nothing(host: Connection) -> None:
    (reading,) = collect(host, StatsRequest(names=["web-3"], interval=1.0), Clock())
    assert reading.rates == {
        "interval_seconds": 1.0,
        **dict.fromkeys(("cpu", "vcpu", "memory", "block", "interface")),
    }
