# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sweep ends what nobody needs, tells what it keeps, and does nothing in check mode."""

from __future__ import annotations

import contextlib
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._domain import unended
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
from ansible_collections.headroom.libvirt.plugins.module_utils._recovery import sweep
from ansible_collections.headroom.libvirt.plugins.module_utils._recovery.sweep import (
    Sweep,
    list_exports,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.exports import ExportRef
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import Service
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import Metadata

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

UUID = "5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55"
GONE, AWAY = "headroom-export-0123456789ab", "headroom-export-ba9876543210"
HELPER = (
    "<domain type='test'><name>{}</name><memory>8192</memory><os><type>hvm</type></os></domain>"
)


@pytest.fixture
def swept(
    node: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> t.Callable[..., dict[str, t.Any]]:
    """Sweeps a host with two exports, and follows two notes; of each the second host does not answer."""
    # libvirt's test driver begins anew with each connection
    monkeypatch.setattr(sweep, "open_connection", lambda _uri, **_: contextlib.nullcontext(node))
    for name, uri in ((GONE, "test:///default"), (AWAY, "test:///nowhere.xml")):
        helper = node.handle.createXML(HELPER.format(name), 0)
        domains.set_metadata(helper, Metadata(service=Service(uri, UUID)))
    journal = Journal(str(tmp_path / "journal.sqlite"), warn=pytest.fail)
    for helper_name, uri in (("headroom-export-1", node.uri), ("headroom-export-2", "test:///no")):
        ref = ExportRef(uri, helper_name)
        unended.note(journal, node, UUID, ref, NotFound("it was away"))

    def run(*, dry_run: bool) -> dict[str, t.Any]:
        warnings: list[str] = []
        result = Sweep(journal, node.uri, 5.0, 0.0, warnings.append, dry_run).run()
        return {**result, "warnings": warnings}

    return run


def exports(node: Connection) -> dict[str, str]:
    return {row["name"]: row["state"] for row in list_exports(node.uri, 5.0, 0.0)}


def test_what_is_proven_to_be_needed_by_nobody_ends(
    node: Connection, swept: t.Callable[..., dict[str, t.Any]]
) -> None:
    before = {GONE: "unneeded", AWAY: "unknown"}
    assert exports(node) == before
    planned = swept(dry_run=True)
    assert exports(node) == before
    assert planned["changed"]
    result = swept(dry_run=False)
    assert exports(node) == {AWAY: "unknown"}
    assert result["changed"]
    assert {row["name"]: row["state"] for row in result["exports"]} == before
    assert (
        f"Stop the export {GONE}: no machine of test:///default reads from it." in result["actions"]
    )
    again = swept(dry_run=False)
    assert not again["changed"], "what is kept is no change"


def test_notes_are_followed_up_where_the_host_is_back(
    swept: t.Callable[..., dict[str, t.Any]],
) -> None:
    result = swept(dry_run=False)
    states = {row["subject"]: row["state"] for row in result["transactions"]}
    assert states == {"headroom-export-1": "resumed", "headroom-export-2": "unfinished"}
    (warning,) = result["warnings"]
    assert "headroom-export-2 on test:///no" in warning
    again = swept(dry_run=False)
    assert [row["subject"] for row in again["transactions"]] == ["headroom-export-2"]
