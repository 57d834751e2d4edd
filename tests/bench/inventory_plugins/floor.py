# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible's own floor: hosts with variables, out of nothing."""

from __future__ import annotations

DOCUMENTATION = """
name: floor
short_description: Adds a number of hosts with the same variables
description: For benchmarks.
options:
  plugin:
    description: The name of this plugin.
    required: true
  number:
    description: How many hosts.
    type: int
    required: true
  variables:
    description: The variables of each.
    type: dict
    required: true
"""

import json
import typing as t

from ansible.plugins.inventory import BaseInventoryPlugin


class InventoryModule(BaseInventoryPlugin):  # type: ignore[misc]  # Ansible has no types
    """The plugin that Ansible loads."""

    NAME = "floor"
    trusted_by_default = False  # as ours: it costs Ansible time to mark what it trusts

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        """Add the hosts; each has values of its own, as a plugin that reads them has."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        variables = json.dumps(
            self.get_option("variables")
        )  # without what Ansible notes on values from a file
        for index in range(self.get_option("number")):
            name = f"guest-{index}"
            inventory.add_host(name)
            for variable, value in json.loads(variables).items():
                inventory.set_variable(name, variable, value)
