# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lease of a fleet while a task changes it."""

from __future__ import annotations

import threading
import time
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._demand import hold, lease
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import Database
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict, InvalidInput

if t.TYPE_CHECKING:
    from pathlib import Path

Lease = t.Callable[..., lease.Lease]


@pytest.fixture
def options(tmp_path: Path) -> dict[str, t.Any]:
    path = str(tmp_path / "history.sqlite")
    return {"fleet": "web", "holder": "run", "seconds": 900.0, "history": path}


@pytest.fixture
def take(options: dict[str, t.Any]) -> Lease:
    """Takes the fleet's lease as somebody does."""

    def acquire(holder: str = "run", seconds: float = 900, now: float | None = None) -> lease.Lease:
        moment = time.time() if now is None else now
        held, _warnings = Database(options["history"]).run(
            lambda opened: lease.acquire(opened, "web", holder, seconds, moment), moment
        )
        return held

    return acquire


def test_a_task_begins_only_while_its_run_has_the_fleet(
    options: dict[str, t.Any], take: Lease
) -> None:
    begun: list[str] = []

    def work() -> None:
        with hold.hold_lease(options, pytest.fail, act=True):
            begun.append("work")

    with pytest.raises(
        Conflict, match="is no longer run's, since its lease ended; nobody holds it"
    ):
        work()
    take("rival")
    with pytest.raises(Conflict, match="rival holds it now"):
        work()
    assert begun == []
    with hold.hold_lease(options, pytest.fail, act=False):  # as in check mode
        pass
    with hold.hold_lease(None, pytest.fail, act=True):
        pass


def test_a_lease_that_ran_out_is_still_that_of_the_last_who_had_it(
    options: dict[str, t.Any], take: Lease
) -> None:
    since = take(seconds=1, now=1000.0).since
    with hold.hold_lease(options, pytest.fail, act=True):
        assert take("rival").holder == "run"
    assert take().since == since
    take(seconds=1, now=time.time() - 10)
    assert take("rival").holder == "rival"
    with (
        pytest.raises(Conflict, match="rival holds it now"),
        hold.hold_lease(options, pytest.fail, act=True),
    ):
        pass


def test_it_is_renewed_for_as_long_as_the_task_lasts(
    options: dict[str, t.Any], take: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(seconds=0.001)
    renewals, renewed = [], threading.Event()
    real = hold.LeaseKeeper.attempt

    def attempt(keeper: hold.LeaseKeeper) -> None:
        real(keeper)
        renewals.append(keeper.failure)
        if len(renewals) == 3:
            renewed.set()

    monkeypatch.setattr(hold, "_SHORTEST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(hold.LeaseKeeper, "attempt", attempt)
    with hold.hold_lease({**options, "seconds": 0.003}, pytest.fail, act=True):
        assert renewed.wait(30)
    assert renewals[:3] == [None] * 3
    count = len(renewals)
    assert not any(thread.name == "lease" for thread in threading.enumerate())
    assert len(renewals) == count


def test_one_that_is_lost_meanwhile_is_told(options: dict[str, t.Any], take: Lease) -> None:
    take()
    keeper = hold.LeaseKeeper(**options)
    keeper.attempt()
    assert not keeper.failure
    Database(options["history"]).run(lambda opened: lease.release(opened, "web", "run"), 0.0)
    take("rival")
    keeper.attempt()
    assert "rival holds it now" in str(keeper.failure)


@pytest.mark.parametrize(
    ("option", "value"), [("fleet", "../web"), ("seconds", 0), ("seconds", 86_401)]
)
def test_wrong_options_are_explained(options: dict[str, t.Any], option: str, value: t.Any) -> None:
    with (
        pytest.raises(InvalidInput) as caught,
        hold.hold_lease({**options, option: value}, pytest.fail, act=True),
    ):
        pytest.fail("it began")
    assert caught.value.details["option"] == f"lease.{option}"
