# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``InventoryBase``: what an inventory plugin derives from, for its file, cache, hosts and groups."""

from __future__ import annotations

import hashlib
import typing as t

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.group import to_safe_group_name
from ansible.inventory.helpers import get_group_vars
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    InvalidInput,
)

if t.TYPE_CHECKING:
    from ansible.inventory.data import InventoryData
    from ansible.inventory.host import Host
    from ansible.parsing.dataloader import DataLoader


class InventoryBase(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]  # Ansible has no types
    """A constructed and cached inventory out of a YAML file.

    Subclasses say in ``fill`` what it holds. Every variable is untrusted: Ansible never evaluates a template in it.
    """

    file_suffixes: t.ClassVar[tuple[str, ...]] = ()
    trusted_by_default = False

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

    def add(self, name: str, variables: t.Mapping[str, t.Any], groups: t.Iterable[str]) -> None:
        """Add a host with its variables, its groups (made safe as names) and the constructed ones."""
        self.inventory.add_host(name)
        host = self.inventory.hosts[name]
        if host.vars.keys().isdisjoint(variables):
            # set_variable() would check each name for each host: a third of all the time.
            host.vars.update(variables)
        else:
            # Another inventory has the host too, and Ansible knows how to merge what both say.
            for variable, value in variables.items():
                host.set_variable(variable, value)
        for group in groups:
            self.inventory.add_child(self._add_group(group), name)
        self._construct(name, dict(variables))

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

    def _construct(self, name: str, variables: dict[str, t.Any]) -> None:
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict)
        self._add_host_to_keyed_groups(
            self.get_option("keyed_groups"), variables, name, strict=strict
        )

    def _add_group(self, raw: str) -> str:
        # Forced: what a guest's metadata says must not depend on TRANSFORM_INVALID_GROUP_CHARS to be harmless.
        return str(self.inventory.add_group(to_safe_group_name(raw, force=True, silent=True)))

    def _build_key(self, path: str, name: str) -> str:
        digest = hashlib.sha256(name.encode(), usedforsecurity=False).hexdigest()
        return f"{self.get_cache_key(path)}_{digest[:16]}"
