# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._domain import apply
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.defined import look_up
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
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains

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
        "name": ["web-1"],
    }
    assert read_request(options) == DomainRequest("absent", 1.0, True, False)
