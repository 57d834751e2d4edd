# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Which machines are woken and made. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._placement.plan import spread
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.model import (
    PARKED,
    Action,
    Member,
    Observed,
    Part,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.series import slot_start
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.words import counted

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule


def grow(observed: Observed, rule: Rule, wanted: int, keep: int) -> Part:
    """Return what brings the running machines up to ``wanted``: what exists is woken before anything is made.

    Machines that went down during the cooldown are brought back up to ``keep``: an outage takes the demand with it, and
    must not be taken for a need that fell.
    """
    missing = wanted - len(observed.running)
    woken = tuple(_wake(member) for member in observed.spare[: max(0, missing, keep - len(observed.running))])
    made = _create(observed, rule, missing - len(woken))
    return Part(woken + made.actions, made.held_back)


def new_names(observed: Observed, rule: Rule, count: int) -> list[str]:
    """Return ``count`` names ``FLEET-N`` with the lowest free N.

    With a host whose machines are not known, N starts above every number that a machine there could have.
    """
    pattern = re.compile(rf"{re.escape(observed.fleet)}-([1-9][0-9]*)")
    matches = [pattern.fullmatch(member.name) for member in observed.members]
    taken = {int(match.group(1)) for match in matches if match}
    number = max([rule.max + rule.parked, *taken]) if observed.unknown else 0
    names: list[str] = []
    while len(names) < count:
        number += 1
        if number not in taken:
            names.append(f"{observed.fleet}-{number}")
    return names


def _wake(member: Member) -> Action:
    reason = "it is parked" if member.state in PARKED else f"it is {member.state}, although it is needed"
    return Action("wake", member.name, member.host, reason)


def _create(observed: Observed, rule: Rule, missing: int) -> Part:
    if missing <= 0:
        return Part()
    count, held_back = _allowed(observed, rule, missing)
    placed = spread(
        observed.rooms,
        observed.size,
        count,
        n_plus_one=rule.n_plus_one,
        pack=rule.spread == "pack",
        most=rule.max_per_host,
    )
    if placed.missing:
        held_back.append(f"{_not_made(placed.missing)}: {placed.shortage}.")
    names = new_names(observed, rule, len(placed.hosts))
    actions = (Action("create", name, host, "the fleet needs it") for name, host in zip(names, placed.hosts))
    return Part(tuple(actions), tuple(held_back))


def _allowed(observed: Observed, rule: Rule, missing: int) -> tuple[int, list[str]]:
    """Return how many of ``missing`` machines may be made in this slot, and sentences on the others."""
    held_back: list[str] = []
    # A machine that is just shutting down does not serve, but exists: with it the fleet must not pass its maximum.
    space = max(0, rule.max + rule.parked - len(observed.members))
    if space < missing:
        held_back.append(
            f"{_not_made(missing - space)}: with those that are going down the fleet has rule.max machines."
        )
    count = min(missing, space)
    if rule.scale_out_limit is None:
        return count, held_back
    slot = slot_start(observed.now, rule.interval)
    made = sum(member.created is not None and member.created >= slot for member in observed.members)
    limit = max(0, rule.scale_out_limit - made)
    if limit < count:
        held_back.append(
            f"{_not_made(count - limit)}: one interval may add {rule.scale_out_limit} (rule.scale_out_limit)."
        )
    return min(count, limit), held_back


def _not_made(count: int) -> str:
    return f"{counted(count, 'more machine')} {'is' if count == 1 else 'are'} needed but not made"
