# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import subprocess
import sys
import types
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.modules import provisioning_plan_info

from tools.checkout import collections_path

HOUR = 3600
GIB = 1024**3
FACTS = {
    "free": {"vcpus": 8, "memory_bytes": 8 * GIB, "pools": {"default": 80 * GIB}},
    "committed": {"running": {"vcpus": 1, "memory_bytes": GIB}, "defined": {"vcpus": 1, "memory_bytes": GIB}},
}


def host(name: str, *demand: float | None, machines: t.Sequence[str] = ()) -> dict[str, t.Any]:
    """A host that recorded this demand, one value an hour."""
    history = [{"timestamp": index * HOUR + 60, "value": value} for index, value in enumerate(demand)]
    members = [{"name": machine, "uuid": f"uuid of {machine}", "state": "running"} for machine in machines]
    return {"name": name, "facts": FACTS, "sample": {"fleet": "web", "history": history, "members": members}}


def arguments(**params: t.Any) -> dict[str, t.Any]:
    rule = {"capacity": 10, "min": 1, "max": 20, "interval": HOUR, "headroom": 0, **params.pop("rule", {})}
    hosts = [host("kvm1", 5, 10, 20, machines=["web-1"]), host("kvm2", 0, 0, 0)]
    return {"fleet": "web", "rule": rule, "hosts": hosts, "now": 2 * HOUR + 60, "machine": {"memory": "1GiB"}, **params}


def execute(**params: t.Any) -> dict[str, t.Any]:
    """Run the module as Ansible does, in a Python that has no libvirt."""
    program = (
        "import sys; sys.modules['libvirt'] = None\n"
        "from ansible_collections.headroom.libvirt.plugins.modules.provisioning_plan_info import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ":".join([str(collections_path()), *sys.path])},
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments(**params)}),
        capture_output=True,
        check=False,
        text=True,
    )
    result: dict[str, t.Any] = json.loads(done.stdout or "null") or {"stderr": done.stderr}
    return result


def call(**params: t.Any) -> dict[str, t.Any]:
    values = arguments(**params)
    for name in ("rule", "machine"):
        specification = t.cast("t.Any", provisioning_plan_info.ARGUMENTS.options[name]["options"])
        values[name] = {**{key: one.get("default") for key, one in specification.items()}, **values[name]}
    return provisioning_plan_info.make_plan(t.cast("t.Any", types.SimpleNamespace(params=values)))


def test_it_plans_ahead_of_the_third_hour() -> None:
    plan = call()
    assert plan["changed"] is False
    assert plan["demand"]["current"] == 20
    assert plan["demand"]["series"][0] == {"timestamp": 0, "value": 5}
    assert plan["forecast"] == {"value": 40, "upper": 40, "at": 3 * HOUR, "method": "trend"}
    assert plan["alert"]["raised"] is True
    assert plan["machines"] == {"current": 1, "needed": 4, "target": 4}
    assert plan["create"] == {"kvm2": ["web-2", "web-4"], "kvm1": ["web-3"]}
    assert plan["wake"] == plan["park"] == plan["remove"] == {}
    assert plan == call()


def test_the_blend_knows_the_hour_of_the_day() -> None:
    """Calm all day but for one busy hour: what comes next is known from the days before, and trend cannot know it."""
    days = ([5.0] * 8 + [80.0] + [5.0] * 15) * 14
    before_the_busy_hour = days[: 13 * 24 + 8]
    params: dict[str, t.Any] = {
        "hosts": [host("kvm1", *before_the_busy_hour, machines=["web-1"])],
        "now": (len(before_the_busy_hour) - 1) * HOUR + 60,
    }
    assert call(**params, rule={"forecaster": "blend"})["machines"]["needed"] >= 8
    assert call(**params)["machines"]["needed"] == 1


def test_it_says_so_when_nothing_is_known() -> None:
    plan = call(hosts=[{"name": "kvm1"}])
    assert plan["forecast"] == {"value": None, "upper": None, "at": None, "method": None}
    assert plan["machines"]["needed"] is None
    assert plan["actions"] == []


@pytest.mark.parametrize(
    ("params", "option"),
    [
        ({"fleet": "we/b"}, "fleet"),
        ({"rule": {"min": 30}}, "rule.min"),
        ({"now": -1.0}, "now"),
        ({"machine": {"memory": "much"}}, "machine.memory"),
        ({"machine": {"vcpus": 0}}, "machine.vcpus"),
        ({"hosts": [host("kvm1", -5)]}, "hosts[0].sample.history[0].value"),
    ],
)
def test_wrong_options_are_explained(params: dict[str, t.Any], option: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        call(**params)
    assert caught.value.details["option"] == option


def test_it_runs_without_libvirt() -> None:
    assert execute()["machines"]["target"] == 4


def test_a_wrong_type_is_named_by_its_option() -> None:
    failed = execute(hosts=[{"name": "kvm1", "sample": [1]}])
    assert failed["failed"] is True
    assert "sample" in failed["msg"]
