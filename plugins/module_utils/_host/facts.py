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
import types
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_positive
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import lease as lease_api
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import (
    DEFAULT_PATH,
    SCHEMA,
    Database,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory import remote
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.tables import (
    TablesRequest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._sizes import parse_size
from ansible_collections.headroom.libvirt.plugins.module_utils._sqlite import open_copy
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import leads_here

from . import maintenance
from .capacity import CapacityPolicy, Check
from .survey import read_host

if t.TYPE_CHECKING:
    import sqlite3

    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

# What of a history is about the host itself; the rest may be large.
_TABLES: t.Final = ("maintenance", "lease")
_PATIENCE_SECONDS: t.Final = 15.0

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
    """Return what read_host() does by the ``options``, with the host's mark and leases; raises InvalidInput."""
    host = read_host(connection, read_policy(params), **options)
    notes, checks = _read_notes(connection.uri, params["history"], now)
    host["maintenance"] = notes.mark and notes.mark.as_dict()
    host["leases"] = [
        {"fleet": fleet, **dataclasses.asdict(lease)} for fleet, lease in notes.leases.items()
    ]
    host["health"] += [dataclasses.asdict(check) for check in checks]
    return host


class _Notes(t.NamedTuple):
    """What the history of a host says of the host itself."""

    mark: maintenance.Maintenance | None = None
    leases: t.Mapping[str, lease_api.Lease] = types.MappingProxyType({})


def _read_notes(uri: str, history: str, now: float) -> tuple[_Notes, list[Check]]:
    """Return the host's notes, and what was in the way of reading them: not everybody may read the history."""

    def read(database: sqlite3.Connection) -> _Notes:
        return _Notes(maintenance.read(database), lease_api.read_all(database, now))

    try:
        if not leads_here(uri):
            return _read_remotely(uri, history, read), []
        notes, warnings = Database(history, dry_run=True).run(read, now)
    except HeadroomError as error:
        return _Notes(), [Check("maintenance", "warning", error.message)]
    return notes, [Check("maintenance", "warning", warning) for warning in warnings]


def _read_remotely(
    uri: str, history: str, read: t.Callable[[sqlite3.Connection], _Notes]
) -> _Notes:
    """As read() on the history of a host that is reached by SSH; nothing is known of one that is not."""
    target = remote.parse_target(uri)
    if target is None:
        return _Notes()
    request = TablesRequest(history, history, _TABLES)
    answer = remote.fetch_tables(uri, target, request, _PATIENCE_SECONDS)
    if answer is None:
        return _Notes()
    try:
        with open_copy(SCHEMA, answer, _TABLES) as copy:
            return read(copy)
    except (LookupError, TypeError, ValueError, AttributeError) as error:  # guests that are none
        raise HeadroomError(f"history: the mark of the host cannot be read: {error!r}") from error


def _check_factor(option: str, value: float) -> float:
    return check_positive(option, value, remedy="1 promises what there is, 4 four times as much.")
