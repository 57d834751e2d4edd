# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The journal: which acts a run has begun and done, so that after a crash they are finished or undone.

A module opens it by open_journal(), and does what takes several steps in a transaction:

    with journal.begin("clone", "web-7", intent, recovery) as transaction:
        step = transaction.begin_step("volume", pool="default", name="web-7.qcow2")    # durable before the act
        ...
        transaction.finish_step(step)                                                  # durable after it

When the block raises (a signal that asks to stop included), ``recovery.roll_back`` undoes what the record says, so that
a failure and a crash are cleaned up by the same code. A run that is killed leaves its record, and the lock that it held
goes with its process: the next run sees that nobody is at work on it any more, and calls recover().
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import secrets
import threading
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    Interrupted,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._interrupt import (
    Stopped,
    raise_on_signals,
)

from .records import Record, Recovery, State, Step, read_strictly
from .store import DEFAULT_PATH, Store

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    Act = t.Callable[[Record], t.Optional[State]]

__all__ = [
    "Direction",
    "Journal",
    "Record",
    "Recovery",
    "Step",
    "Transaction",
    "choose_default_path",
    "open_journal",
]

Direction = t.Literal["resume", "roll_back"]


class Write(t.Protocol):
    """What makes a record durable; with ``hasty`` against all but a power failure."""

    def __call__(self, record: Record, *, hasty: bool) -> None: ...


@t.final
class Transaction:
    """A transaction under way. Threads may take its steps side by side."""

    def __init__(self, record: Record, write: Write) -> None:
        self._record = record
        self._write = write
        self._steps: list[Step] = []
        self._version = self._written = self._lasting = 0
        self._changing, self._writing = threading.Lock(), threading.Lock()

    @property
    def id(self) -> str:
        """What names it in the journal."""
        return self._record.id

    @property
    def record(self) -> Record:
        """The record as it is now."""
        with self._changing:
            return self._snapshot()

    def begin_step(self, act: str, /, **arguments: t.Any) -> Step:
        """Record that an act begins; when this has returned, it may. ``arguments`` are JSON-able."""
        step = Step(act, arguments)
        with self._changing:
            self._steps.append(step)
            self._version += 1
            version = self._version
        self._save(version)
        return step

    def finish_step(self, step: Step | str, /, **facts: t.Any) -> None:
        """Record that an act is done: this one, or the newest of that name that was begun."""
        self._save(self._end(step, facts))

    def finish_step_hastily(self, step: Step, /) -> None:
        """As finish_step() without a sync: after a power failure it is only known that the act had begun."""
        self._save(self._end(step, {}), hasty=True)

    def _end(self, step: Step | str, facts: t.Mapping[str, t.Any]) -> int:
        with self._changing:
            if isinstance(step, str):
                step = self._find_begun(step)
            step.state = "done"
            step.facts.update(facts)
            self._version += 1
            return self._version

    def _find_begun(self, act: str) -> Step:
        """Return the newest step of that name that has not ended."""
        begun = [step for step in self._steps if (step.name, step.state) == (act, "begun")]
        return begun[-1]

    def _save(self, version: int, *, hasty: bool = False) -> None:
        with self._writing:
            if (self._written if hasty else self._lasting) >= version:
                return  # another thread's write took it along
            with self._changing:
                latest, record = self._version, self._snapshot()
            self._write(record, hasty=hasty)
            self._written = latest
            if not hasty:
                self._lasting = latest

    def _snapshot(self) -> Record:
        return dataclasses.replace(
            self._record, steps=tuple(dataclasses.replace(step) for step in self._steps)
        )


