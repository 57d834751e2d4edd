# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The history of a host: an SQLite file with the samples, counters and leases of its fleets, and its own mark.

A module opens it with ``transact``; a service that is handed one calls ``Database.run``.
"""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils import _sqlite

if t.TYPE_CHECKING:
    import sqlite3

    from ansible.module_utils.basic import AnsibleModule

T = t.TypeVar("T")

DEFAULT_PATH: t.Final = "/var/lib/headroom/history.sqlite"

# The statements that lead from each version of the schema to the next. What has been released is never edited.
MIGRATIONS: t.Final[tuple[tuple[str, ...], ...]] = (
    (
        # slot: start of the interval, taken_at: when the counters were read, both in epoch seconds. No value: missing.
        # whole: the value is the fleet's, handed in, and not this host's part of it.
        """CREATE TABLE sample (
            fleet TEXT NOT NULL, slot INTEGER NOT NULL, timestamp REAL NOT NULL, taken_at REAL, value REAL, reason TEXT,
            whole INTEGER NOT NULL,
            PRIMARY KEY (fleet, slot)
        ) WITHOUT ROWID""",
        # The counters of the latest sample by domain, as JSON: what the next rates are measured against.
        """CREATE TABLE counters (
            fleet TEXT NOT NULL, domain TEXT NOT NULL, sample TEXT NOT NULL,
            PRIMARY KEY (fleet, domain)
        ) WITHOUT ROWID""",
        """CREATE TABLE lease (
            fleet TEXT NOT NULL PRIMARY KEY, holder TEXT NOT NULL, since REAL NOT NULL, until REAL NOT NULL
        ) WITHOUT ROWID""",
    ),
    (
        # What was decided in a slot, as JSON, and what had become of the decisions before by then.
        """CREATE TABLE decision (
            fleet TEXT NOT NULL, slot INTEGER NOT NULL, decision TEXT NOT NULL,
            PRIMARY KEY (fleet, slot)
        ) WITHOUT ROWID""",
        # From where a forecaster goes on, as compressed JSON: it is always the latest, and may be lost without harm.
        "CREATE TABLE forecaster (fleet TEXT NOT NULL PRIMARY KEY, state BLOB NOT NULL)",
    ),
    (
        # Why the host is in maintenance since when, and the guests that it had, as JSON. At most one row.
        """CREATE TABLE maintenance (
            id INTEGER PRIMARY KEY CHECK (id = 1), since REAL NOT NULL, reason TEXT NOT NULL, guests TEXT NOT NULL
        )""",
    ),
    (
        # What the members that ran used of their processors, and how many they had. No value: not known.
        "ALTER TABLE sample ADD COLUMN used_cores REAL",
        "ALTER TABLE sample ADD COLUMN vcpus INTEGER",
        # How long the machines took that the run at a moment (epoch seconds) made, from then until they were of use.
        """CREATE TABLE readiness (
            fleet TEXT NOT NULL, moment INTEGER NOT NULL, machines INTEGER NOT NULL, seconds REAL NOT NULL,
            PRIMARY KEY (fleet, moment)
        ) WITHOUT ROWID""",
    ),
    (
        # The CPU cores that the domain used in the interval before. No value: not known.
        "ALTER TABLE counters ADD COLUMN used_cores REAL",
    ),
    (
        # Which machines the fleet had on which hosts at its latest decision, whose moment is epoch seconds.
        "CREATE TABLE roster (fleet TEXT NOT NULL PRIMARY KEY, moment REAL NOT NULL) WITHOUT ROWID",
        """CREATE TABLE roster_machine (
            fleet TEXT NOT NULL, host TEXT NOT NULL, name TEXT NOT NULL, uuid TEXT,
            PRIMARY KEY (fleet, host, name)
        ) WITHOUT ROWID""",
        # The hosts to one of which the guests of a host in maintenance went, a line each.
        "ALTER TABLE maintenance ADD COLUMN hosts TEXT NOT NULL DEFAULT ''",
    ),
    (
        # What the checks of a member have shown so far, as JSON: failures are counted over runs.
        """CREATE TABLE health (
            fleet TEXT NOT NULL, domain TEXT NOT NULL, record TEXT NOT NULL,
            PRIMARY KEY (fleet, domain)
        ) WITHOUT ROWID""",
        # Which version of its appliance a fleet came from and which ones failed, as JSON, at a moment (epoch seconds).
        """CREATE TABLE rollout (
            fleet TEXT NOT NULL PRIMARY KEY, moment REAL NOT NULL, memory TEXT NOT NULL
        ) WITHOUT ROWID""",
    ),
    (
        # The most bytes in an hour (slot: its start) that a pool held or that were promised of the memory, of a total.
        """CREATE TABLE usage (
            kind TEXT NOT NULL, name TEXT NOT NULL, slot INTEGER NOT NULL, used REAL NOT NULL, total REAL NOT NULL,
            PRIMARY KEY (kind, name, slot)
        ) WITHOUT ROWID""",
    ),
)

SCHEMA: t.Final = _sqlite.Schema(
    option="history",
    what="The history",
    default_path=DEFAULT_PATH,
    loss="demand is known only from now on, so that nothing is removed before the cooldown has passed again.",
    more_room=", or lower `keep`",
    application_id=0x6864726D,  # "hdrm"
    migrations=MIGRATIONS,
)


@dataclasses.dataclass(frozen=True)
class Database(_sqlite.Database):
    """The history at ``path``."""

    schema: t.ClassVar[_sqlite.Schema] = SCHEMA


def transact(
    module: AnsibleModule, work: t.Callable[[sqlite3.Connection], T], *, dry_run: bool | None = None
) -> T:
    """Return what ``work`` returns on the history that the task names; the task gets what there is to warn of.

    Nothing is kept in a ``dry_run``, which check mode is if nothing else is said. Raises what Database.run does.
    """
    database = Database(
        module.params["history"], dry_run=module.check_mode if dry_run is None else dry_run
    )
    result, warnings = database.run(work, time.time())
    for warning in warnings:
        module.warn(warning)
    return result
