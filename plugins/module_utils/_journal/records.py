# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What the journal knows of a transaction. Pure."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import json
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils import _persisted
from ansible_collections.headroom.libvirt.plugins.module_utils._persisted import UnreadableShape

# What comes of data that is JSON, has all that a shape says, and holds something else in it.
_STRANGE: t.Final = (
    TypeError,
    ValueError,
    KeyError,
    AttributeError,
    IndexError,
    OverflowError,
)
# As which _sqlite reads what is no UTF-8.
_REPLACEMENT: t.Final = "\ufffd"
# The year 9999, as late as any time is written.
_LATEST_SECONDS: t.Final = 253_402_300_799

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
    undoing it needs to know: the ``uri`` of the host that it works on, the ``options`` of its task if it is to be
    done again, and ``last_steps``, {step: how many of it} by which it is known to be past its last one.
    ``started`` is in epoch seconds.
    ``problem`` is why it was left. ``alive``: the ``process`` (its id) that works on it runs. ``unreadable`` says why
    what the journal holds of it is not understood; then ``intent`` and ``steps`` are not all there is.
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
    unreadable: str | None = None

    def check_readable(self) -> None:
        """Raise UnreadableShape for a record that is not understood, and so can be neither finished nor undone."""
        if self.unreadable is not None:
            raise _refuse(self, self.unreadable)

    @property
    def subjects(self) -> frozenset[str]:
        """The things that it is about."""
        return frozenset({self.subject, *self.subject.split(", ")})

    @property
    def uri(self) -> str | None:
        """The host that it works on."""
        return self.intent.get("uri")

    @property
    def is_complete(self) -> bool:
        """Whether it is past its last step, so that only its end is not recorded: it is finished, and never undone."""
        last_steps = self.intent.get("last_steps")
        if self.unreadable is not None or self.intent.get("format") != 1:
            return False
        if not isinstance(last_steps, dict) or not last_steps:
            return False
        done = collections.Counter(step.name for step in self.steps if step.state == "done")
        return all(
            isinstance(number, int) and 0 < number <= done[name]
            for name, number in last_steps.items()
        )

    def end_as(self, state: State) -> Record:
        """Return the record as it is kept: without the options of its task, which may hold secrets."""
        intent = {name: value for name, value in self.intent.items() if name != "options"}
        return dataclasses.replace(self, state=state, intent=intent)

    def collides_with(self, other: Record) -> bool:
        """Return whether both are about the same thing on the same host."""
        return self.uri == other.uri and not self.subjects.isdisjoint(other.subjects)

    def __str__(self) -> str:
        return f"the transaction {self.id} ({self.kind} of {self.subject})"


@dataclasses.dataclass(frozen=True)
class Shape:
    """What the records of a kind say, by which one of another release is told from one that can be acted on.

    ``intent`` are the keys that its intent must have, ``steps`` is {name of a step: the arguments that it must have};
    a step that is not in it is of another release. ``format`` is the newest that this release understands.
    """

    intent: tuple[str, ...] = ("uri",)
    steps: t.Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    format: int = 1

    def check(self, record: Record) -> None:
        """Raise UnreadableShape unless all that the record says is understood: only then may it be acted on."""
        record.check_readable()
        _persisted.check_format(record.intent, self.format, str(record))
        _require(record, "its intent", self.intent, record.intent)
        for number, step in enumerate(record.steps, 1):
            what = f"its step {number} ({step.name})"
            if step.name not in self.steps:
                raise _refuse(record, f"{what} is not known to this release")
            _require(record, what, self.steps[step.name], step.arguments)


def _require(
    record: Record, what: str, names: t.Iterable[str], data: t.Mapping[str, t.Any]
) -> None:
    missing = [name for name in names if name not in data]
    if missing:
        raise _refuse(record, f"{what} lacks {', '.join(missing)}")


def _refuse(record: Record, reason: str) -> UnreadableShape:
    return UnreadableShape(
        f"{record} cannot be read: {reason}. It stays as it is. Finish it or take it back with the release of "
        "headroom.libvirt that began it",
        transaction=record.id,
    )


