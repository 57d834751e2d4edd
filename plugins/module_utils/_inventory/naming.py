# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``assign_names`` and ``list_default_groups``: the name and the groups of a domain in the inventory. Pure."""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict

if t.TYPE_CHECKING:
    from .snapshot import InventoryGuest

OnDuplicate = t.Literal["qualify", "error", "skip"]

# Ansible gives these a meaning of its own; a domain called so must not be mistaken for the controller or for a group.
_RESERVED: t.Final = frozenset({"localhost", "127.0.0.1", "::1", "all", "ungrouped"})


class InventoryEntry(t.NamedTuple):
    """A domain under the name that the inventory has for it, and the host that it is on."""

    name: str
    host: str
    guest: InventoryGuest


def assign_names(
    entries: t.Sequence[InventoryEntry],
    policy: OnDuplicate,
    groups: t.Collection[str] = (),
) -> tuple[list[InventoryEntry], list[str]]:
    """Return the domains of all hosts under names of their own, and the names that are omitted.

    A name is ambiguous when two domains have it, or when Ansible gives it a meaning, as to the names of ``groups``:
    with ``qualify`` it becomes ``domain.host``, with ``skip`` the domain is omitted, with ``error``, and when
    qualifying does not help, Conflict is raised. A name that ssh would take for an option is always omitted.
    """
    unusable = {entry.name for entry in entries if entry.name.startswith("-")}
    entries = [entry for entry in entries if entry.name not in unusable]
    reserved = _RESERVED.union(groups)
    ambiguous = _find_ambiguous(entries, reserved)
    if policy == "error" and ambiguous:
        raise _build_conflict(entries, ambiguous, reserved)
    if policy == "skip":
        return [entry for entry in entries if entry.name not in ambiguous], sorted(
            ambiguous | unusable
        )
    qualified = [_qualify(entry) if entry.name in ambiguous else entry for entry in entries]
    still_ambiguous = _find_ambiguous(qualified, reserved)
    if still_ambiguous:
        raise _build_conflict(qualified, still_ambiguous, reserved)
    return qualified, sorted(unusable)


def list_default_groups(entry: InventoryEntry) -> list[str]:
    """Return the groups of a domain by state, host, fleet, tenant, appliance and tag, not yet safe as names.

    The appliance ``web:1.2`` makes two: all its versions, and this one.
    """
    facts = entry.guest.facts
    groups = [f"state_{entry.guest.state}", f"host_{entry.host}"]
    groups += [f"{kind}_{facts[kind]}" for kind in ("fleet", "tenant", "appliance") if facts[kind]]
    if facts["appliance"] and ":" in facts["appliance"]:
        groups.append(f"appliance_{facts['appliance'].partition(':')[0]}")
    return groups + [f"tag_{tag}" for tag in facts.get("tags", ())]


def _find_ambiguous(entries: t.Iterable[InventoryEntry], reserved: t.Collection[str]) -> set[str]:
    counts = collections.Counter(entry.name for entry in entries)
    return {name for name, count in counts.items() if count > 1 or name in reserved}


def _qualify(entry: InventoryEntry) -> InventoryEntry:
    return entry._replace(name=f"{entry.name}.{entry.host}")


def _build_conflict(
    entries: t.Iterable[InventoryEntry],
    ambiguous: t.Collection[str],
    reserved: t.Collection[str],
) -> Conflict:
    name = min(ambiguous)
    hosts = sorted(entry.host for entry in entries if entry.name == name)
    return Conflict(
        f"on_duplicate: the name {name!r} is ambiguous, it is a domain's name on {' and '.join(hosts)}"
        f"{' and has a meaning of its own for Ansible' if name in reserved else ''}. Rename the domain, or set "
        "on_duplicate to qualify or skip.",
        name=name,
        hosts=hosts,
    )
