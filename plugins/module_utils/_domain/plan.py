# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Which steps bring a domain from the situation it is in to the state that is wanted. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.states import State

Wanted = t.Literal["running", "shutdown", "paused", "saved", "absent"]
WANTED: t.Final[tuple[Wanted, ...]] = t.get_args(Wanted)

Situation = t.Literal[
    "running",
    "paused",
    "saved",
    "shutdown",
    "shutting down",
    "crashed",
    "suspended by the guest",
    "absent",
]
Step = t.Literal[
    "start",
    "start paused",
    "resume",
    "wake",
    "pause",
    "save",
    "shut down",
    "await power-off",
    "power off",
    "undefine",
]

_SITUATIONS: t.Final[t.Mapping[State, Situation]] = {
    "running": "running",
    "blocked": "running",
    "paused": "paused",
    "shutdown": "shutting down",
    "shutoff": "shutdown",
    "crashed": "crashed",
    "pmsuspended": "suspended by the guest",
}

# A paused guest cannot answer a shutdown request, so it runs again first. A saved machine is off for all who look at
# it, so `shutdown` leaves it alone: removing its memory would be a loss that nobody asked for.
_STEPS: t.Final[t.Mapping[Situation, t.Mapping[Wanted, tuple[Step, ...]]]] = {
    "running": {
        "running": (),
        "shutdown": ("shut down",),
        "paused": ("pause",),
        "saved": ("save",),
        "absent": ("shut down", "undefine"),
    },
    "paused": {
        "running": ("resume",),
        "shutdown": ("resume", "shut down"),
        "paused": (),
        "saved": ("save",),
        "absent": ("resume", "shut down", "undefine"),
    },
    "saved": {
        "running": ("start",),
        "shutdown": (),
        "paused": ("start paused",),
        "saved": (),
        "absent": ("undefine",),
    },
    "shutdown": {
        "running": ("start",),
        "shutdown": (),
        "paused": ("start paused",),
        "absent": ("undefine",),
    },
    "shutting down": {
        "running": ("await power-off", "start"),
        "shutdown": ("await power-off",),
        "paused": ("await power-off", "start paused"),
        "absent": ("await power-off", "undefine"),
    },
    "crashed": {
        "running": ("power off", "start"),
        "shutdown": ("power off",),
        "paused": ("power off", "start paused"),
        "absent": ("power off", "undefine"),
    },
    "suspended by the guest": {
        "running": ("wake",),
        "shutdown": ("wake", "shut down"),
        "paused": ("wake", "pause"),
        "absent": ("wake", "shut down", "undefine"),
    },
    "absent": {"absent": ()},
}


@dataclasses.dataclass(frozen=True)
class Observed:
    """What the host says of one domain now."""

    name: str
    situation: Situation
    uuid: str | None = None
    persistent: bool = True
    protected: bool = False


def situation(state: State, *, saved: bool) -> Situation:
    """Return the Situation that libvirt's ``state`` is; ``saved`` says whether a managed save image exists."""
    if state == "shutoff" and saved:
        return "saved"
    return _SITUATIONS.get(state, "crashed")


def steps_to(wanted: Wanted, observed: Observed) -> tuple[Step, ...]:
    """Return the steps to ``wanted``; raises Conflict when no step leads there."""
    if wanted == "absent" and observed.protected:
        raise Conflict(
            f"{observed.name!r} is protected and will not be removed. Set protected: false first if it really may go.",
            name=observed.name,
        )
    steps = _STEPS[observed.situation].get(wanted)
    if steps is None:
        raise Conflict(
            f"{observed.name!r} is {observed.situation} and cannot become {wanted}. Bring it to state: running first.",
            name=observed.name,
            situation=observed.situation,
        )
    # A transient domain has no definition that could stay behind.
    return steps if observed.persistent else tuple(step for step in steps if step != "undefine")
