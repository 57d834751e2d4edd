# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``Claims``: what guests have in an inventory stays apart from what other sources put there, earlier and later.

Ansible reads one source after the other into one ``InventoryData``, in which one name is one host, and tells a plugin
nothing of the sources that follow. A guest that is called like a hypervisor of a later source would become that
hypervisor. So ``Claims`` takes the place of the methods by which sources add to that object: as soon as another source
defines what has a guest's name, the guest gives it up.
"""

from __future__ import annotations

import inspect
import typing as t

from ansible.errors import AnsibleError
from ansible.inventory.data import InventoryData
from ansible.inventory.group import to_safe_group_name
from ansible.plugins.inventory import Constructable
from ansible.utils.display import Display

if t.TYPE_CHECKING:
    from types import FrameType

    from ansible.inventory.group import Group
    from ansible.inventory.host import Host

_ATTRIBUTE: t.Final = "_headroom_claims"
_OWN_GROUPS: t.Final = frozenset({"all", "ungrouped"})
# What plugins inherit to work on hosts that are there already: it defines none.
_CONSTRUCTING: t.Final = frozenset(
    method.__code__
    for method in (
        Constructable._set_composite_vars,
        Constructable._add_host_to_composed_groups,
        Constructable._add_host_to_keyed_groups,
    )
)


class Guest(t.NamedTuple):
    """A host of the inventory that is a guest, out of the inventory file ``source``.

    ``other_names`` are left for it when another source defines its name, unless it ``is_shared``. Where nobody may have
    its name (``is_exclusive``), all guests of its source go then.
    """

    source: str
    other_names: tuple[str, ...] = ()
    is_shared: bool = False
    is_exclusive: bool = False


class Claims:
    """What the plugins of this collection have put into one inventory."""

    def __init__(self, data: InventoryData) -> None:
        self._data = data
        self._guests: dict[str, Guest] = {}
        self._groups: set[str] = set()
        self._parents: dict[str, set[str]] = {}

    @classmethod
    def of(cls, inventory: t.Any) -> Claims:
        """Return the claims on an inventory, as Ansible hands it to a plugin."""
        data = getattr(inventory, "__wrapped__", inventory)
        claims = getattr(data, _ATTRIBUTE, None)
        if claims is None:
            claims = cls(data)
            setattr(data, _ATTRIBUTE, claims)
            for method in (
                claims.add_host,
                claims.add_group,
                claims.add_child,
                claims.set_variable,
                claims.reconcile_inventory,
            ):
                setattr(data, method.__name__, method)
        return t.cast("Claims", claims)

    # What this collection's plugins call.

    def is_guest(self, name: str) -> bool:
        """Return whether the host of that name is a guest that a plugin of this collection listed."""
        return name in self._guests

    def list_foreign_hosts(self) -> list[Host]:
        """Return the hosts that other sources have."""
        return [host for name, host in self._data.hosts.items() if name not in self._guests]

    def put_guest(self, name: str, guest: Guest) -> Host:
        """Return the host for a guest, made if it is not there."""
        if name not in self._data.hosts:
            InventoryData.add_host(self._data, name)
            self._guests[name] = guest
        return self._data.hosts[name]

    def put_into_group(self, name: str, host: Host) -> bool:
        """Put a guest into a group, made if need be; False where another source has a host of that name."""
        group = self._ensure_group(name)
        if group is not None:
            group.add_host(host)
        return group is not None

    def put_under_parent(self, parent: str, child: str) -> bool:
        """Put a group of guests under another one; False where that would put hosts of other sources there."""
        group, inner = self._ensure_group(parent), self._data.groups.get(child)
        if group is None or inner is None or inner in group.child_groups:
            return inner is not None
        if child in _OWN_GROUPS or any(host.name not in self._guests for host in inner.get_hosts()):
            return False
        try:
            group.add_child_group(inner)
        except AnsibleError:  # a loop
            return False
        self._parents.setdefault(child, set()).add(parent)
        return True

    def _ensure_group(self, name: str) -> Group | None:
        if name in self._data.hosts and name not in self._guests:
            return None
        if name not in self._data.groups:
            InventoryData.add_group(self._data, name)
            self._groups.add(name)
        return self._data.groups[name]

    # What takes the place of methods of InventoryData, and is called by other sources.

    def add_host(self, host: str, group: str | None = None, port: int | str | None = None) -> str:
        """Add a host of another source: what is called so already makes room."""
        if self._is_defining(inspect.currentframe()):
            self._free_name(host, "host")
            self._free_group_name(host)
        self._separate(group, host)
        return str(InventoryData.add_host(self._data, host, group, port))

    def add_group(self, group: str) -> str:
        """Add a group of another source: a guest that is called so makes room."""
        if self._is_defining(inspect.currentframe()):
            for name in (group, to_safe_group_name(group, silent=True)):
                self._free_name(name, "group")
        return str(InventoryData.add_group(self._data, group))

    def add_child(self, group: str, child: str) -> bool:
        """Add a host or group to a group; where a guest is meant, never the group that is called like it."""
        if (
            child in self._guests
            and child in self._data.groups
            and _is_constructing(inspect.currentframe())
        ):
            return bool(self._data.groups[group].add_host(self._data.hosts[child]))
        self._separate(group, child)
        return bool(InventoryData.add_child(self._data, group, child))

    def set_variable(self, entity: str, varname: str, value: t.Any) -> None:
        """Set a variable of a host or group; where a guest is meant, never that of the group that is called like it."""
        if entity in self._guests and _is_constructing(inspect.currentframe(), levels=2):
            self._data.hosts[entity].set_variable(varname, value)
        else:
            InventoryData.set_variable(self._data, entity, varname, value)

    def reconcile_inventory(self) -> None:
        """End the reading of sources: no guest keeps the name of a group that was constructed since."""
        for name in [name for name in self._guests if name in self._data.groups]:
            self._free_name(name, "group")
        InventoryData.reconcile_inventory(self._data)

    def _is_defining(self, frame: FrameType | None) -> bool:
        """Return whether another source is being read, and its plugin does more than to work on what is there."""
        return self._data.current_source is not None and not _is_constructing(frame)

    def _free_name(self, name: str, kind: str) -> None:
        guest = self._guests.pop(name, None)
        if guest is None or (guest.is_shared and kind == "host"):
            return
        meaning = f"Another inventory source has a {kind} {name!r}, and a domain is called so"
        if guest.is_exclusive:
            self._remove_source(guest.source)
            self._data.remove_host(self._data.hosts[name])
            Display().warning(
                f"{meaning}: nothing of {guest.source} is listed (on_duplicate is error)."
            )
            return
        free = [
            other
            for other in guest.other_names
            if other not in self._data.hosts and other not in self._data.groups
        ]
        self._rename(name, free[0] if free else None, guest._replace(other_names=tuple(free[1:])))
        outcome = f"listed as {free[0]!r}" if free else "left out"
        remedy = " If both are one machine, say so by shared_names." if kind == "host" else ""
        Display().warning(f"{meaning}: it is {outcome}.{remedy}")

    def _rename(self, name: str, other_name: str | None, guest: Guest) -> None:
        host = self._data.hosts[name]
        groups = [group for group in self._data.groups.values() if name in group.host_names]
        self._data.remove_host(host)
        if other_name is None:
            return
        InventoryData.add_host(self._data, other_name)
        renamed = self._data.hosts[other_name]
        renamed.vars = host.vars
        self._guests[other_name] = guest
        for group in groups:
            group.add_host(renamed)

    def _remove_source(self, source: str) -> None:
        for name in [name for name, guest in self._guests.items() if guest.source == source]:
            del self._guests[name]
            self._data.remove_host(self._data.hosts[name])

    def _free_group_name(self, name: str) -> None:
        """Remove a group that guests made and nobody else is in: a host of another source is called so."""
        group = self._data.groups.get(name)
        if name not in self._groups or any(
            host.name not in self._guests for host in group.get_hosts()
        ):
            return
        for parent in group.parent_groups:
            parent.child_groups.remove(group)
        for child in group.child_groups:
            child.parent_groups.remove(group)
        self._data.remove_group(group)
        self._groups.discard(name)
        self._parents.pop(name, None)
        Display().warning(
            f"Another inventory source has a host {name!r}: guests get no group of that name."
        )

    def _separate(self, group: str | None, child: str) -> None:
        """Take the groups that another source's ``child`` comes into from under the parents that guests gave them."""
        if group not in self._data.groups or child in self._guests or not self._parents:
            return
        inner = self._data.groups[group]
        for ancestor in (inner, *inner.get_ancestors()):
            for name in self._parents.pop(ancestor.name, ()):
                parent = self._data.groups[name]
                for guest in ancestor.get_hosts():
                    parent.add_host(guest)
                parent.child_groups.remove(ancestor)
                ancestor.parent_groups.remove(parent)
                parent.clear_hosts_cache()


def _is_constructing(frame: FrameType | None, levels: int = 1) -> bool:
    """Return whether what called a frame, or what called that, is a method that works on hosts that are there."""
    for _level in range(levels):
        frame = None if frame is None else frame.f_back
        if frame is not None and frame.f_code in _CONSTRUCTING:
            return True
    return False
