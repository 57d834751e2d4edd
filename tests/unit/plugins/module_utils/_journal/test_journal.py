# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    Interrupted,
    NoSpace,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal import journal as _journal
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
    Journal,
    Record,
    Transaction,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.store import Store

from tools.checkout import collections_path

if t.TYPE_CHECKING:
    from collections.abc import Iterator

URI = {"uri": "qemu:///system"}


class Undoer:
    """Notes what it is asked to do; fails when it is told to."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.resumed: list[Record] = []
        self.rolled_back: list[Record] = []

    def resume(self, record: Record) -> None:
        self.resumed.append(record)
        self._fail()

    def roll_back(self, record: Record) -> None:
        self.rolled_back.append(record)
        self._fail()

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(
        str(tmp_path / "headroom" / "journal.sqlite"), warn=pytest.fail, now=lambda: 100.0
    )


def in_another_process(journal: Journal, body: str) -> subprocess.Popen[str]:
    """Start a process that runs ``body`` in a transaction about web-1, as ``transaction``."""
    program = f"""
import os, signal, sys
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
with Journal({journal.path!r}).begin("clone", "web-1, web-2", {URI!r}) as transaction:
    transaction.begin_step("volume", name="web-1.qcow2")
    {body}
"""
    return subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(collections_path()), *sys.path])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def killed(journal: Journal) -> Record:
    """What a run that was killed left."""
    process = in_another_process(journal, "os.kill(os.getpid(), signal.SIGKILL)")
    _output, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors
    (record,) = journal.list_unfinished()
    return record


@pytest.fixture
def live(journal: Journal) -> Iterator[subprocess.Popen[str]]:
    """A run that is at work until it is told to go on."""
    with in_another_process(journal, "print('there', flush=True); sys.stdin.read()") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        yield process
        process.kill()
        process.communicate()


def test_what_is_begun_and_done_can_be_read_while_it_is(journal: Journal) -> None:
    with journal.begin("clone", "web-1", {**URI, "size": 5}) as transaction:
        first = transaction.begin_step("volume", pool="default")
        transaction.finish_step(first, path="/images/a")
        transaction.begin_step("define", uuid="x")
        (record,) = journal.list_unfinished()
    assert (record.id, record.kind, record.subject, record.started) == (
        transaction.id,
        "clone",
        "web-1",
        100.0,
    )
    assert record.intent == {"format": 1, **URI, "size": 5}
    assert [(step.name, step.arguments, step.state, step.facts) for step in record.steps] == [
        ("volume", {"pool": "default"}, "done", {"path": "/images/a"}),
        ("define", {"uuid": "x"}, "begun", {}),
    ]
    assert (record.alive, record.process) == (True, os.getpid())
    assert journal.list_unfinished() == []
    assert [(one.state, one.alive) for one in journal.list_records()] == [("finished", False)]


def test_done_by_name_means_the_newest_that_was_begun(journal: Journal) -> None:
    with journal.begin("clone", "web-1", URI) as transaction:
        for number in range(3):
            transaction.begin_step("volume", number=number)
        transaction.finish_step("volume")
        transaction.finish_step("volume")
        assert [step.state for step in transaction.record.steps] == ["begun", "done", "done"]


def test_the_files_are_for_their_owner_alone(journal: Journal, tmp_path: Path) -> None:
    with journal.begin("clone", "web-1", URI):
        paths = list(tmp_path.rglob("*"))
        assert len(paths) >= 4  # the directory, the file, the locks' directory, the lock
        assert {
            stat.S_IMODE(path.stat().st_mode) & 0o077
            for path in paths
            if not path.name.endswith("-shm")
        } == {0}
    assert not list(tmp_path.rglob("*.locks/*"))


def test_reading_makes_nothing(journal: Journal, tmp_path: Path) -> None:
    assert journal.list_records() == []
    assert list(tmp_path.iterdir()) == []


def fail(journal: Journal, recovery: _journal.Recovery | None) -> None:
    with journal.begin("clone", "web-1", URI, recovery) as transaction:
        transaction.finish_step(transaction.begin_step("a"))
        transaction.begin_step("b")
        raise NoSpace("full.")


def test_a_failure_is_rolled_back_with_all_that_was_begun(journal: Journal) -> None:
    undoer = Undoer()
    with pytest.raises(NoSpace, match=r"^full\.$"):
        fail(journal, undoer)
    assert [[step.name for step in record.steps] for record in undoer.rolled_back] == [["a", "b"]]
    assert journal.list_unfinished() == []
    (record,) = journal.list_records()
    assert (record.state, record.problem) == ("rolled_back", "full.")


@pytest.mark.parametrize(
    ("recovery", "words"),
    [
        (Undoer(HeadroomError("web-1 is busy.")), r"Not everything was undone \(web-1 is busy\)"),
        (Undoer(HeadroomError("full.")), "the transaction "),
        (None, "the transaction "),
    ],
)
def test_what_is_not_undone_stays_and_is_told(
    journal: Journal, recovery: Undoer | None, words: str
) -> None:
    with pytest.raises(NoSpace) as caught:
        fail(journal, recovery)
    assert re.match(
        rf"full\. {words}.* stays unfinished.*headroom\.libvirt\.transaction", caught.value.message
    )
    (record,) = journal.list_unfinished()
    assert caught.value.details["transaction"] == record.id
    assert (record.problem, record.alive) == ("full.", False)


def test_a_defect_is_rolled_back_too(journal: Journal) -> None:
    undoer = Undoer()
    with pytest.raises(ZeroDivisionError), journal.begin("clone", "web-1", URI, undoer):
        raise ZeroDivisionError("no")
    assert len(undoer.rolled_back) == 1
    assert journal.list_records()[0].problem == "ZeroDivisionError: no"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_rolls_back_and_a_second_one_does_not_disturb_that(
    journal: Journal, number: signal.Signals
) -> None:
    class Slow(Undoer):
        def roll_back(self, record: Record) -> None:
            signal.raise_signal(number)
            super().roll_back(record)

    def stop() -> None:
        with journal.begin("clone", "web-1", URI, undoer):
            signal.raise_signal(number)

    undoer = Slow()
    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match=rf"^stopped by {number.name}$"):
        stop()
    assert len(undoer.rolled_back) == 1
    assert journal.list_records()[0].state == "rolled_back"
    assert signal.getsignal(number) is before


def test_what_a_killed_run_left_is_there_and_dead(journal: Journal, killed: Record) -> None:
    assert (killed.kind, killed.subject, killed.alive) == ("clone", "web-1, web-2", False)
    assert [(step.name, step.state) for step in killed.steps] == [("volume", "begun")]
    assert journal.list_unfinished(kind="clone", subject="web-2") == [killed]
    assert journal.list_unfinished(kind="migrate") == []
    assert journal.list_unfinished(subject="web") == []


@pytest.mark.parametrize(
    ("direction", "state"), [("resume", "resumed"), ("roll_back", "rolled_back")]
)
def test_recovering(
    journal: Journal, killed: Record, direction: _journal.Direction, state: str
) -> None:
    undoer = Undoer()
    assert journal.recover(killed, undoer, direction)
    assert (undoer.resumed, undoer.rolled_back) == (
        ([killed], []) if direction == "resume" else ([], [killed])
    )
    assert journal.list_unfinished() == []
    assert [record.state for record in journal.list_records()] == [state]
    assert not journal.recover(killed, undoer)  # as when two runs come upon it
    assert len(undoer.resumed + undoer.rolled_back) == 1


def test_a_recovery_that_fails_leaves_the_record_and_says_why(
    journal: Journal, killed: Record
) -> None:
    with pytest.raises(HeadroomError, match=r"^pool gone$"):
        journal.recover(killed, Undoer(HeadroomError("pool gone")))
    (record,) = journal.list_unfinished()
    assert (record.problem, record.alive) == ("pool gone", False)
    assert journal.recover(record, Undoer())


def test_only_one_run_recovers(journal: Journal, killed: Record) -> None:
    class Reentrant(Undoer):
        def roll_back(self, record: Record) -> None:
            with pytest.raises(Conflict, match=f"process {os.getpid()}"):
                journal.recover(record, Undoer())
            super().roll_back(record)

    undoer = Reentrant()
    journal.recover(killed, undoer)
    assert len(undoer.rolled_back) == 1


def test_a_run_that_is_at_work_is_not_disturbed(
    journal: Journal, live: subprocess.Popen[str]
) -> None:
    (record,) = journal.list_unfinished()
    assert record.alive
    with pytest.raises(
        Conflict,
        match=rf"{record.id} \(clone of web-1, web-2\) is at work in the process {live.pid}",
    ):
        journal.recover(record, Undoer())
    with (
        pytest.raises(Conflict, match=f"process {live.pid}"),
        journal.begin("migrate", "web-2", URI),
    ):
        pytest.fail("two runs at once")
    assert journal.list_unfinished() == [record]
    live.communicate()
    assert journal.list_unfinished() == []


def test_other_machines_and_other_hosts_are_free(
    journal: Journal, live: subprocess.Popen[str]
) -> None:
    assert live.poll() is None
    with (
        journal.begin("clone", "web-3", URI),
        journal.begin("clone", "web-1", {"uri": "qemu+ssh://other/system"}),
    ):
        assert [record.alive for record in journal.list_unfinished()] == [True] * 3


def test_threads_take_steps_side_by_side(journal: Journal) -> None:
    def work(transaction: Transaction, number: int) -> None:
        for _unused in range(5):
            transaction.finish_step(transaction.begin_step("act", number=number))

    with journal.begin("clone", "web-1", URI) as transaction:
        threads = [threading.Thread(target=work, args=(transaction, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (record,) = journal.list_unfinished()
    assert len(record.steps) == 20
    assert {step.state for step in record.steps} == {"done"}


def test_a_step_is_durable_when_it_returns_whoever_wrote_it() -> None:
    written: list[Record] = []

    def write(record: Record, *, hasty: bool) -> None:
        assert not hasty
        written.append(record)

    transaction = Transaction(Record("1", "clone", "web-1", {}), write)
    for number in range(3):
        transaction.begin_step("act", number=number)
        assert [step.arguments["number"] for step in written[-1].steps] == list(range(number + 1))


def test_what_was_written_in_haste_makes_no_step_of_another_thread_durable() -> None:
    lasting: set[int] = set()
    missed: list[int] = []

    def write(record: Record, *, hasty: bool) -> None:
        time.sleep(0.0005)  # the others wait for this one meanwhile, and are written together
        if not hasty:
            lasting.update(step.arguments["number"] for step in record.steps)

    transaction = Transaction(Record("1", "clone", "web-1", {}), write)

    def work(first: int) -> None:
        for number in range(first, first + 10):
            step = transaction.begin_step("act", number=number)
            if number not in lasting:
                missed.append(number)
            transaction.finish_step_hastily(step)

    threads = [threading.Thread(target=work, args=(100 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert missed == []
    assert {step.state for step in transaction.record.steps} == {"done"}


def test_what_was_written_in_haste_is_read_after_the_process_has_died(journal: Journal) -> None:
    body = 'transaction.finish_step_hastily(transaction.begin_step("domain")); os.kill(os.getpid(), signal.SIGKILL)'
    in_another_process(journal, body).communicate()
    (record,) = journal.list_unfinished()
    assert [(step.name, step.state) for step in record.steps] == [
        ("volume", "begun"),
        ("domain", "done"),
    ]


def test_only_the_last_ones_are_kept(journal: Journal) -> None:
    short = dataclasses.replace(journal, keep=3)
    with pytest.raises(NoSpace), short.begin("clone", "stuck", URI):
        raise NoSpace("full")
    for number in range(5):
        with short.begin("clone", f"web-{number}", URI):
            pass
    assert [record.subject for record in short.list_records()] == [
        "stuck",
        "web-2",
        "web-3",
        "web-4",
    ]


def test_a_broken_file_is_set_aside_and_a_live_run_writes_itself_anew(journal: Journal) -> None:
    warnings: list[str] = []
    told = dataclasses.replace(journal, warn=warnings.append)
    with told.begin("clone", "web-1", URI) as transaction:
        transaction.finish_step(transaction.begin_step("a"))
        Path(journal.path).write_bytes(b"no database" * 1000)
        transaction.begin_step("b")
        assert [[step.name for step in record.steps] for record in told.list_unfinished()] == [
            ["a", "b"]
        ]
    assert [record.state for record in told.list_records()] == ["finished"]
    assert any(
        f"The journal {journal.path} could not be read" in text and ".corrupt-" in text
        for text in warnings
    )


def test_a_lock_without_a_record_goes(journal: Journal, killed: Record, tmp_path: Path) -> None:
    stray = tmp_path / "headroom" / "journal.sqlite.locks" / "0badf00d"
    stray.touch()
    with journal.begin("clone", "web-7", URI) as transaction:
        assert sorted(path.name for path in stray.parent.iterdir()) == sorted(
            [killed.id, transaction.id]
        )


@pytest.mark.parametrize(
    ("environ", "user", "path"),
    [
        ({}, 0, "/var/lib/headroom/journal.sqlite"),
        ({"HOME": "/home/a"}, 1000, "/home/a/.local/state/headroom/journal.sqlite"),
        ({"HOME": "/home/a", "XDG_STATE_HOME": "/state"}, 1000, "/state/headroom/journal.sqlite"),
    ],
)
def test_each_user_has_a_place_for_it(environ: dict[str, str], user: int, path: str) -> None:
    assert _journal.choose_default_path(environ, user) == path


_LAST: t.Final = {"last_steps": {"start": 2}}


def step_through(transaction: Transaction, *names: str) -> None:
    for name in names:
        transaction.finish_step(transaction.begin_step(name))


@pytest.mark.parametrize(
    ("names", "intent", "is_complete"),
    [
        (("volume", "start", "start"), _LAST, True),
        (("volume", "start"), _LAST, False),
        (("volume", "start", "start"), {}, False),
        (("start", "start"), {**_LAST, "format": 2}, False),
        (("start", "start"), {"last_steps": ["start"]}, False),
        (("start", "start"), {"last_steps": {"start": "2"}}, False),
        (("start", "start"), {"last_steps": {}}, False),
    ],
)
def test_a_record_is_complete_when_its_last_steps_are_done(
    names: tuple[str, ...], intent: dict[str, t.Any], is_complete: bool
) -> None:
    steps = tuple(_journal.Step(name, {}, "done") for name in names)
    record = Record("1", "clone", "web-1", {"format": 1, **URI, **intent}, steps)
    assert record.is_complete is is_complete
    begun = dataclasses.replace(record, steps=(*steps[:-1], _journal.Step(names[-1], {})))
    assert not begun.is_complete


@pytest.mark.parametrize("direction", ["roll_back", "resume"])
def test_what_is_past_its_last_step_is_finished_and_never_undone(
    journal: Journal, direction: _journal.Direction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end could not be written, or its run was killed right before it was."""
    warnings: list[str] = []
    told = dataclasses.replace(journal, warn=warnings.append)
    with monkeypatch.context() as patched:
        patched.setattr(Store, "end", _refuse)
        with told.begin("clone", "web-1", {**URI, **_LAST}, Undoer()) as transaction:
            step_through(transaction, "start", "start")
    assert "has done all of its steps, but the journal could not note its end: full" in warnings[0]
    (record,) = journal.list_unfinished()
    undoer = Undoer()
    assert journal.recover(record, undoer, direction)
    assert undoer.rolled_back == undoer.resumed == []
    assert [record.state for record in journal.list_records()] == ["finished"]


