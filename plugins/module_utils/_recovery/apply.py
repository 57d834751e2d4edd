# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What the module transaction does: ensure() resumes or rolls back the transactions that its options choose."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    InvalidInput,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)

from .registry import describe_actions, find_kind
from .report import describe_transaction

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Direction,
        Journal,
        Record,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import State


@dataclasses.dataclass(frozen=True)
class RecoveryChoice:
    """Which transactions come into which state: the one with ``id``, or all unfinished ones about ``subject``."""

    state: t.Literal["resumed", "rolled_back"]
    id: str | None = None
    subject: str | None = None
    kind: str | None = None
    uri: str | None = None
    connect_timeout: float = 20.0

    @property
    def direction(self) -> Direction:
        """The way to the state."""
        return "resume" if self.state == "resumed" else "roll_back"


def ensure(
    journal: Journal, choice: RecoveryChoice, now: float, *, dry_run: bool
) -> dict[str, t.Any]:
    """Recover the transactions and return the task's result; ``now`` in epoch seconds.

    Raises NotFound for an id that the journal does not have, Conflict for a transaction that a process is at work on.
    """
    records = _find(journal, choice)
    unfinished = [record for record in records if record.state == "unfinished"]
    changes, actions = Changes(), []
    for record in unfinished:
        _check(record, choice)
        outcome = _choose_outcome(record, choice)
        changes.add(f"{record.kind} of {record.subject} ({record.id})", "unfinished", outcome)
        actions += describe_actions(record, choice.direction)
    if not dry_run:
        for record in unfinished:
            _recover(journal, record, choice)
    ended = [
        dataclasses.replace(record, state=_choose_outcome(record, choice))
        if record.state == "unfinished"
        else record
        for record in records
    ]
    rows = [describe_transaction(record, now) for record in ended]
    return {**changes.as_result(), "transactions": rows, "actions": actions}


def _find(journal: Journal, choice: RecoveryChoice) -> list[Record]:
    if choice.id is None:
        return journal.list_unfinished(choice.kind, choice.subject)
    records = [record for record in journal.list_records() if record.id == choice.id]
    if not records:
        raise NotFound(
            f"id: the journal {journal.path} has no transaction {choice.id!r}. headroom.libvirt.transaction_info lists "
            "those that are unfinished; of those that have ended, only the latest are kept.",
            id=choice.id,
        )
    return records


def _check(record: Record, choice: RecoveryChoice) -> None:
    find_kind(record)
    if record.alive:
        raise Conflict(
            f"{record} is at work in the process {record.process}. Wait until it has ended, or end that process.",
            transaction=record.id,
            process=record.process,
        )
    if choice.uri is not None and mask_uri(choice.uri) != record.uri:
        raise Conflict(
            f"uri: {record} is about {record.uri}, not about {mask_uri(choice.uri)}. Give that URI, or none.",
            transaction=record.id,
            uri=record.uri,
        )
    if choice.uri is None and "***" in (record.uri or ""):
        raise InvalidInput(
            "uri",
            None,
            f"is needed for {record.uri}, as the journal keeps no passwords",
            "Give it.",
        )


def _choose_outcome(record: Record, choice: RecoveryChoice) -> State:
    return "finished" if record.is_complete else choice.state


def _recover(journal: Journal, record: Record, choice: RecoveryChoice) -> None:
    with open_connection(
        choice.uri or record.uri or "", timeout=choice.connect_timeout
    ) as connection:
        journal.recover(
            record, find_kind(record).make_recovery(connection, journal), choice.direction
        )
