# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""``list_loans`` says which machines a best-effort fleet lends, ``choose_victims`` which of them are parked. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import Size

from ..scale_in import sort_by_idleness, stays

if t.TYPE_CHECKING:
    from ..model import Member, Observation
    from ..rule import Rule

# A machine in any of these states takes no memory, and none but its own fleet would start it.
OFF: t.Final = frozenset({"saved", "shutoff", "crashed"})


@dataclasses.dataclass(frozen=True)
class Loan:
    """A machine of a best-effort fleet, whose room a fleet of a higher ``priority`` may have.

    It has that room for itself while it ``is_up``, and is parked for another only where it ``is_claimable``. ``rank``
    is its place in the order in which its fleet lets machines go.
    """

    fleet: str
    priority: int
    name: str
    host: str
    size: Size
    is_up: bool
    is_claimable: bool = False
    rank: int = 0


def list_loans(
    observed: Observation, rule: Rule, priority: int, *, may_park: bool
) -> tuple[Loan, ...]:
    """Return what the best-effort fleet lends.

    Of the machines that serve, all but ``rule.min`` may be parked, the most idle first; never one that stays whatever
    a plan is for, and none at all where not even its fleet may park one (``may_park``).
    """
    most = max(0, len(observed.running) - rule.min) if may_park else 0
    candidates = sort_by_idleness(member for member in observed.running if not stays(member, rule))
    ranks = {member.name: rank for rank, member in enumerate(candidates[:most])}
    return tuple(
        Loan(
            fleet=observed.fleet,
            priority=priority,
            name=member.name,
            host=member.host,
            size=find_size(member, observed),
            is_up=member.state not in OFF,
            is_claimable=member.name in ranks,
            rank=ranks.get(member.name, 0),
        )
        for member in observed.members
        if not (member.double or member.labelled)
    )


def find_size(member: Member, observed: Observation) -> Size:
    """Return what the machine takes of its host's vCPUs and memory, as a clone does where that is not known."""
    return member.size or dataclasses.replace(observed.size, disk_bytes=0)


def choose_victims(loans: t.Iterable[Loan], missing: Size) -> list[Loan]:
    """Return the fewest-valued machines that free what is ``missing`` on their host, none of which could stay.

    Those of the least important fleets come first, and of a fleet the most idle. Nothing where all of them together
    would not free enough: then nobody is parked in vain.
    """
    chosen: list[Loan] = []
    for loan in sorted(loans, key=lambda loan: (loan.priority, loan.fleet, loan.rank)):
        if _covers(chosen, missing):
            break
        chosen.append(loan)
    if not _covers(chosen, missing):
        return []
    # One that was taken early may be of no need next to a larger one that came later.
    for loan in reversed(chosen[:]):
        others = [other for other in chosen if other is not loan]
        if _covers(others, missing):
            chosen = others
    return chosen


def sum_sizes(loans: t.Iterable[Loan]) -> Size:
    """Return what the machines take together."""
    return sum((loan.size for loan in loans), Size())


def _covers(loans: t.Iterable[Loan], missing: Size) -> bool:
    freed = sum_sizes(loans)
    return freed.vcpus >= missing.vcpus and freed.memory_bytes >= missing.memory_bytes
