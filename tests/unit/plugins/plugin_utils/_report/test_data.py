# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What lies beside a page: for spreadsheets, which compute, and for programs."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import zoneinfo

import pytest

from ansible_collections.headroom.libvirt.plugins.plugin_utils._report.data import render_data
from ansible_collections.headroom.libvirt.plugins.plugin_utils._report.estate import read_guests
from ansible_collections.headroom.libvirt.plugins.plugin_utils._report.fleets import read_fleet
from ansible_collections.headroom.libvirt.plugins.plugin_utils._report.page import Report

NIGHT = 1_792_886_400  # 2026-10-25 00:00 UTC


def build(name: str) -> Report:
    slots = [
        {"timestamp": NIGHT + 600 * slot, "value": 10.0 if slot % 3 else None, "whole": True}
        for slot in range(12)
    ]
    fleet = {"name": name, "interval": 600, "past": [{"history": slots, "decisions": []}]}
    domain = {"name": name, "state": "running", "fleet": None, "tenant": None}
    return Report(
        title="t",
        now=NIGHT + 7200.0,
        fleets=[read_fleet(fleet, NIGHT + 7200.0)],
        hosts=[],
        guests=read_guests([{"name": "kvm1", "domains": [domain]}]),
        tenants=[],
        zone=zoneinfo.ZoneInfo("Europe/Berlin"),
    )


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '=HYPERLINK("x")'])
def test_a_spreadsheet_computes_nothing_that_a_guest_chose(name: str) -> None:
    files = render_data(build(name), ["csv", "json"])
    rows = read(files[".guests.csv"])
    assert rows[1][0] == f"'{name}"
    assert all(row[0] == f"'{name}" for row in read(files[".demand.csv"])[1:])
    assert json.loads(files[".json"])["guests"][0]["name"] == name


def test_names_and_gaps_come_through() -> None:
    files = render_data(build('a "b", c\nd'), ["csv"])
    rows = read(files[".demand.csv"])
    assert {row[0] for row in rows[1:]} == {'a "b", c\nd'}
    assert [row[2] for row in rows[1:4]] == ["", "10.0", "10.0"]


def test_no_moment_is_there_twice_in_the_night_in_which_clocks_go_back() -> None:
    rows = read(render_data(build("web"), ["csv"])[".demand.csv"])
    moments = [row[1] for row in rows[1:]]
    assert len(set(moments)) == len(moments) > 12
    assert moments[0] == "2026-10-25T02:00:00+02:00"
    assert moments[6] == "2026-10-25T02:00:00+01:00"


def test_only_what_is_asked_for_is_made_and_hosts_are_the_operators() -> None:
    report = build("web")
    assert set(render_data(report, [])) == set()
    assert set(render_data(report, ["json"])) == {".json"}
    tables = {".demand.csv", ".decisions.csv", ".guests.csv"}
    assert set(render_data(report, ["csv"])) == {*tables, ".hosts.csv"}
    of_tenant = dataclasses.replace(report, tenant="acme")
    assert set(render_data(of_tenant, ["csv"])) == tables