@contextlib.contextmanager
def read_strictly(record: Record) -> t.Iterator[None]:
    """Raise UnreadableShape for what in the block comes of a record that holds something else than it should."""
    try:
        yield
    except _STRANGE as error:
        what = f"{type(error).__name__}: {error}"
        raise _refuse(record, f"it holds something else than it should ({what})") from error


class Recovery(t.Protocol):
    """What finishes or undoes the transactions of a kind.

    Both can run again after they broke off, and find steps that were begun and never happened. They raise HeadroomError
    when they do not succeed; the record then stays. They return how it ended, where that is not as they are called.
    """

    def resume(self, record: Record) -> State | None:
        """Bring about what the transaction was to bring about."""

    def roll_back(self, record: Record) -> State | None:
        """Undo its steps, the newest first; what turns out to be finished stays."""


# What is found out anew each time that a record is read.
_NOT_KEPT: t.Final = frozenset(("alive", "unreadable"))


def write_row(record: Record) -> dict[str, t.Any]:
    """Return the record as one row of a table."""
    row = {
        field.name: getattr(record, field.name)
        for field in dataclasses.fields(record)
        if field.name not in _NOT_KEPT
    }
    steps = [dataclasses.asdict(step) for step in record.steps]
    return {**row, "intent": json.dumps(record.intent), "steps": json.dumps(steps)}


def read_row(row: t.Sequence[t.Any]) -> Record:
    """Return the record of a row, its values in the order of Record's fields.

    A row that is damaged, or that another release wrote, is a Record too: one that says that it is ``unreadable``.
    """
    names = (field.name for field in dataclasses.fields(Record))
    values = dict(zip(names, row))
    intent, steps = values.pop("intent"), values.pop("steps")
    values["started"] = _read_time(values["started"])
    try:
        _require_whole(intent, steps)
        return Record(intent=_read_intent(intent), steps=_read_steps(steps), **values)
    except (UnreadableShape, ValueError, RecursionError) as error:
        reason = error.message if isinstance(error, UnreadableShape) else str(error)
        return Record(intent=_read_uri(intent), unreadable=reason, **values)


def _require_whole(*texts: t.Any) -> None:
    """Raise UnreadableShape for a text with a byte that is none: a name in it is not the one that was meant."""
    if any(_REPLACEMENT in text for text in texts if isinstance(text, str)):
        raise UnreadableShape("it holds bytes that are no text")


def _read_intent(text: str) -> dict[str, t.Any]:
    intent = json.loads(text)
    if not isinstance(intent, dict):
        raise UnreadableShape("its intent is not a mapping")
    if not isinstance(intent.get("uri", ""), (str, type(None))):
        raise UnreadableShape("the uri of its intent is not a text")
    return intent


def _read_time(value: t.Any) -> float:
    """Return the time in seconds that a row says; 0 for what is none, as it matters to nobody but a reader."""
    is_time = isinstance(value, (int, float)) and 0 <= value <= _LATEST_SECONDS
    return float(value) if is_time else 0.0


def _read_uri(text: str) -> dict[str, t.Any]:
    """Return what of an intent says which host a record is about: nobody else may take it for one of theirs."""
    try:
        uri = json.loads(text).get("uri")
    except (AttributeError, ValueError, RecursionError):
        return {}
    return {"uri": uri} if isinstance(uri, str) else {}


def _read_steps(text: str) -> tuple[Step, ...]:
    steps = json.loads(text)
    if not isinstance(steps, list):
        raise UnreadableShape("its steps are not a list")
    return tuple(_read_step(step, number) for number, step in enumerate(steps, 1))


def _read_step(data: t.Any, number: int) -> Step:
    what = f"the step {number}"
    step = _persisted.build(Step, data, what)
    if not all(isinstance(values, dict) for values in (data["arguments"], data.get("facts", {}))):
        raise UnreadableShape(f"{what} has arguments that are not a mapping")
    if not isinstance(data["name"], str) or step.state not in ("begun", "done"):
        raise UnreadableShape(f"{what} does not say what it is and whether it is done")
    return step
