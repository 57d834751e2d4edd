# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``Sweep`` ends the exports that a host serves to nobody, and those that the journal has noted on other hosts."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes
from ansible_collections.headroom.libvirt.plugins.module_utils._domain import unended
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import sweep as exports
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)

from .registry import find_kind
from .report import describe_transaction

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Journal,
        Record,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Ends what nobody reads from, of the host ``uri``. With ``dry_run`` it says what it would do.

    ``warn`` is told of what stays, ``now`` is in epoch seconds.
    """

    journal: Journal
    uri: str
    timeout: float
    now: float
    warn: t.Callable[[str], None]
    dry_run: bool = False

    def run(self) -> dict[str, t.Any]:
        """Return the task's result."""
        changes, actions = Changes(), []
        with open_connection(self.uri, timeout=self.timeout) as connection:
            states = exports.judge_exports(connection, self.now, self.timeout)
            for state in states:
                if state.state == "unneeded":
                    changes.add(f"export {state.name}", "served", None)
                    actions.append(f"Stop the export {state.name}: {state.reason}.")
                    self._end(connection, state.name)
            records = self._list_notes()
            for record in records:
                actions += find_kind(record).describe(record, "resume")
            rows = [self._resume(connection, record) for record in records]
        for row in rows:
            if row["state"] == "resumed":
                changes.add(
                    f"{row['kind']} of {row['subject']} ({row['id']})", "unfinished", "resumed"
                )
        return {
            **changes.as_result(),
            "exports": [state.as_dict() for state in states],
            "transactions": rows,
            "actions": actions,
        }

    def _end(self, connection: Connection, name: str) -> None:
        if self.dry_run:
            return
        for path, reason in exports.end_export(connection, name).items():
            self.warn(f"{path} stays: {reason}")

    def _list_notes(self) -> list[Record]:
        return [
            record
            for record in self.journal.list_unfinished(unended.KIND)
            if record.uri == mask_uri(self.uri) and not record.alive
        ]

    def _resume(self, connection: Connection, record: Record) -> dict[str, t.Any]:
        """Return the record's row, after the export that it notes was ended where its host answers by now."""
        if not self.dry_run:
            try:
                self.journal.recover(record, unended.UnendedRecovery(connection), "resume")
            except HeadroomError as error:
                self.warn(error.message)
                return describe_transaction(
                    dataclasses.replace(record, problem=error.message), self.now
                )
        return describe_transaction(dataclasses.replace(record, state="resumed"), self.now)


def list_exports(uri: str, timeout: float, now: float) -> list[dict[str, t.Any]]:
    """Return the exports that the host serves, each with whether anybody needs it."""
    with open_connection(uri, timeout=timeout) as connection:
        states = exports.judge_exports(connection, now, timeout)
    return [state.as_dict() for state in states]
