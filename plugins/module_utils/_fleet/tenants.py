# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""``measure_tenants`` says what the machines of tenants take of a host, whatever fleet they are of."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._names import check_name
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )


def measure_tenants(
    connection: Connection, tenants: t.Collection[str]
) -> dict[str, dict[str, int]]:
    """Return ``{tenant: {machines, vcpus, memory_bytes}}``, of machines that are off as well.

    It reads the definition of each domain, and none where nobody asks. Raises InvalidInput for what is no name.
    """
    names = [check_name("tenants", tenant) for tenant in tenants]
    sums = {tenant: {"machines": 0, "vcpus": 0, "memory_bytes": 0} for tenant in names}
    for definition in domains.iterate_definitions(connection) if sums else ():
        usage = sums.get(definition.metadata.tenant or "")
        if usage is not None:
            usage["machines"] += 1
            usage["vcpus"] += definition.vcpus
            usage["memory_bytes"] += definition.memory_bytes
    return sums