def _refuse(*_arguments: object) -> None:
    raise NoSpace("full")


def test_what_fails_after_the_last_step_is_not_undone_either(journal: Journal) -> None:
    undoer = Undoer()

    def run() -> None:
        with journal.begin("clone", "web-1", {**URI, **_LAST}, undoer) as transaction:
            step_through(transaction, "start", "start")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run()
    assert undoer.rolled_back == []
    assert [record.state for record in journal.list_records()] == ["finished"]


_IN_A_SMALL_FILE_SYSTEM: t.Final = """
import contextlib, os, subprocess, sys
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NoSpace
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal

folder, size, moment = sys.argv[1:]
subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "none", folder], check=True)
journal = Journal(f"{folder}/journal.sqlite", warn=print)

class Undoer:
    def roll_back(self, record):
        print("undone", [step.name for step in record.steps])

def fill():
    with contextlib.suppress(OSError), open(f"{folder}/filler", "wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))

try:
    with journal.begin("clone", "web-1", {"uri": "test:///"}, Undoer()) as transaction:
        if moment == "first":
            fill()
        for number in range(15):
            step = transaction.begin_step("start", name="web-1", text="x" * 2000)
            transaction.finish_step(step)
        fill()
    print("ended well")
except NoSpace as error:
    print("refused:", error.message)
os.unlink(f"{folder}/filler") if os.path.exists(f"{folder}/filler") else None
print([(record.state, len(record.steps)) for record in journal.list_records()])
"""


def in_a_small_file_system(folder: Path, size: str, moment: str) -> list[str]:
    """Return what a run says whose journal lies in a file system that is full at that moment."""
    command = ["unshare", "--map-root-user", "--mount", sys.executable, "-c"]
    done = subprocess.run(
        [*command, _IN_A_SMALL_FILE_SYSTEM, str(folder), size, moment],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(collections_path()), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no file system can be mounted here: {done.stderr}")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("size", "moment", "expected"),
    [
        ("2m", "last", ["ended well", "[('finished', 15)]"]),
        ("2m", "first", ["undone ['start']", "refused: ", "[('rolled_back', 1)]"]),
        ("64k", "last", ["refused: journal: there is no room left for", "[]"]),
    ],
)
def test_there_is_room_for_the_last_row_or_nothing_begins(
    tmp_path: Path, size: str, moment: str, expected: list[str]
) -> None:
    """A disk that is full when all is done leaves a record that says so, for the next run would undo it."""
    said = in_a_small_file_system(tmp_path, size, moment)
    assert len(said) == len(expected), said
    assert all(line.startswith(start) for line, start in zip(said, expected, strict=True)), said
