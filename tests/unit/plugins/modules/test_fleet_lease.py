# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import types
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict, InvalidInput
from ansible_collections.headroom.libvirt.plugins.modules import fleet_lease

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


@pytest.fixture
def warnings() -> list[str]:
    return []


class Run(t.Protocol):
    def __call__(
        self, holder: str, *, check_mode: bool = False, **params: t.Any
    ) -> dict[str, t.Any]: ...


@pytest.fixture
def run(path: Path, warnings: list[str]) -> Run:
    def task(holder: str, *, check_mode: bool = False, **params: t.Any) -> dict[str, t.Any]:
        defaults = {
            name: option.get("default") for name, option in fleet_lease.ARGUMENTS.options.items()
        }
        values = {**defaults, "fleet": "web", "holder": holder, "history": str(path), **params}
        module = types.SimpleNamespace(params=values, check_mode=check_mode, warn=warnings.append)
        return fleet_lease.take_or_give_up(t.cast("t.Any", module))

    return task


def test_taking_keeping_and_giving_up(run: Run) -> None:
    taken = run("a")
    assert (taken["changed"], taken["held"], taken["by"]) == (True, True, "a")
    assert taken["until"] - taken["since"] == 900
    assert taken["diff"] == {"before": {"holder": None}, "after": {"holder": "a"}}
    kept = run("a")
    assert (kept["changed"], kept["held"], kept["since"]) == (False, True, taken["since"])
    assert kept["until"] > taken["until"]
    assert run("a", state="absent")["changed"] is True
    gone = run("a", state="absent")
    assert (gone["changed"], gone["held"], gone["by"], gone["until"]) == (False, False, None, None)


def test_another_holder_is_told_and_not_disturbed(run: Run) -> None:
    until = run("a")["until"]
    refused = run("b")
    assert (refused["changed"], refused["held"], refused["by"], refused["until"]) == (
        False,
        False,
        "a",
        until,
    )
    assert run("b", state="absent")["by"] == "a"
    with pytest.raises(Conflict, match=r"a holds the fleet 'web' for another (900|899) s"):
        run("b", fail_if_held=True)


def test_a_holder_that_died_is_followed(run: Run) -> None:
    run("dead", seconds=1e-6)
    followed = run("b")
    assert (followed["changed"], followed["held"]) == (True, True)


def test_check_mode_tells_what_the_real_run_then_does(run: Run, path: Path) -> None:
    told = run("a", check_mode=True)
    assert not path.exists()
    done = run("a")
    assert all(told[name] == done[name] for name in ("changed", "held", "by", "diff"))
    assert (told["recorded"], done["recorded"]) == (False, True)
    assert run("a", check_mode=True, state="absent")["changed"] is True
    assert run("b")["by"] == "a"


def test_a_broken_file_is_warned_of(run: Run, path: Path, warnings: list[str]) -> None:
    path.write_text("broken" * 500)
    assert run("a")["held"] is True
    assert len(warnings) == 1
    assert "is kept as" in warnings[0]


@pytest.mark.parametrize(
    ("params", "option"),
    [
        ({"fleet": "../web"}, "fleet"),
        ({"fleet": "web\n"}, "fleet"),
        ({"holder": " "}, "holder"),
        ({"seconds": 0}, "seconds"),
        ({"seconds": float("inf")}, "seconds"),
        ({"history": "relative"}, "history"),
    ],
)
def test_wrong_options_are_explained(run: Run, params: dict[str, t.Any], option: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        run(params.pop("holder", "a"), **params)
    assert caught.value.details["option"] == option
