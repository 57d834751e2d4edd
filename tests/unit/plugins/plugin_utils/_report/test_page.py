# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of a report, of what guests chose to be called."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.plugin_utils._report import page

NOW = 1_795_392_000.0


def build_outlook(name: str) -> dict[str, t.Any]:
    runway = {
        "kind": "pool",
        "host": name,
        "name": name,
        "unit": "bytes",
        "used": 1.0,
        "limit": 2.0,
        "reached": False,
        "low": NOW,
        "median": NOW + 30 * 86_400,
        "high": None,
        "until": NOW + 60 * 86_400,
        "asked": 9,
        "covered": 8,
    }
    fleet = {"fleet": name, "short": 2, "lasting": 1, "message": f"{name} loses 2 of 3 machines."}
    loss = {"host": name, "when": "now", "timestamp": NOW, "lost": 2, "short": 2, "lasting": 1}
    return {
        "timestamp": NOW,
        "share": 0.8,
        "runways": [
            runway,
            {**runway, "kind": "memory", "name": "", "median": None},
            {**runway, "kind": "fleet", "host": None, "unit": name, "low": None, "median": None},
            {**runway, "reached": True},
            {**runway, "low": None, "median": None, "until": None, "asked": 0, "used": None},
        ],
        "losses": [
            {**loss, "others": 1, "fleets": [fleet]},
            {**loss, "when": "peak", "short": 0, "lasting": 0, "others": 0, "fleets": []},
        ],
        "problems": [name],
    }


def build_params(name: str) -> dict[str, t.Any]:
    decision = {
        "timestamp": NOW - 300,
        "interval": 300,
        "fleet": name,
        "mode": "act",
        "demand": 1.0,
        "unit": name,
        "capacity": 1.0,
        "forecast": {"value": 1, "upper": 2, "at": NOW},
        "machines": {"current": 1, "target": 2, "needed": 1},
        "alert": {"raised": True, "reason": name},
        "reasons": [name],
        "actions": [{"action": "create", "name": name, "host": name}],
        "error": None,
    }
    history = [{"timestamp": NOW - age, "value": 1, "whole": True} for age in (900, 600, 300)]
    domain = {"name": name, "state": "running", "fleet": name, "tenant": "acme"}
    past = {"history": history, "decisions": [decision, {**decision, "timestamp": NOW}]}
    return {
        "title": name,
        "machine": {},
        "hosts": [{"name": name, "facts": None, "domains": [domain]}],
        "fleets": [{"name": name, "tenant": "acme", "past": [past]}],
        "quotas": {},
        "transactions": [{"kind": "clone", "subject": name, "host": name, "started": name}],
        "backtest": None,
        "outlook": build_outlook(name),
    }


@pytest.mark.parametrize("character", ["\0", "\x1b", "\ud800", "\ufffe", "\x7f", "\u202e"])
def test_a_name_that_no_page_can_have_makes_no_report_fail(character: str) -> None:
    """S19: one guest's name keeps nobody from the report."""
    report = page.build_report(build_params(f"web{character}1"), NOW)
    for text in (page.render(report), page.render(report.select_tenant("acme"))):
        assert text.encode()
        assert "web" in text
        assert character not in text or character in "\x7f\u202e"


def test_a_name_is_text_and_no_markup() -> None:
    name = "<script>alert(1)</script>{{ 7 * 7 }}\"'"
    text = page.render(page.build_report(build_params(name), NOW))
    assert "<script>alert" not in text
    assert "{{ 7 * 7 }}" in text


def test_what_is_foreseen_is_on_the_operators_page_alone() -> None:
    report = page.build_report(build_params("web"), NOW)
    text = page.render(report)
    assert "8 of 9" in text
    assert "In 8 of 10 cases" in text
    assert "web loses 2 of 3 machines." in text
    assert report.outlook is not None
    assert [row.level for row in report.outlook.near] == ["warn", "warn", "bad"]
    assert [row.label for row in report.outlook.near] == ["Pool web", "Memory", "Pool web"]
    assert len(report.outlook.far) == 2
    assert report.outlook.exposed == ("web",)
    assert "What runs short" not in page.render(report.select_tenant("acme"))


def test_what_nobody_looked_at_is_not_told_and_what_is_empty_says_what_to_do() -> None:
    params = build_params("web")
    assert "What runs short" not in page.render(page.build_report({**params, "outlook": None}, NOW))
    nothing = {**params["outlook"], "runways": [], "losses": [], "problems": []}
    text = page.render(page.build_report({**params, "outlook": nothing}, NOW))
    assert "Nothing is recorded yet." in text
    assert "No host that answered was looked at." in text
