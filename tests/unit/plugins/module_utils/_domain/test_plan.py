# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._domain import model, plan
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict

# Where each step leads, as libvirt does it.
LEADS_TO: dict[model.Step, model.Situation] = {
    "start": "running",
    "start paused": "paused",
    "resume": "running",
    "wake": "running",
    "pause": "paused",
    "save": "saved",
    "shut down": "shutdown",
    "await power-off": "shutdown",
    "power off": "shutdown",
    "undefine": "absent",
}
# From where a step is possible at all.
NEEDS: dict[model.Step, set[model.Situation]] = {
    "start": {"shutdown", "saved"},
    "start paused": {"shutdown", "saved"},
    "resume": {"paused"},
    "wake": {"suspended by the guest"},
    "pause": {"running"},
    "save": {"running", "paused"},
    "shut down": {"running"},
    "await power-off": {"shutting down"},
    "power off": {"crashed"},
    "undefine": {"shutdown", "saved"},
}
SITUATIONS: tuple[model.Situation, ...] = tuple(t.get_args(model.Situation))


@pytest.mark.parametrize(
    ("situation", "target"), list(itertools.product(SITUATIONS, model.TARGET_STATES))
)
def test_steps_lead_there_and_end_there(
    situation: model.Situation, target: model.TargetState
) -> None:
    try:
        steps = plan.find_steps(target, model.Observed("web-1", situation))
    except Conflict as error:
        assert "web-1" in error.message  # noqa: PT017
        return
    for step in steps:
        assert situation in NEEDS[step]
        situation = LEADS_TO[step]
    # A saved machine is off already, and keeps its memory.
    assert situation == target or (situation, target) == ("saved", "shutdown")
    assert plan.find_steps(target, model.Observed("web-1", situation)) == ()


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_protected_machine_is_never_removed(situation: model.Situation) -> None:
    with pytest.raises(Conflict, match="protected: false"):
        plan.find_steps("absent", model.Observed("web-1", situation, protected=True))


def test_what_is_off_cannot_be_saved() -> None:
    with pytest.raises(Conflict, match="state: running first"):
        plan.find_steps("saved", model.Observed("web-1", "shutdown"))


def test_a_transient_domain_is_not_undefined() -> None:
    assert plan.find_steps("absent", model.Observed("web-1", "running", persistent=False)) == (
        "shut down",
    )
