# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What the journal knows of a transaction. Pure."""

from __future__ import annotations

import dataclasses
import json
import typing as t

State = t.Literal["unfinished", "finished", "rolled_back", "resumed"]


@dataclasses.dataclass
class Step:
    """An act: ``begun`` is durable before it, ``done`` after it. ``facts`` is what became known by it."""

    name: str
    arguments: dict[str, t.Any]
    state: t.Literal["begun", "done"] = "begun"
    facts: dict[str, t.Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Record:
    """A transaction as the journal holds it.

    ``subject`` names what it is about, several things with ``", "`` between them; ``intent`` is all that finishing or
    undoing it needs to know: the ``uri`` of the host that it works on, and the ``options`` of its task if it is to be
    done again. ``started`` is in epoch seconds.
    ``problem`` is why it was left. ``alive``: the ``process`` (its id) that works on it runs.
    """

    id: str
    kind: str
    subject: str
    intent: dict[str, t.Any]
    steps: tuple[Step, ...] = ()
    started: float = 0.0
    state: State = "unfinished"
    problem: str | None = None
    process: int | None = None
    alive: bool = False

    @property
    def subjects(self) -> frozenset[str]:
        """The things that it is about."""
        return frozenset({self.subject, *self.subject.split(", ")})

    @property
    def uri(self) -> str | None:
        """The host that it works on."""
        return self.intent.get("uri")

    def end_as(self, state: State) -> Record:
        """Return the record as it is kept: without the options of its task, which may hold secrets."""
        intent = {name: value for name, value in self.intent.items() if name != "options"}
        return dataclasses.replace(self, state=state, intent=intent)

    def collides_with(self, other: Record) -> bool:
        """Return whether both are about the same thing on the same host."""
        return self.uri == other.uri and not self.subjects.isdisjoint(other.subjects)

    def __str__(self) -> str:
        return f"the transaction {self.id} ({self.kind} of {self.subject})"


class Recovery(t.Protocol):
    """What finishes or undoes the transactions of a kind.

    Both can run again after they broke off, and find steps that were begun and never happened. They raise HeadroomError
    when they do not succeed; the record then stays.
    """

    def resume(self, record: Record) -> None:
        """Bring about what the transaction was to bring about."""

    def roll_back(self, record: Record) -> None:
        """Undo its steps, the newest first."""


def write_row(record: Record) -> dict[str, t.Any]:
    """Return the record as one row of a table; ``alive`` is not in it."""
    row = {
        field.name: getattr(record, field.name)
        for field in dataclasses.fields(record)
        if field.name != "alive"
    }
    steps = [dataclasses.asdict(step) for step in record.steps]
    return {**row, "intent": json.dumps(record.intent), "steps": json.dumps(steps)}


def read_row(row: t.Sequence[t.Any]) -> Record:
    """Return the record of a row, its values in the order of Record's fields."""
    names = (field.name for field in dataclasses.fields(Record))
    values = dict(zip(names, row))
    intent = json.loads(values.pop("intent"))
    steps = tuple(Step(**step) for step in json.loads(values.pop("steps")))
    return Record(intent=intent, steps=steps, **values)
