# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the role optimistic_provisioning are those of the modules that it calls."""

from __future__ import annotations

import typing as t

import pytest
import yaml

from ansible_collections.headroom.libvirt.plugins.module_utils._fleet.definition import (
    DEMAND,
    outline,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.request import MACHINE
from ansible_collections.headroom.libvirt.plugins.modules import appliance_clone

from tools.checkout import ROOT

ROLE: t.Final = ROOT / "roles" / "optimistic_provisioning"
# What the role says itself of a machine, or has as an option of the fleet.
OWN: t.Final = {
    "appliance",
    "fleet",
    "in_service",
    "lease",
    "names",
    "quota",
    "state",
    "tenant",
    "uri",
    "wait_for",
}
# What makes no sense for machines that a plan names, or is set for all tasks by module_defaults.
WITHOUT: t.Final = {"connect_timeout", "count", "journal", "machine", "machine_uri", "prefix"}

# What only the plan needs to know of a machine.
PLANNED: t.Final = {"disk"}


def options() -> t.Any:
    text = (ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    specification = yaml.safe_load(text)["argument_specs"]["main"]["options"]
    return specification["optimistic_provisioning_fleets"]["options"]


def clone_task() -> t.Any:
    task = yaml.safe_load((ROLE / "tasks" / "clone.yml").read_text(encoding="utf-8"))[0]
    return task["headroom.libvirt.appliance_clone"]


def test_a_machine_has_every_option_of_a_clone() -> None:
    machine = {
        name: option
        for name, option in options()["machine"]["options"].items()
        if name not in PLANNED
    }
    assert set(machine) == set(appliance_clone.ARGUMENTS.options) - OWN - WITHOUT
    for name, option in machine.items():
        ours = appliance_clone.ARGUMENTS.options[name]
        for part in ("type", "choices", "elements"):
            assert option.get(part) == ours.get(part), f"machine.{name}: {part}"
        assert bool(option.get("no_log")) == bool(ours.get("no_log")), f"machine.{name}: no_log"
        assert "default" not in option, f"machine.{name}: its default is the module's"


def test_what_the_plan_needs_to_know_of_a_machine_reaches_it() -> None:
    said = dict.fromkeys(PLANNED, "8GiB")
    outlined = outline({"name": "web", "machine": {**said, "user_data": "secret"}})
    assert outlined["machine"] == said
    for name in PLANNED:
        assert options()["machine"]["options"][name]["type"] == MACHINE[name]["type"]


def test_the_role_hands_every_option_on() -> None:
    task = clone_task()
    assert set(task) == set(appliance_clone.ARGUMENTS.options) - WITHOUT
    for name in options()["machine"]["options"].keys() - PLANNED:
        assert f"optimistic_provisioning_fleet.machine.{name} |" in task[name]
        assert "omit" in task[name]
    choices = appliance_clone.ARGUMENTS.options["wait_for"]["choices"]
    assert options()["wait_for"]["choices"] == choices


@pytest.mark.parametrize("name", sorted(DEMAND))
def test_a_fleet_has_every_option_of_a_demand(name: str) -> None:
    assert options()["demand"]["options"][name]["type"] == DEMAND[name]["type"]
