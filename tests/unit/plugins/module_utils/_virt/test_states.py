# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import libvirt
import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._virt.states import (
    STATES,
    reason_name,
    state_name,
)


@pytest.mark.parametrize("state", STATES)
def test_states_are_libvirts(state: str) -> None:
    assert state_name(getattr(libvirt, f"VIR_DOMAIN_{state.upper()}")) == state


REASONS = [
    (name, state, name.removeprefix(f"VIR_DOMAIN_{state.upper()}_").lower())
    for state in ("running", "paused", "shutoff", "crashed")
    for name in dir(libvirt)
    if name.startswith(f"VIR_DOMAIN_{state.upper()}_")
]


@pytest.mark.parametrize(("constant", "state", "reason"), REASONS, ids=[row[0] for row in REASONS])
def test_reasons_are_libvirts(constant: str, state: str, reason: str) -> None:
    number = getattr(libvirt, constant)
    assert (
        reason_name(state_name(getattr(libvirt, f"VIR_DOMAIN_{state.upper()}")), number) == reason
    )


@pytest.mark.parametrize("number", [None, -1, 99])
def test_what_is_not_known_is_said_to_be_unknown(number: int | None) -> None:
    assert state_name(number) == "unknown"
    assert reason_name("running", number) == "unknown"
    assert reason_name("nostate", number) == "unknown"
