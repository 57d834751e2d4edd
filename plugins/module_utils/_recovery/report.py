# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""describe_transaction(): a transaction as the modules return it, with what each direction of recovery would do."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

from .registry import describe_recovery, find_problem

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import Record


def describe_transaction(record: Record, now: float) -> dict[str, t.Any]:
    """Return the record's row; ``now`` in epoch seconds. Its intent stays in the journal, as it may hold secrets."""
    started = dt.datetime.fromtimestamp(record.started, dt.timezone.utc)
    return {
        "id": record.id,
        "kind": record.kind,
        "subject": record.subject,
        "uri": record.uri,
        "state": record.state,
        "alive": record.alive,
        "process": record.process,
        "started": started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "age_seconds": round(max(0.0, now - record.started), 1),
        "problem": find_problem(record),
        "steps": [dataclasses.asdict(step) for step in record.steps],
        "roll_back": describe_recovery(record, "roll_back"),
        "resume": describe_recovery(record, "resume"),
    }
