# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""How the members of a fleet are looked after: Upkeep says of which version, how many may fail, how they roll. Pure."""

from __future__ import annotations

import dataclasses
import math
import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_at_least
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

Spec = dict[str, dict[str, t.Any]]
_SHARE: t.Final = re.compile(r"(\d{1,6})(%?)")
_PERCENT: t.Final = 100

ROLLOUT: t.Final[Spec] = {
    "surge": {"type": "str", "default": "1"},
    "canary": {"type": "str", "default": "1"},
    "bake": {"type": "int", "default": 300},
    "at": {"type": "str", "choices": ["now", "trough"], "default": "now"},
    "max_failures": {"type": "int", "default": 0},
    "state": {"type": "str", "choices": ["active", "paused"], "default": "active"},
}


@dataclasses.dataclass(frozen=True)
class Share:
    """So many machines, or so many percent of a fleet."""

    count: int = 0
    percent: int | None = None

    def of(self, machines: int) -> int:
        """Return how many of so many machines it is, part of a machine counting as one."""
        if self.percent is None:
            return self.count
        return math.ceil(self.percent * machines / _PERCENT)

    def __str__(self) -> str:
        return str(self.count) if self.percent is None else f"{self.percent} %"


@dataclasses.dataclass(frozen=True)
class Rollout:
    """How members come to another version: at most ``surge`` at a time beyond what is needed.

    As many as ``canary`` says first; each new one has to serve for ``bake`` seconds before an old one goes for it. When
    more than ``max_failures`` of them fail, the fleet returns to the version that it had.
    """

    surge: Share = Share(1)
    canary: Share = Share(1)
    bake: int = 300
    at: t.Literal["now", "trough"] = "now"
    max_failures: int = 0
    state: t.Literal["active", "paused"] = "active"

    def find_surge(self, machines: int) -> int:
        """Return how many machines there may be beyond so many that are needed."""
        return max(1, self.surge.of(machines))


@dataclasses.dataclass(frozen=True)
class Upkeep:
    """``appliance`` is what members shall be clones of, ``name:version``; None leaves them as they are.

    When more than ``max_unhealthy`` members are unhealthy at once, none is replaced.
    """

    appliance: str | None = None
    max_unhealthy: Share = Share(percent=50)
    rollout: Rollout = Rollout()


def read_share(option: str, text: str) -> Share:
    """Return the share that an option says; raises InvalidInput."""
    match = _SHARE.fullmatch(text.replace(" ", ""))
    if match is None:
        remedy = "Write a number of machines, such as 2, or a share of the fleet, such as 25%."
        raise InvalidInput(option, text, "must be a number of machines or a share", remedy)
    number = int(match.group(1))
    return Share(percent=number) if match.group(2) else Share(number)


def read_rollout(options: t.Mapping[str, t.Any]) -> Rollout:
    """Return the rollout of options that Ansible has checked; raises InvalidInput for one that cannot be meant."""
    surge = read_share("rollout.surge", options["surge"])
    if surge in (Share(0), Share(percent=0)):
        remedy = "Write how many new machines may be there beside what is needed, at least 1."
        raise InvalidInput("rollout.surge", options["surge"], "lets no machine be made", remedy)
    return Rollout(
        surge=surge,
        canary=read_share("rollout.canary", options["canary"]),
        bake=check_at_least("rollout.bake", options["bake"], 0, "seconds"),
        at=options["at"],
        max_failures=check_at_least("rollout.max_failures", options["max_failures"], 0, "machines"),
        state=options["state"],
    )


def read_upkeep(
    appliance: str | None,
    health: t.Mapping[str, t.Any] | None,
    rollout: t.Mapping[str, t.Any] | None,
) -> Upkeep:
    """Return how members are looked after, by options that Ansible has checked; raises InvalidInput."""
    upkeep = Upkeep(appliance)
    if health is not None:
        most = read_share("health.max_unhealthy", health["max_unhealthy"])
        upkeep = dataclasses.replace(upkeep, max_unhealthy=most)
    if rollout is not None:
        upkeep = dataclasses.replace(upkeep, rollout=read_rollout(rollout))
    return upkeep
