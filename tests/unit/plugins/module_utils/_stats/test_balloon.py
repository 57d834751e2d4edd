# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import LibvirtFailed
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.balloon import (
    read_period,
    set_periods,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.collect import (
    StatsRequest,
    collect,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.sample import DomainSample
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import Connection

GUEST = """<domain type='test'><name>{name}</name><memory>8192</memory><os><type>hvm</type></os>
<devices><memballoon model='{model}'>{stats}</memballoon></devices></domain>"""


def xml(name: str, model: str = "virtio", stats: str = "") -> str:
    return GUEST.format(name=name, model=model, stats=stats)


@pytest.fixture
def host(node: Connection) -> Connection:
    """Running: five (its period), never, without (a balloon); off: off."""
    for guest in (
        xml("five", stats="<stats period='5'/>"),
        xml("never"),
        xml("without", model="none"),
    ):
        node.handle.defineXMLFlags(guest).createWithFlags()
    node.handle.defineXMLFlags(xml("off"))
    return node


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What was set: libvirt's test driver has no balloons."""
    made: list[tuple[str, int]] = []
    monkeypatch.setattr(
        domains, "set_balloon_period", lambda domain, period: made.append((domain.name(), period))
    )
    return made


def samples(connection: Connection, **changes: t.Any) -> list[DomainSample]:
    read = [reading.sample for reading in collect(connection, StatsRequest())]
    return [
        DomainSample(
            one.name, one.uuid, one.id, one.taken_at, {**one.stats, "timed_out": False, **changes}
        )
        for one in read
    ]


def test_only_those_that_run_have_a_balloon_and_differ_are_set(
    host: Connection, calls: list[tuple[str, int]]
) -> None:
    changes = set_periods(host, samples(host), 5, check_mode=False)
    assert calls == [("never", 5)]
    assert changes.diff == {
        "before": {"never": {"balloon_period": 0}},
        "after": {"never": {"balloon_period": 5}},
    }


def test_check_mode_tells_the_same_and_sets_nothing(
    host: Connection, calls: list[tuple[str, int]]
) -> None:
    assert set(set_periods(host, samples(host), 7, check_mode=True).diff["after"]) == {
        "five",
        "never",
    }
    assert calls == []


def test_a_busy_guest_is_passed_over(host: Connection, calls: list[tuple[str, int]]) -> None:
    assert not set_periods(host, samples(host, timed_out=True), 7, check_mode=False).changed
    assert calls == []


@pytest.mark.parametrize("gone", [True, False])
def test_a_guest_that_stops_meanwhile_is_passed_over(
    host: Connection, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    def refuse(domain: t.Any, _period: int) -> None:
        if gone:
            domain.destroyFlags()
        raise LibvirtFailed("could not: domain is not running")

    monkeypatch.setattr(domains, "set_balloon_period", refuse)
    if gone:
        assert not set_periods(host, samples(host), 5, check_mode=False).changed
    else:
        with pytest.raises(LibvirtFailed):
            set_periods(host, samples(host), 5, check_mode=False)


@pytest.mark.parametrize(
    ("text", "period"),
    [
        (xml("a"), 0),
        (xml("a", stats="<stats period='30'/>"), 30),
        (xml("a", model="virtio-non-transitional"), 0),
        (xml("a", model="none"), None),
        ("<domain/>", None),
    ],
)
def test_the_period_is_read(text: str, period: int | None) -> None:
    assert read_period(text) == period
