# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._domain import apply
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.defined import look_up
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.labels import Labels
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.request import (
    DomainRequest,
    read_request,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    LibvirtFailed,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domain_xml, domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import parse_time
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import Metadata

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

_DOMAIN = (
    "<domain type='test'><name>{}</name><memory>8192</memory><os><type>hvm</type></os></domain>"
)
NAMES = ("web-1", "web-2", "web-3")


@pytest.fixture
def host(node: Connection) -> Connection:
    for name in NAMES:
        domains.define(node, _DOMAIN.format(name))
    return node


@pytest.fixture
def task(tmp_path: Path) -> apply.DomainTask:
    return apply.DomainTask(
        Journal(str(tmp_path / "journal.sqlite"), warn=pytest.fail), pytest.fail
    )


def bring(host: Connection, task: apply.DomainTask, **options: t.Any) -> apply.Outcome:
    chosen = [look_up(host, name) for name in NAMES]
    return apply.bring_into_state(host, chosen, DomainRequest(**options), task)


def situations(host: Connection) -> list[str]:
    return [look_up(host, name).observe().situation for name in NAMES]


def test_check_mode_tells_what_the_real_run_then_does(
    host: Connection, task: apply.DomainTask
) -> None:
    foreseen = bring(host, dataclasses.replace(task, act=False), state="running", protected=True)
    assert situations(host) == ["shutdown"] * 3
    outcome = bring(host, task, state="running", protected=True)
    assert situations(host) == ["running"] * 3
    assert outcome.as_rows() == foreseen.as_rows()
    assert outcome.changes.diff == foreseen.changes.diff
    assert not bring(host, task, state="running", protected=True).changes.changed


def test_nothing_is_touched_when_one_cannot_get_there(
    host: Connection, task: apply.DomainTask
) -> None:
    domains.start(look_up(host, "web-1").domain)
    with pytest.raises(Conflict, match="'web-2' is shutdown and cannot become saved"):
        bring(host, task, state="saved")
    assert situations(host) == ["running", "shutdown", "shutdown"]


@pytest.mark.parametrize("failing", [("web-2",), ("web-1", "web-2")])
def test_one_that_fails_does_not_stop_the_others(
    host: Connection,
    task: apply.DomainTask,
    monkeypatch: pytest.MonkeyPatch,
    failing: tuple[str, ...],
) -> None:
    real = domains.start

    def start(domain: domains.Domain, *, paused: bool = False) -> None:
        if domain.name() in failing:
            raise LibvirtFailed(f"no room for {domain.name()}")
        real(domain, paused=paused)

    monkeypatch.setattr(domains, "start", start)
    with pytest.raises(HeadroomError) as caught:
        bring(host, task, state="running")
    assert all(f"no room for {name}" in caught.value.message for name in failing)
    assert isinstance(caught.value, LibvirtFailed) == (len(failing) == 1)
    expected = ["shutdown" if name in failing else "running" for name in NAMES]
    assert situations(host) == expected


def test_a_request_is_read_from_the_options_of_a_task() -> None:
    options = {
        "state": "absent",
        "timeout": 1.0,
        "force": True,
        "remove_volumes": False,
        "protected": None,
        "autostart": None,
        "labels": None,
        "in_service": None,
        "parked_for": None,
        "name": ["web-1"],
    }
    assert read_request(options) == DomainRequest("absent", 1.0, True, False)


_CLONE = (
    "<domain type='test'><name>{0}</name><title>old</title><memory>8192</memory><os><type>hvm</type></os><metadata>"
    "<h:machine xmlns:h='urn:headroom:libvirt:1'><h:fleet>web</h:fleet><h:tenant>acme</h:tenant>"
    "<h:appliance>web:1.0</h:appliance><h:volume pool='default'>{0}.vda.qcow2</h:volume><h:tag>eu</h:tag>"
    "<h:protected/><h:zone>7</h:zone></h:machine></metadata></domain>"
)


@pytest.mark.parametrize("runs", [False, True])
def test_labels_are_put_over_what_a_clone_has_and_replace_nothing(
    node: Connection, task: apply.DomainTask, runs: bool
) -> None:
    """Case E-A: what a clone owns, and that it is protected, outlives its tags; live and in the definition."""
    for name in NAMES:
        domain = domains.define(node, _CLONE.format(name))
        if runs:
            domains.start(domain)
    before = look_up(node, "web-1").metadata
    labels = Labels(title="new", description="two\nlines", add=("edge",), remove=("eu", "none"))
    outcome = bring(node, task, labels=labels)
    machine = look_up(node, "web-1")
    assert machine.metadata == before._replace(tags=("edge",))
    assert "<headroom:zone>7</headroom:zone>" in machine.domain.XMLDesc(0)
    for definition in (machine.definition, domain_xml.parse(domains.read_live_xml(machine.domain))):
        assert (definition.title, definition.description) == ("new", "two\nlines")
        assert definition.metadata.tags == ("edge",)
    assert outcome.changes.diff["after"]["web-1"] == {
        "title": "new",
        "description": "two\nlines",
        "tags": ["edge"],
    }
    assert not bring(node, task, labels=labels).changes.changed
    bring(node, task, labels=Labels(title="", description="", tenant=""))
    assert machine.definition.title is None
    assert machine.metadata == before._replace(tags=("edge",), tenant=None)


def test_a_guest_that_is_labelled_into_a_fleet_is_none_of_its_members(
    node: Connection, task: apply.DomainTask
) -> None:
    for name, text in zip(NAMES, (_DOMAIN, _CLONE, _CLONE), strict=True):
        domains.define(node, text.format(name))
    bring(node, task, labels=Labels(fleet="web"))
    assert [look_up(node, name).metadata.is_member for name in NAMES] == [False, True, True]
    bring(node, task, labels=Labels(fleet="db"))
    assert [look_up(node, name).metadata.is_member for name in NAMES] == [False] * 3
    bring(node, task, labels=Labels(fleet=""))
    assert look_up(node, "web-1").metadata == Metadata()


def test_in_service_is_recorded_once_with_its_time(
    host: Connection, task: apply.DomainTask
) -> None:
    bring(host, task, state="running", in_service=False)
    standing = look_up(host, "web-1").metadata.standing
    assert standing is not None
    assert not standing.in_service
    assert parse_time(standing.since) is not None
    assert not bring(host, task, in_service=False).changes.changed
    assert bring(host, task, in_service=True).changes.diff["after"]["web-1"] == {"in_service": True}
    assert not bring(host, dataclasses.replace(task, act=False), in_service=True).changes.changed


def test_one_that_fails_to_start_is_not_in_service(
    host: Connection, task: apply.DomainTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(domain: domains.Domain, *, paused: bool = False) -> None:
        raise LibvirtFailed(f"no room for {domain.name()} {paused}")

    monkeypatch.setattr(domains, "start", start)
    with pytest.raises(HeadroomError):
        bring(host, task, state="running", in_service=True)
    assert look_up(host, "web-1").metadata.standing is None


def test_for_whom_it_is_parked_is_known_until_it_is_awake(
    host: Connection, task: apply.DomainTask
) -> None:
    bring(host, task, state="running")
    parked = bring(host, task, state="paused", parked_for="web")
    assert parked.changes.diff["after"]["web-1"]["parked_for"] == "web"
    assert look_up(host, "web-1").metadata.parked_for == "web"
    assert not bring(host, task, state="paused", parked_for="web").changes.changed
    assert bring(host, task, state="running", parked_for="").changes.changed
    assert look_up(host, "web-1").metadata.parked_for is None
    assert not bring(host, task, parked_for="").changes.changed
