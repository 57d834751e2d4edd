# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans of a fleet on two hosts, as provisioning_plan_info makes them."""

from __future__ import annotations

import json
import subprocess
import sys
import types
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.modules import provisioning_plan_info

from tools.checkout import collections_path

HOUR = 3600
# 2026-01-01, a Thursday as the first day of 1970 is.
START = 1_767_225_600
GIB = 1024**3
FACTS = {
    "free": {"vcpus": 8, "memory_bytes": 8 * GIB, "pools": {"default": 80 * GIB}},
    "committed": {
        "running": {"vcpus": 1, "memory_bytes": GIB},
        "defined": {"vcpus": 1, "memory_bytes": GIB},
    },
}


def host(name: str, *demand: float | None, machines: t.Sequence[str] = ()) -> dict[str, t.Any]:
    """A host that recorded this demand, one value an hour."""
    history = [
        {"timestamp": START + index * HOUR + 60, "value": value}
        for index, value in enumerate(demand)
    ]
    members = [
        {"name": machine, "uuid": f"uuid of {machine}", "state": "running"} for machine in machines
    ]
    return {
        "name": name,
        "facts": FACTS,
        "sample": {"fleet": "web", "history": history, "members": members},
    }


def arguments(**params: t.Any) -> dict[str, t.Any]:
    rule = {
        "capacity": 10,
        "min": 1,
        "max": 20,
        "interval": HOUR,
        "headroom": 0,
        **params.pop("rule", {}),
    }
    hosts = [host("kvm1", 5, 10, 20, machines=["web-1"]), host("kvm2", 0, 0, 0)]
    return {
        "fleet": "web",
        "rule": rule,
        "hosts": hosts,
        "now": START + 2 * HOUR + 60,
        "machine": {"memory": "1GiB"},
        **params,
    }


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
    options = provisioning_plan_info.ARGUMENTS.options
    values = {**{name: option.get("default") for name, option in options.items()}, **values}
    for name in ("rule", "machine", "backtest"):
        specification = t.cast("t.Any", provisioning_plan_info.ARGUMENTS.options[name]["options"])
        if values[name] is not None:
            values[name] = {
                **{key: one.get("default") for key, one in specification.items()},
                **values[name],
            }
    module = types.SimpleNamespace(
        params=values, check_mode=values.pop("check_mode", False), warn=pytest.fail
    )
    return provisioning_plan_info.run(t.cast("t.Any", module))
