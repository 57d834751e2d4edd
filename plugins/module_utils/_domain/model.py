# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The states that a domain can be brought into, and what a host says of a domain now. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._layers.users import OwnedVolumes
    from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.exports import (
        ExportRef,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import (
        ReservationRef,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.states import State

    from .labels import Description

TargetState = t.Literal["running", "shutdown", "paused", "saved", "absent"]
TARGET_STATES: t.Final[tuple[TargetState, ...]] = t.get_args(TargetState)

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


@dataclasses.dataclass(frozen=True)
class Observed:
    """What the host says of one domain now."""

    name: str
    situation: Situation
    uuid: str | None = None
    persistent: bool = True
    protected: bool = False


@dataclasses.dataclass(frozen=True)
class DomainSurvey:
    """All that a plan for a domain needs to know.

    ``autostart`` and ``description`` are None where nobody asked. The rest is what would go with a domain that is
    removed: its volumes, the
    addresses that networks keep for it, the exports that it reads from.
    """

    observed: Observed
    volumes: OwnedVolumes
    autostart: bool | None = None
    reservations: tuple[ReservationRef, ...] = ()
    exports: tuple[ExportRef, ...] = ()
    description: Description | None = None


def read_situation(state: State, *, saved: bool) -> Situation:
    """Return the Situation that libvirt's ``state`` is; ``saved`` says whether a managed save image exists."""
    if state == "shutoff" and saved:
        return "saved"
    return _SITUATIONS.get(state, "crashed")
