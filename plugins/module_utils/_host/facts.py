# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""What a task knows of its host: ``read_facts`` is what host_info returns, and fleet_observe beside the fleets.

``POLICY`` are the options of both, and ``read_policy`` checks them.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_positive
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import (
    DEFAULT_PATH,
    Database,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._sizes import parse_size
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import leads_here

from . import maintenance
from .capacity import CapacityPolicy, Check
from .survey import read_host

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

# Documented in doc_fragments/capacity.py, and the history in doc_fragments/history.py.
POLICY: t.Final = ArgumentSpec(
    options={
        "cpu_overcommit": {"type": "float", "default": 4.0},
        "memory_overcommit": {"type": "float", "default": 1.0},
        "memory_reserve": {"type": "str", "default": "1GiB"},
        "history": {"type": "path", "default": DEFAULT_PATH},
    }
)


def read_policy(params: t.Mapping[str, t.Any]) -> CapacityPolicy:
    """Return how much of the host may be promised, by the options; raises InvalidInput."""
    return CapacityPolicy(
        cpu_overcommit=_check_factor("cpu_overcommit", params["cpu_overcommit"]),
        memory_overcommit=_check_factor("memory_overcommit", params["memory_overcommit"]),
        memory_reserve_bytes=parse_size("memory_reserve", params["memory_reserve"]),
    )


def read_facts(
    connection: Connection, params: t.Mapping[str, t.Any], now: float, **options: t.Any
) -> dict[str, t.Any]:
    """Return what read_host() does by the ``options``, with the host's mark; raises InvalidInput."""
    host = read_host(connection, read_policy(params), **options)
    mark, checks = _read_mark(connection.uri, params["history"], now)
    host["maintenance"] = None if mark is None else mark.as_dict()
    host["health"] += [dataclasses.asdict(check) for check in checks]
    return host


def _read_mark(
    uri: str, history: str, now: float
) -> tuple[maintenance.Maintenance | None, list[Check]]:
    """Return the host's mark, and what was in the way of reading it: not everybody may read the history."""
    if not leads_here(uri):  # the history here is another host's
        return None, []
    try:
        mark, warnings = Database(history, dry_run=True).run(maintenance.read, now)
    except HeadroomError as error:
        return None, [Check("maintenance", "warning", error.message)]
    return mark, [Check("maintenance", "warning", warning) for warning in warnings]


def _check_factor(option: str, value: float) -> float:
    return check_positive(option, value, remedy="1 promises what there is, 4 four times as much.")
