# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of another host: read there by a program over SSH, and believed no further than its rows make sense.

In SSH's place stands a program that runs here what it is to run there.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import typing as t
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory import (
    remote_journal,
    tables,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.listing import (
    list_domains,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.reader import LookRequest
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.request import (
    ListingRequest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.rows import Selection
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
from ansible_collections.headroom.libvirt.plugins.module_utils._recovery.everywhere import (
    list_everywhere,
)

from tools import local_ssh
from tools.inventories import Inventories, domain


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A journal with one transaction that has ended, and one that has not."""
    journal = Journal(str(tmp_path / "state" / "journal.sqlite"))
    with journal.begin("clone", "web-0", {"uri": "qemu:///system"}):
        pass
    with (
        contextlib.suppress(ZeroDivisionError),
        journal.begin("clone", "web-1, web-2", {"uri": "qemu:///system"}),
    ):
        raise ZeroDivisionError
    return journal


@pytest.fixture
def ssh(tmp_path: Path) -> str:
    return local_ssh.make_command(tmp_path)


def fetch(uri: str, journal: Journal, *, unfinished: bool = False) -> list[tuple[str, str, bool]]:
    records = remote_journal.fetch_records(uri, journal.path, timeout=30.0, unfinished=unfinished)
    return [(record.subject, record.state, record.alive) for record in records]


def test_records_are_as_they_are_there(journal: Journal, ssh: str) -> None:
    uri = f"qemu+ssh://kvm1/system?{ssh}"
    with journal.begin("migrate", "db", {"uri": "qemu:///system"}):
        assert fetch(uri, journal) == [
            ("web-0", "finished", False),
            ("web-1, web-2", "unfinished", False),
            ("db", "unfinished", True),
        ]
    assert fetch(uri, journal, unfinished=True) == [("web-1, web-2", "unfinished", False)]
    assert [record.id for record in journal.list_records()] == [
        record.id
        for record in remote_journal.fetch_records(
            uri, journal.path, timeout=30.0, unfinished=False
        )
    ]


def test_a_look_changes_and_makes_nothing(journal: Journal, ssh: str, tmp_path: Path) -> None:
    before, files = journal.list_records(), sorted(Path(journal.path).parent.rglob("*"))
    fetch(f"qemu+ssh://kvm1/system?{ssh}", journal)
    assert (journal.list_records(), sorted(Path(journal.path).parent.rglob("*"))) == (before, files)
    missing = Journal(str(tmp_path / "nowhere" / "journal.sqlite"))
    assert fetch(f"qemu+ssh://kvm1/system?{ssh}", missing) == []
    assert not (tmp_path / "nowhere").exists()


def test_what_is_unfinished_everywhere_is_told_with_its_host(journal: Journal, ssh: str) -> None:
    uris = [f"qemu+ssh://kvm1/system?{ssh}", "qemu+tls://kvm2/system", f"qemu+ssh://kvm3/?{ssh}"]
    params = {
        "uris": uris,
        "journal": journal.path,
        "timeout": 30.0,
        "parallel": 2,
        "state": "unfinished",
        "kind": None,
        "subject": "web-1",
    }
    result = list_everywhere(params, 2e9)
    assert [(row["subject"], row["host"], row["uri"]) for row in result["transactions"]] == [
        ("web-1, web-2", uri, "qemu:///system") for uri in uris[::2]
    ]
    assert [host["problem"] is None for host in result["hosts"]] == [True, False, True]
    assert "read by SSH alone" in result["hosts"][1]["problem"]
    assert list_everywhere({**params, "kind": "migrate"}, 2e9)["transactions"] == []


def test_a_time_that_is_none_keeps_no_host_from_being_read(journal: Journal, ssh: str) -> None:
    with contextlib.closing(sqlite3.connect(journal.path)) as connection:
        connection.execute("UPDATE record SET started = 'long ago'")
        connection.commit()
    limits = {"timeout": 30.0, "parallel": 2, "state": "all", "kind": None, "subject": None}
    uri = f"qemu+ssh://kvm1/system?{ssh}"
    result = list_everywhere({"uris": [uri], "journal": journal.path, **limits}, 2e9)
    assert {row["started"] for row in result["transactions"]} == {"1970-01-01T00:00:00Z"}
    assert result["hosts"][0]["problem"] is None


def test_a_domain_that_is_read_over_ssh_tells_what_its_own_host_left(
    journal: Journal, ssh: str, tmp_path: Path
) -> None:
    Inventories(tmp_path).host("k1", domain("web-1"), domain("web-3"))
    uri = f"test+ssh://kvm1{tmp_path}/k1.xml?{ssh}"
    look = LookRequest(tables=remote_journal.build_request(journal.path))
    listing = list_domains(ListingRequest([uri], look, Selection(), records=[]))
    assert [host["problem"] for host in listing.hosts] == [None]
    assert [[row["kind"] for row in found["transactions"]] for found in listing.domains] == [
        ["clone"],
        [],
    ]
    assert listing.domains[0]["machine"]["uri"] == uri


@pytest.mark.parametrize("spoil", ["folder", "link", "text"])
def test_what_is_no_journal_is_told(journal: Journal, tmp_path: Path, spoil: str) -> None:
    path = tmp_path / "spoilt"
    if spoil == "folder":
        path.mkdir()
    elif spoil == "link":
        path.symlink_to(journal.path)
    else:
        path.write_text("no database" * 100)
    answer = tables.read_tables(remote_journal.build_request(str(path)))
    with pytest.raises(HeadroomError, match="cannot be read"):
        remote_journal.read_records(answer, unfinished=False)


def test_a_user_has_a_journal_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/ada")
    answer = tables.read_tables(remote_journal.build_request(None))
    assert answer == {"path": "/home/ada/.local/state/headroom/journal.sqlite", "absent": True}


def spoil(answer: dict[str, t.Any], **changes: t.Any) -> t.Any:
    return {**json.loads(json.dumps(answer)), **changes}


def test_a_host_may_answer_anything(journal: Journal) -> None:
    answer = tables.read_tables(remote_journal.build_request(journal.path))
    assert len(remote_journal.read_records(answer, unfinished=False)) == 2
    columns, rows = answer["tables"]["record"]
    spoilt = [
        None,
        [],
        {},
        spoil(answer, version="many"),
        spoil(answer, held=None),
        spoil(answer, tables={}),
        spoil(answer, tables={"record": [columns]}),
        spoil(answer, tables={"record": [columns, [[{}] * len(columns)]]}),
        spoil(answer, tables={"record": [columns, [[2**70] * len(columns)]]}),
        spoil(answer, tables={"record": [columns, [row[:2] for row in rows]]}),
        spoil(answer, tables={"record": [columns, rows * 2]}),
    ]
    for strange in spoilt:
        with pytest.raises(HeadroomError):
            remote_journal.read_records(strange, unfinished=False)


def test_columns_of_another_release_are_left_out_and_a_newer_schema_is_refused(
    journal: Journal,
) -> None:
    answer = tables.read_tables(remote_journal.build_request(journal.path))
    columns, rows = answer["tables"]["record"]
    more = [[*columns, 'x"; DROP TABLE record'], [[*row, 1] for row in rows]]
    assert (
        len(remote_journal.read_records(spoil(answer, tables={"record": more}), unfinished=False))
        == 2
    )
    with pytest.raises(Unsupported, match="a newer release"):
        remote_journal.read_records(spoil(answer, version=99), unfinished=False)


def test_the_database_of_another_program_is_no_journal(tmp_path: Path) -> None:
    path = tmp_path / "foreign.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmark (url TEXT)")
    answer = tables.read_tables(remote_journal.build_request(str(path)))
    with pytest.raises(HeadroomError, match="another program's"):
        remote_journal.read_records(answer, unfinished=False)


def test_a_record_that_cannot_be_read_is_a_record_with_a_problem(journal: Journal) -> None:
    with contextlib.closing(sqlite3.connect(journal.path)) as connection:
        connection.execute("UPDATE record SET steps = 'x' WHERE state = 'unfinished'")
        connection.commit()
    answer = tables.read_tables(remote_journal.build_request(journal.path))
    (record,) = remote_journal.read_records(answer, unfinished=True)
    assert record.unreadable is not None
