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
from ansible_collections.headroom.libvirt.plugins.module_utils._host_names import (
    fold_host,
    leads_to_controller,
)

if t.TYPE_CHECKING:
    from .snapshot import InventoryGuest

OnDuplicate = t.Literal["qualify", "error", "skip"]

_OWN_MEANING: t.Final = "has a meaning of its own for Ansible"
_OWN_GROUPS: t.Final = ("all", "ungrouped")


class InventoryEntry(t.NamedTuple):
    """A domain under the name that the inventory has for it, and the host that it is on.

    ``plain_name`` is what it was called before it had to be qualified.
    """

    name: str
    host: str
    guest: InventoryGuest
    plain_name: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it may have, the one to begin with first."""
        plain = self.name if self.plain_name is None else self.plain_name
        qualified = f"{plain}.{self.host}"
        return (plain, qualified, f"{qualified}.{self.guest.uuid}")


class TakenNames:
    """Names that no domain is given, since Ansible would take it for something else; with what each is."""

    def __init__(self) -> None:
        self._groups = dict.fromkeys(_OWN_GROUPS, _OWN_MEANING)
        self._hosts: dict[str, str] = {}

    def add_hosts(self, names: t.Iterable[str], what: str) -> None:
        """Take the names or addresses of hosts, however they are written."""
        for name in names:
            self._hosts.setdefault(fold_host(name), what)

    def add_groups(self, names: t.Iterable[str], what: str) -> None:
        """Take the names of groups, which Ansible compares letter by letter."""
        for name in names:
            self._groups.setdefault(name, what)

    def describe(self, name: str) -> str | None:
        """Return what a name is that is taken ("is a group ..."), else None."""
        if leads_to_controller(name):
            return _OWN_MEANING
        # Ansible strips the names in a list of patterns
        return self._hosts.get(fold_host(name)) or self._groups.get(name.strip())


def assign_names(
    entries: t.Sequence[InventoryEntry], policy: OnDuplicate, taken: TakenNames
) -> tuple[list[InventoryEntry], list[str]]:
    """Return the domains of all hosts under names of their own, and the names that are omitted.

    A name is ambiguous when two domains have it, or when it is ``taken``. With ``qualify`` the domain is called
    ``domain.host`` then, or ``domain.host.uuid`` where that is ambiguous too, and is omitted when nothing helps; with
    ``skip`` it is omitted at once, with ``error`` Conflict is raised. A name that ssh would take for an option is
    always omitted.
    """
    omitted = {entry.name for entry in entries if entry.name.startswith("-")}
    named = [entry for entry in entries if entry.name not in omitted]
    ambiguous = _find_ambiguous(named, taken)
    if policy == "error" and ambiguous:
        raise _build_conflict(named, ambiguous, taken)
    while ambiguous:
        losers = _choose_losers(named, ambiguous, taken)
        remaining: list[InventoryEntry] = []
        for number, entry in enumerate(named):
            following = _qualify(entry) if policy == "qualify" else None
            if number not in losers:
                remaining.append(entry)
            elif following is not None:
                remaining.append(following)
            else:
                omitted.add(entry.names[0])
        named = remaining
        ambiguous = _find_ambiguous(named, taken)
    return named, sorted(omitted)


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


def _find_ambiguous(entries: t.Iterable[InventoryEntry], taken: TakenNames) -> set[str]:
    counts = collections.Counter(entry.name for entry in entries)
    return {name for name, count in counts.items() if count > 1 or taken.describe(name)}


def _choose_losers(
    entries: t.Sequence[InventoryEntry], ambiguous: t.Collection[str], taken: TakenNames
) -> set[int]:
    """Return the numbers of those that lose their name: all where it is taken, else who is qualified least."""
    namesakes: dict[str, dict[int, int]] = {}
    for number, entry in enumerate(entries):
        if entry.name in ambiguous:
            namesakes.setdefault(entry.name, {})[number] = entry.names.index(entry.name)
    losers: set[int] = set()
    for name, ranks in namesakes.items():
        least = min(ranks.values())
        everybody = taken.describe(name) is not None
        losers.update(number for number, rank in ranks.items() if everybody or rank == least)
    return losers


def _qualify(entry: InventoryEntry) -> InventoryEntry | None:
    """Return the domain under the next of its names; None where there is none left."""
    following = entry.names[entry.names.index(entry.name) + 1 :]
    if not following:
        return None
    return entry._replace(name=following[0], plain_name=entry.names[0])


def _build_conflict(
    entries: t.Iterable[InventoryEntry], ambiguous: t.Collection[str], taken: TakenNames
) -> Conflict:
    name = min(ambiguous)
    hosts = sorted(entry.host for entry in entries if entry.name == name)
    meaning = taken.describe(name)
    return Conflict(
        f"on_duplicate: the name {name!r} is ambiguous, it is a domain's name on {' and '.join(hosts)}"
        f"{f' and {meaning}' if meaning else ''}. Rename the domain, or set on_duplicate to qualify or skip.",
        name=name,
        hosts=hosts,
    )