@dataclasses.dataclass(frozen=True)
class Journal:
    """The journal at ``path``, which is made when the first transaction begins.

    ``warn`` is told of a broken file, ``keep`` is how many records stay for reading after they have ended.
    """

    path: str
    warn: t.Callable[[str], None] = lambda _text: None
    now: t.Callable[[], float] = time.time
    keep: int = 200

    @contextlib.contextmanager
    def begin(
        self,
        kind: str,
        subject: str,
        intent: t.Mapping[str, t.Any],
        recovery: Recovery | None = None,
        instead_of: Record | None = None,
    ) -> t.Iterator[Transaction]:
        """Begin a transaction; raises Conflict when a live one is about the same subject on the same host.

        A recovery that makes anew what the record ``instead_of`` was to make does so beside that one.

        A block that ends normally finishes it, one that raises has it rolled back. Without ``recovery``, or when that
        fails, it stays unfinished, and the error says so. Stopped by a signal, this raises Interrupted. One past its
        last step (``last_steps`` of its intent) is finished however the block ends.
        """
        intent = {"format": 1, **intent}
        record = Record(secrets.token_hex(4), kind, subject, intent, started=self.now())
        with raise_on_signals() as interrupts, self._store.begin(record, instead_of):
            transaction = Transaction(record, self._store.write)
            try:
                yield transaction
                interrupts.hold_off()  # from here on it is finished
            except Stopped as error:
                stopped = Interrupted(str(error))
                self._leave(transaction.record, recovery, stopped)
                raise stopped from error
            except BaseException as error:
                interrupts.hold_off()
                self._leave(transaction.record, recovery, error)
                raise
            self._finish(transaction.record)

    def list_records(self, kind: str | None = None, subject: str | None = None) -> list[Record]:
        """Return the records that are kept, of that kind and about that subject, the oldest first."""
        return select_records(self._store.read(), kind, subject)

    def list_unfinished(self, kind: str | None = None, subject: str | None = None) -> list[Record]:
        """As list_records(), only of those transactions that have not ended."""
        return select_records(self._store.read(unfinished=True), kind, subject)

    def recover(
        self, record: Record, handler: Recovery, direction: Direction = "roll_back"
    ) -> bool:
        """Finish or undo what a dead run left; return False when another run has done so since ``record`` was read.

        One that is past its last step is neither: only its end is recorded, as that is all that it lacks.
        Raises Conflict for a transaction that is alive, UnreadableShape for one that is not understood, and what
        ``handler`` raises; the record then stays as it is, with the problem noted.
        """
        record.check_readable()
        act, outcome = _COMPLETION if record.is_complete else _acts(handler)[direction]
        with raise_on_signals() as interrupts, contextlib.ExitStack() as stack:
            try:
                stack.enter_context(self._store.take_over(record))
            except NotFound:
                return False
            try:
                with read_strictly(record):
                    outcome = act(record) or outcome
                interrupts.hold_off()
            except BaseException as error:
                interrupts.hold_off()
                self._store.write_problem(record, _describe_error(error))
                if isinstance(error, Stopped):
                    raise Interrupted(
                        f"{error}; {record} stays unfinished", transaction=record.id
                    ) from error
                raise
            self._store.end(record, outcome, self.keep)
        return True

    def _finish(self, record: Record) -> None:
        """Record that all of it is done; where not even the room that is kept for that suffices, only tell."""
        try:
            self._store.end(record, "finished", self.keep)
        except HeadroomError as error:
            self.warn(
                f"{record} has done all of its steps, but the journal could not note its end: {error.message} The next "
                "task of its kind on the host notes it, or headroom.libvirt.transaction."
            )

    def _leave(self, record: Record, recovery: Recovery | None, error: BaseException) -> None:
        """Undo what can be undone after ``error``, and add to it what could not."""
        if record.is_complete:
            self._finish(record)
            return
        record = dataclasses.replace(record, problem=_describe_error(error))
        not_undone = ""
        try:
            if recovery is not None:
                outcome = recovery.roll_back(record) or "rolled_back"
                self._store.end(record, outcome, self.keep)
                return
            self._store.write(record)
        except HeadroomError as failed:
            if failed.message != record.problem:  # else whoever broke off has said it
                not_undone = f" Not everything was undone ({failed.message.rstrip('.')}):"
            with contextlib.suppress(
                HeadroomError
            ):  # a full disk; the record is there as of the last step
                self._store.write(record)
        if isinstance(error, HeadroomError):
            error.details["transaction"] = record.id
            error.message = (
                f"{error.message.rstrip('.')}.{not_undone} {record} stays unfinished. Run the task again, or "
                f"headroom.libvirt.transaction with id: {record.id}"
            )

    @property
    def _store(self) -> Store:
        return Store(self.path, self.warn, self.now)


def open_journal(module: AnsibleModule) -> Journal:
    """Return the journal that the ``journal`` option names, or the one of the user whom the module runs as."""
    return Journal(
        module.params["journal"] or choose_default_path(os.environ, os.geteuid()), warn=module.warn
    )


def choose_default_path(environ: t.Mapping[str, str], user_id: int) -> str:
    """Return where the journal lies: root's is that of the host, another user has one of their own."""
    if user_id == 0:
        return DEFAULT_PATH
    state = environ.get("XDG_STATE_HOME") or str(
        pathlib.Path(environ.get("HOME", "/")) / ".local" / "state"
    )
    return str(pathlib.Path(state) / "headroom" / "journal.sqlite")


def select_records(
    records: t.Iterable[Record], kind: str | None, subject: str | None
) -> list[Record]:
    """Return the records of that kind and about that subject; None is any."""
    return [
        record
        for record in records
        if kind in {None, record.kind} and (subject is None or subject in record.subjects)
    ]


# A record past its last step: nothing is left to do.
_COMPLETION: t.Final[tuple[Act, State]] = (lambda _record: None, "finished")


def _acts(handler: Recovery) -> dict[Direction, tuple[Act, State]]:
    return {"resume": (handler.resume, "resumed"), "roll_back": (handler.roll_back, "rolled_back")}


def _describe_error(error: BaseException) -> str:
    return error.message if isinstance(error, HeadroomError) else f"{type(error).__name__}: {error}"
