# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import math
import types
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.modules import fleet_readiness

if t.TYPE_CHECKING:
    from pathlib import Path


START = 1_795_392_000.0


class Run(t.Protocol):
    def __call__(
        self, timestamp: float, *, check_mode: bool = False, **params: t.Any
    ) -> dict[str, t.Any]: ...


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


@pytest.fixture
def run(path: Path) -> Run:
    def task(timestamp: float, *, check_mode: bool = False, **params: t.Any) -> dict[str, t.Any]:
        values = {
            "fleet": "web",
            "machines": 2,
            "seconds": 41.5,
            "timestamp": timestamp,
            "history": str(path),
        }
        module = types.SimpleNamespace(
            params={**values, **params}, check_mode=check_mode, warn=pytest.fail
        )
        return fleet_readiness.record(t.cast("t.Any", module))

    return task


def test_a_run_is_recorded_once(run: Run) -> None:
    first = run(START + 100)
    assert first["changed"] is True
    assert first["diff"] == {"before": {"seconds": None}, "after": {"seconds": 41.5}}
    assert first["readiness"] == [{"machines": 2, "seconds": 41.5}]
    again = run(START + 100, seconds=99.0)
    assert (again["changed"], again["readiness"]) == (False, first["readiness"])
    assert run(START + 200, machines=1, seconds=38)["readiness"] == [
        *first["readiness"],
        {"machines": 1, "seconds": 38},
    ]


def test_check_mode_tells_what_the_real_run_then_does(run: Run, path: Path) -> None:
    told = run(START + 100, check_mode=True)
    assert not path.exists()
    assert run(START + 100) == told


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("fleet", "a/b"),
        ("machines", 0),
        ("seconds", -1.0),
        ("seconds", math.nan),
        ("timestamp", -1.0),
        ("timestamp", math.inf),
        ("timestamp", 1795392000000.0),
    ],
)
def test_what_cannot_be_meant_is_named(run: Run, path: Path, option: str, value: t.Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        run(**{"timestamp": START, option: value})
    assert caught.value.details["option"] == option
    assert not path.exists()
