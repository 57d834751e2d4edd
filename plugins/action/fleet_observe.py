# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host is told of each fleet what it takes to look at it: what its machines are told may be secret."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible_collections.headroom.libvirt.plugins.module_utils._fleet.definition import outline


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    """The action of ``fleet_observe``."""

    _supports_async = True
    _supports_check_mode = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        """Run the module with the outlines of the fleets."""
        super().run(tmp, task_vars)
        fleets = self._task.args.get("fleets")
        outlines = {"fleets": list(map(outline, fleets))} if isinstance(fleets, list) else {}
        result: dict[str, t.Any] = self._execute_module(
            module_args={**self._task.args, **outlines},
            task_vars=task_vars,
            wrap_async=self._task.async_val and not self._connection.has_native_async,
        )
        return result
