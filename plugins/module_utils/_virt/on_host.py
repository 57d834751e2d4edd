# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""run_on_host(): what ``main()`` calls in modules that speak with one libvirt host; the others do without libvirt."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._runner import Result, run_module

from .connection import Connection, open_connection

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import ArgumentSpec


def run_on_host(
    spec: ArgumentSpec, action: str, call: t.Callable[[Connection, AnsibleModule], Result]
) -> None:
    """As run_module, for modules with the ``uri`` option: ``call`` gets the open connection."""

    def call_on_host(module: AnsibleModule) -> Result:
        with open_connection(
            module.params["uri"], timeout=module.params["connect_timeout"]
        ) as connection:
            return call(connection, module)

    run_module(spec, action, call_on_host)
