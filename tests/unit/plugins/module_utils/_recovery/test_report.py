# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What other releases left in the journal is told, and never kept from telling the rest; it is acted on only whole."""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
import typing as t
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import read_row
from ansible_collections.headroom.libvirt.plugins.module_utils._persisted import UnreadableShape
from ansible_collections.headroom.libvirt.plugins.module_utils._recovery.apply import (
    RecoveryChoice,
    ensure,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._recovery.registry import KINDS
from ansible_collections.headroom.libvirt.plugins.module_utils._recovery.report import (
    describe_transaction,
)

RELEASED = sorted((Path(__file__).parents[3] / "released").iterdir())
Row = dict[str, t.Any]


def rows_of(release: Path) -> list[Row]:
    rows: list[Row] = json.loads((release / "journal.json").read_text(encoding="utf-8"))
    return rows


def of_kind(kind: str) -> Row:
    rows = itertools.chain.from_iterable(map(rows_of, RELEASED))
    return next(row for row in rows if row["kind"] == kind)


def test_every_kind_is_among_them() -> None:
    """Those that no release has written yet are in ``unreleased``, which becomes the next one's."""
    rows = itertools.chain.from_iterable(map(rows_of, RELEASED))
    assert {row["kind"] for row in rows} == set(KINDS)


def put_in(journal: Journal, rows: t.Iterable[Row]) -> Journal:
    """Write the rows into the journal's file as they are, as another release would."""
    with contextlib.suppress(RuntimeError), journal.begin("clone", "none", {"uri": "test:///"}):
        raise RuntimeError
    with contextlib.closing(sqlite3.connect(journal.path, isolation_level=None)) as file:
        file.execute("DELETE FROM record")
        for row in rows:
            texts = {
                key: value if isinstance(value, str) else json.dumps(value)
                for key, value in row.items()
                if key in {"intent", "steps"}
            }
            file.execute(
                "INSERT INTO record (id, kind, subject, intent, steps, started, state) "
                "VALUES (:id, :kind, :subject, :intent, :steps, :started, 'unfinished')",
                {**row, **texts},
            )
    return journal


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(str(tmp_path / "journal.sqlite"), warn=pytest.fail)


@pytest.mark.parametrize("release", RELEASED, ids=lambda path: path.name)
def test_what_a_release_left_is_understood(release: Path, journal: Journal) -> None:
    records = put_in(journal, rows_of(release)).list_unfinished()
    assert records
    for record in records:
        row = describe_transaction(record, 0.0)
        assert row["roll_back"], record
        assert row["resume"], record
        assert row["problem"] is None or "left" in row["problem"]


def change(row: Row, **changes: t.Any) -> Row:
    return {**row, **changes}


def with_step(row: Row, name: str, arguments: t.Any) -> Row:
    return change(row, steps=[*row["steps"], {"name": name, "arguments": arguments}])


UNREADABLE = {
    "another format": lambda row: change(row, intent={**row["intent"], "format": 99}),
    "a step that is not known": lambda row: with_step(row, "firewall", {"name": "x"}),
    "a step without arguments": lambda row: change(row, steps=[{"name": "volume"}]),
    "steps that are none": lambda row: change(row, steps={"name": "volume"}),
    "a step that is none": lambda row: change(row, steps=["volume"]),
    "an intent that is none": lambda row: change(row, intent=["uri"]),
    "an intent that is cut off": lambda row: change(row, intent='{"uri": "qemu:///sys'),
    "steps that are cut off": lambda row: change(row, steps='[{"name": "vol'),
    "deep nesting": lambda row: change(row, steps="[" * 100_000),
    "a step whose name is none": lambda row: with_step(row, ["volume"], {}),  # type: ignore[arg-type]
    "a step in no state": lambda row: change(
        row, steps=[{"name": "volume", "arguments": {}, "state": "half"}]
    ),
    "a host that is none": lambda row: change(row, intent={**row["intent"], "uri": ["qemu:///"]}),
}


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("damage", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_not_understood_is_one_row_with_a_problem(
    damage: t.Callable[[Row], Row], kind: str, journal: Journal
) -> None:
    broken = damage(of_kind(kind))
    others = [row for row in rows_of(RELEASED[0]) if row["id"] != broken["id"]]
    records = put_in(journal, [broken, *others]).list_unfinished()
    rows = {row["id"]: row for row in (describe_transaction(record, 0.0) for record in records)}
    assert len(rows) == len(others) + 1
    assert (
        "cannot be read" in rows[broken["id"]]["problem"]
        or "format" in rows[broken["id"]]["problem"]
    )
    assert rows[broken["id"]]["roll_back"] == rows[broken["id"]]["resume"] == []
    assert all(rows[row["id"]]["roll_back"] for row in others)


@pytest.mark.parametrize("damage", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("state", ["rolled_back", "resumed"])
@pytest.mark.parametrize("dry_run", [True, False])
def test_what_is_not_understood_is_not_acted_on(
    damage: t.Callable[[Row], Row], state: t.Any, dry_run: bool, journal: Journal
) -> None:
    broken = damage(of_kind("clone"))
    put_in(journal, [broken])
    with pytest.raises(UnreadableShape):
        ensure(journal, RecoveryChoice(state, id=broken["id"]), 0.0, dry_run=dry_run)
    with contextlib.closing(sqlite3.connect(journal.path)) as file:
        kept = file.execute("SELECT intent, steps, state FROM record").fetchone()
    texts = [
        broken[key] if isinstance(broken[key], str) else json.dumps(broken[key])
        for key in ("intent", "steps")
    ]
    assert list(kept) == [*texts, "unfinished"]


def test_more_than_is_known_is_passed_over(journal: Journal) -> None:
    row = of_kind("migrate")
    row["intent"]["novel"] = 1
    row["intent"]["disks"][0]["novel"] = 1
    row["steps"][0]["novel"] = 1
    (record,) = put_in(journal, [row]).list_unfinished()
    assert describe_transaction(record, 0.0)["roll_back"]


def test_less_than_is_needed_is_told(journal: Journal) -> None:
    row = of_kind("migrate")
    del row["intent"]["was_running"]
    (record,) = put_in(journal, [row]).list_unfinished()
    assert "was_running" in describe_transaction(record, 0.0)["problem"]


STRANGE: t.Final[tuple[t.Any, ...]] = (
    None,
    True,
    -1,
    10**400,
    "",
    "\ud800",
    [],
    ["x"],
    {},
    {"a": 1},
    [[1]],
    [{}],
)


def iterate_spoilt(data: t.Any) -> t.Iterator[t.Any]:
    """Yield ``data`` with each of its values in turn taken away, or replaced by something else."""
    for key in data if isinstance(data, dict) else range(len(data)):
        for value in STRANGE:
            yield _put(data, key, value)
        if isinstance(data, dict):
            yield {name: value for name, value in data.items() if name != key}
        if isinstance(data[key], (dict, list)):
            yield from (_put(data, key, inner) for inner in iterate_spoilt(data[key]))


def _put(data: t.Any, key: t.Any, value: t.Any) -> t.Any:
    changed = data.copy()
    changed[key] = value
    return changed


@pytest.mark.parametrize("part", ["intent", "steps"])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_whatever_a_record_holds_it_is_told(kind: str, part: str) -> None:
    """D9: a value of another kind than this release expects is one row with a problem, and no exception."""
    row = of_kind(kind)
    for spoilt in iterate_spoilt(row[part]):
        texts = {key: json.dumps({**row, part: spoilt}[key]) for key in ("intent", "steps")}
        record = read_row(
            [row["id"], kind, "x", *texts.values(), row["started"], "unfinished", None, None]
        )
        json.dumps(describe_transaction(record, 0.0))


@pytest.mark.parametrize("started", [1e300, -1.0, float("inf"), float("nan"), "monday", b"\xff"])
def test_a_time_that_is_none_spoils_nothing(started: t.Any) -> None:
    """D10: a clock that ran wild once."""
    row = of_kind("clone")
    texts = [json.dumps(row[key]) for key in ("intent", "steps")]
    record = read_row([row["id"], "clone", "web-1", *texts, started, "unfinished", None, None])
    described = describe_transaction(record, 0.0)
    assert (described["started"], bool(described["roll_back"])) == ("1970-01-01T00:00:00Z", True)


def test_a_byte_that_changed_spoils_one_record(journal: Journal) -> None:
    put_in(journal, rows_of(RELEASED[0]))
    with contextlib.closing(sqlite3.connect(journal.path, isolation_level=None)) as file:
        file.create_function("spoil", 1, lambda text: text.encode() + b"\xff")
        file.execute("UPDATE record SET intent = CAST(spoil(intent) AS TEXT) WHERE kind = 'clone'")
        file.execute(
            "UPDATE record SET subject = CAST(spoil(subject) AS TEXT) WHERE kind = 'migrate'"
        )
    rows = [describe_transaction(record, 0.0) for record in journal.list_unfinished()]
    assert len(rows) == len(rows_of(RELEASED[0]))
    assert ["no text" in (row["problem"] or "") for row in rows] == [
        row["kind"] == "clone" for row in rows
    ]


def test_a_row_of_nothing_is_still_a_record() -> None:
    record = read_row(["1", "clone", "web-1", "null", "null", 0.0, "unfinished", None, None])
    assert record.unreadable
    assert record.uri is None
