# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules of the self-test: over libvirt's test driver, and what they write."""

from __future__ import annotations

import contextlib
import types
import typing as t
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
from ansible_collections.headroom.libvirt.plugins.module_utils._selftest.certificates import (
    parse_expiry,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._selftest.model import Finding
from ansible_collections.headroom.libvirt.plugins.module_utils._selftest.render import (
    render_html,
    render_junit,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._selftest.request import (
    describe_cluster,
)
from ansible_collections.headroom.libvirt.plugins.modules import host_selftest_info

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )


def run(connection: Connection, tmp_path: Path, **params: t.Any) -> dict[str, t.Any]:
    defaults = {
        name: option.get("default") for name, option in host_selftest_info.ARGUMENTS.options.items()
    }
    own = {"journal": str(tmp_path / "j.sqlite"), "history": str(tmp_path / "h.sqlite")}
    module = types.SimpleNamespace(
        params={**defaults, **own, **params}, warn=print, check_mode=False
    )
    return host_selftest_info.test_host(connection, t.cast("t.Any", module))


def test_a_host_is_looked_at_and_nothing_is_made(node: Connection, tmp_path: Path) -> None:
    node.handle.defineXMLFlags(
        "<domain type='test'><name>web-1</name><memory>1024</memory><os><type>hvm</type></os><devices>"
        "<disk type='file' device='disk'><source file='/nowhere/a.img'/><target dev='vda'/></disk>"
        "<interface type='network'><mac address='52:54:00:00:00:01'/><source network='lan'/></interface>"
        "</devices></domain>",
        0,
    )
    before = sorted(tmp_path.iterdir())
    result = run(node, tmp_path, controller_time=1.0)
    assert sorted(tmp_path.iterdir()) == before
    faults = {row["check"]: row for row in result["findings"] if row["status"] == "fail"}
    assert faults["guest_files"]["subject"] == "web-1"
    assert "/nowhere/a.img" in faults["guest_files"]["detail"]
    assert "lan" in faults["guest_network"]["detail"]
    assert result["summary"]["fail"] >= 2
    assert result["clock"]["before"] == 1.0
    (guest,) = result["shared"]["guests"]
    assert guest["macs"] == ["52:54:00:00:00:01"]


def test_a_journal_that_others_may_write_is_found(node: Connection, tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    journal = folder / "journal.sqlite"
    journal.touch()
    folder.chmod(0o777)
    rows = run(node, tmp_path, journal=str(journal))["findings"]
    (store,) = (row for row in rows if row["check"] == "stores" and row["status"] == "fail")
    assert store["subject"] == str(journal)
    assert "every user may write" in store["detail"]


def test_a_peer_that_does_not_answer_is_a_finding(node: Connection, tmp_path: Path) -> None:
    result = run(node, tmp_path, peers=["test:///nowhere/node.xml"])
    (peer,) = (row for row in result["findings"] if row["check"] == "peer")
    assert peer["status"] == "fail"
    assert peer["subject"] == "test:///nowhere/node.xml"


def leave_unfinished(journal: Journal) -> None:
    with (
        contextlib.suppress(KeyboardInterrupt),
        journal.begin("clone", "web-9", {"uri": "test:///"}) as transaction,
    ):
        transaction.begin_step("define", name="web-9")
        raise KeyboardInterrupt


def test_a_dead_run_is_told_with_its_remedy(node: Connection, tmp_path: Path) -> None:
    leave_unfinished(Journal(str(tmp_path / "j.sqlite"), warn=print))
    (finding,) = (row for row in run(node, tmp_path)["findings"] if row["check"] == "transaction")
    assert f"id: {finding['subject']}" in finding["remedy"]


SHARED: dict[str, t.Any] = {
    "hostname": "kvm1",
    "uuid": "u1",
    "machine_id": "m1",
    "libvirt_version": "9.0.0",
    "hypervisor_version": "7.2.0",
    "cpu": {"model": "EPYC"},
    "pools": [],
    "networks": [],
    "appliances": {},
    "guests": [],
}


def describe(*hosts: dict[str, t.Any]) -> dict[str, t.Any]:
    rows = [{"report": None, "after": None, "findings": [], **host} for host in hosts]
    return describe_cluster({"hosts": rows, "title": "T", "now": 0.0})


def test_a_cluster_is_put_together() -> None:
    report = {
        "shared": SHARED,
        "findings": [{"check": "kvm", "status": "warn", "detail": "no", "remedy": "yes"}],
        "clock": {"reading": 50.0, "before": 100.0},
    }
    result = describe(
        {"name": "kvm1", "report": report, "after": 101.0},
        {"name": "kvm2", "findings": [{"check": "tried", "status": "fail", "detail": "x"}]},
    )
    assert [(row["host"], row["check"], row["status"]) for row in result["findings"]] == [
        ("", "clock", "fail"),
        ("", "reachable", "fail"),
        ("kvm1", "kvm", "warn"),
        ("kvm2", "tried", "fail"),
    ]
    assert result["summary"] == {"fail": 3, "warn": 1, "pass": 0}
    assert result["lines"][0].startswith("fail, between hosts, clock, kvm1: its clock is 50 s")
    assert not result["changed"]


@pytest.mark.parametrize(
    "row", [{}, {"check": "a", "status": "good"}, {"check": 3, "status": "pass"}]
)
def test_what_is_no_finding_is_refused(row: dict[str, t.Any]) -> None:
    with pytest.raises(InvalidInput, match="findings"):
        describe({"name": "kvm1", "findings": [row]})


HOSTILE = "</failure>\x00]]><script>alert('x')</script>{{ 7 * 7 }}\ud800"
REPORT = {
    "": [Finding("cluster", "pass", "all is well")],
    "kvm1": [
        Finding("guest_state", "fail", HOSTILE, HOSTILE, HOSTILE),
        Finding("kvm", "warn", HOSTILE),
    ],
}


def test_junit_holds_what_was_found_whatever_guests_are_called() -> None:
    root = ET.fromstring(render_junit(REPORT, HOSTILE, "2026-05-04T09:30:00Z"))  # noqa: S314
    assert [suite.get("name") for suite in root] == ["between hosts", "kvm1"]
    assert (root.get("tests"), root.get("failures")) == ("3", "1")
    failed = [case for case in root.iter("testcase") if case.find("failure") is not None]
    assert len(failed) == 1
    assert "script" in (failed[0].findtext("failure") or "")
    assert (root.findtext(".//system-out") or "").startswith("Warning: ")


def test_the_page_has_no_element_of_a_guests() -> None:
    page = render_html(REPORT, HOSTILE, "now")
    assert "<script" not in page
    assert page.count('class="fail"') == 1
    assert "1 failed, 1 warnings, 1 passed." in page


@given(st.text(), st.text())
def test_any_text_makes_sound_xml(detail: str, subject: str) -> None:
    report = {"kvm1": [Finding("x", "fail", detail, subject, detail)]}
    assert len(ET.fromstring(render_junit(report, "T", "now"))) == 1  # noqa: S314


def test_what_openssl_says_of_an_expiry() -> None:
    assert parse_expiry("notAfter=Jan  2 00:00:00 1970 GMT\n") == 86400.0
    assert parse_expiry("unable to load certificate") is None
    assert parse_expiry("") is None
