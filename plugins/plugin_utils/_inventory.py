# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``InventoryBase``: what an inventory plugin derives from, for its file, its cache and what it constructs."""

from __future__ import annotations

import hashlib
import typing as t

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.inventory.group import to_safe_group_name
from ansible.inventory.helpers import get_group_vars
from ansible.inventory.host import Host
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    InvalidInput,
)
from ansible_collections.headroom.libvirt.plugins.plugin_utils._claims import Claims, Guest

if t.TYPE_CHECKING:
    from ansible.parsing.dataloader import DataLoader


class Member(t.NamedTuple):
    """A guest that is to be in the inventory, with its variables and groups, whose names need not be safe yet."""

    name: str
    guest: Guest
    variables: dict[str, t.Any]
    groups: t.Sequence[str] = ()


class Draft(InventoryData):  # type: ignore[misc]  # Ansible has no types
    """Hosts with the groups and variables that were constructed for them, before they are in any inventory.

    Text of others makes the names here, so that one may be a host and a group at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.composed: dict[str, dict[str, t.Any]] = {}

    def put(self, name: str, variables: t.Mapping[str, t.Any]) -> None:
        """Add a host, without the checks of its variables' names that take longer than all the rest."""
        host = Host(name)
        host.vars.update(variables)
        self.hosts[name] = host

    def set_variable(self, entity: str, varname: str, value: t.Any) -> None:
        """Note a variable that was composed for a host."""
        self.hosts[entity].set_variable(varname, value)
        self.composed.setdefault(entity, {})[varname] = value

    def add_child(self, group: str, child: str) -> bool:
        """Add a host or group to a group, unless that makes a loop."""
        try:
            return group != child and bool(super().add_child(group, child))
        except AnsibleError:
            return False


class InventoryBase(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]  # Ansible has no types
    """A constructed and cached inventory out of a YAML file.

    Subclasses say in ``fill`` what it holds. Every variable is untrusted: Ansible never evaluates a template in it.
    """

    file_suffixes: t.ClassVar[tuple[str, ...]] = ()
    trusted_by_default = False
    inventory: InventoryData

    def verify_file(self, path: str) -> bool:
        """Return whether the file exists and has a name that this plugin answers to."""
        return bool(super().verify_file(path)) and path.endswith(self.file_suffixes)

    def parse(
        self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True
    ) -> None:
        """Fill the inventory from the file at ``path``; what goes wrong is raised as AnsibleParserError."""
        super().parse(inventory, loader, path)
        self._read_config_data(path)
        try:
            self.fill(path, cache)
        except HeadroomError as error:
            raise AnsibleParserError(error.message) from error

    def fill(self, path: str, cache: bool) -> None:
        """Add hosts and groups; ``cache`` says whether what is cached may be used."""
        raise NotImplementedError

    def read_cache(self, path: str, names: t.Iterable[str], cache: bool) -> dict[str, t.Any]:
        """Return the cached data by name, of those ``names`` that the cache still holds."""
        if not (cache and self.get_option("cache")):
            return {}
        cached = {}
        for name in names:
            try:
                cached[name] = self._cache[self._build_key(path, name)]
            except KeyError:
                continue
        return cached

    def write_cache(self, path: str, data: t.Mapping[str, t.Any]) -> None:
        """Keep JSON-able data by name, if caching is on."""
        if self.get_option("cache"):
            for name, value in data.items():
                self._cache[self._build_key(path, name)] = value

    def construct(self, members: t.Iterable[Member]) -> Draft:
        """Return what the options of constructed inventories make of hosts that are not in the inventory yet."""
        draft, inventory = Draft(), self.inventory
        options = [self.get_option(option) for option in ("compose", "groups", "keyed_groups")]
        if not any(options):
            return draft
        strict = self.get_option("strict")
        self.inventory = draft
        try:
            for member in members:
                name, variables = member.name, dict(member.variables)
                draft.put(name, variables)
                compose, groups, keyed_groups = options
                self._set_composite_vars(compose, variables, name, strict=strict)
                self._add_host_to_composed_groups(groups, variables, name, strict=strict)
                self._add_host_to_keyed_groups(keyed_groups, variables, name, strict=strict)
        finally:
            self.inventory = inventory
        return draft

    def list_members(self, members: t.Iterable[Member], draft: Draft) -> None:
        """Add hosts, their groups and what was constructed for them; what other sources have stays as it is."""
        claims, refused = Claims.of(self.inventory), set()
        for member in members:
            is_foreign = member.name in self.inventory.hosts and not claims.is_guest(member.name)
            host = claims.put_guest(member.name, member.guest)
            existing = set(host.vars) if is_foreign else set()
            composed = draft.composed.get(member.name, {})
            # set_variable() would check each name for each host: a third of all the time.
            host.vars.update(_leave_out(member.variables, existing))
            for variable, value in _leave_out(composed, existing).items():
                self.inventory.set_variable(member.name, variable, value)
            for raw in member.groups:
                group = self.make_group_name(raw)
                if not claims.put_into_group(group, host):
                    refused.add(group)
        refused |= self._list_constructed(draft, claims)
        if refused:
            self.display.warning(
                "Other inventory sources have hosts of these names, or hosts in these groups, which stay as they are: "
                + ", ".join(map(repr, sorted(refused)))
            )

    def _list_constructed(self, draft: Draft, claims: Claims) -> set[str]:
        """Add the groups that were constructed, and return the names of those that cannot be as they were meant."""
        refused = set()
        for group in draft.groups.values():
            for member in group.hosts:
                if not claims.put_into_group(group.name, self.inventory.hosts[member.name]):
                    refused.add(group.name)
        for group in draft.groups.values():
            for child in group.child_groups:
                if group.name == "all" or claims.put_under_parent(group.name, child.name):
                    continue
                refused.add(child.name)
                for member in child.hosts:
                    claims.put_into_group(group.name, self.inventory.hosts[member.name])
        return refused

    @staticmethod
    def make_group_name(raw: str) -> str:
        """Return the name of a group for text of others, whatever TRANSFORM_INVALID_GROUP_CHARS says."""
        return str(to_safe_group_name(raw, force=True, silent=True))

    def evaluate(self, option: str, expression: str, variables: dict[str, t.Any]) -> str:
        """Return the text that the Jinja expression in ``option`` makes of ``variables``; raises InvalidInput."""
        remedy = "Correct the expression."
        try:
            text = self._compose(expression, variables)
        except AnsibleError as error:
            raise InvalidInput(
                option, expression, f"could not be evaluated: {error}", remedy
            ) from error
        if not isinstance(text, str) or not text.strip():
            raise InvalidInput(option, expression, f"is {text!r} and not a text", remedy)
        return str(text)

    @staticmethod
    def read_variables(host: Host) -> dict[str, t.Any]:
        """Return the variables that the inventory files read so far give a host, its groups' included."""
        return {**get_group_vars(host.get_groups()), **host.get_vars()}

    def _build_key(self, path: str, name: str) -> str:
        digest = hashlib.sha256(name.encode(), usedforsecurity=False).hexdigest()
        return f"{self.get_cache_key(path)}_{digest[:16]}"


def _leave_out(variables: t.Mapping[str, t.Any], names: t.Collection[str]) -> t.Mapping[str, t.Any]:
    if not names:
        return variables
    return {name: value for name, value in variables.items() if name not in names}
