# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The machines that the history has on hosts which a run has not, or which did not answer. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import Value
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.roster import (
    Roster,
    RosterEntry,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._text import join_names

if t.TYPE_CHECKING:
    from .model import Member


def list_absent(
    samples: t.Mapping[str, Value],
    members: t.Iterable[Member],
    gone: t.Container[str],
    now: float,
) -> tuple[RosterEntry, ...]:
    """Return the machines of the latest roster that may be on hosts without a sample.

    One that has moved to a host which answered is not among them, and neither are those of hosts that are ``gone``.
    """
    rosters = [_read_roster(sample["roster"]) for sample in samples.values()]
    known = [roster for roster in rosters if roster is not None]
    if not known:
        return ()
    # One of a run whose clock was ahead is no newer than the others for that.
    latest = max(known, key=lambda roster: (roster.moment <= now, roster.moment))
    members = list(members)
    names, uuids = {member.name for member in members}, {member.uuid for member in members}
    return tuple(
        entry
        for entry in latest.machines
        if entry.host not in samples
        and entry.host not in gone
        # of one that was only about to be made, nothing but its name is known
        and (entry.name not in names if entry.uuid is None else entry.uuid not in uuids)
    )


def describe_absent(absent: t.Iterable[RosterEntry], hosts: t.Container[str]) -> dict[str, str]:
    """Return of each host that has some of the machines and is none of the run's ``hosts`` why it is not known."""
    names: dict[str, list[str]] = {}
    for entry in absent:
        if entry.host not in hosts:
            names.setdefault(entry.host, []).append(entry.name)
    return {
        host: f"it has no part in this run, and the history has {join_names(machines)} there. Run it on that host too, "
        "or name the host as gone if it and its machines are gone for good"
        for host, machines in names.items()
    }


def _read_roster(roster: Value) -> Roster | None:
    """Return the roster of a sample; None before any decision, and of what an older version returned."""
    if roster.value is None:
        return None
    return Roster(
        roster["moment"].require_number(),
        tuple(
            RosterEntry(
                machine["host"].require_text(),
                machine["name"].require_text(),
                machine["uuid"].read_optional(Value.require_text),
            )
            for machine in roster["machines"].require_items()
        ),
    )
