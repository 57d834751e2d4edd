# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The dashboards are what the tables say, ask for nothing that is not told, and no panel lies upon another."""

from __future__ import annotations

import itertools
import json
import re
import typing as t

import pytest
import yaml

from ansible_collections.headroom.libvirt.plugins.module_utils._host import openmetrics as hosts
from ansible_collections.headroom.libvirt.plugins.module_utils._provision import (
    openmetrics as fleets,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._stats import openmetrics as guests

from tools import dashboards
from tools.checkout import ROOT

NAMES = [dashboard.name for dashboard in dashboards.DASHBOARDS]
METRIC = re.compile(r"\b(?:libvirt_domain|headroom_(?:fleet|host))_\w+")


def list_told() -> set[str]:
    """Return the names of all that is told: every family has its line even where it has no sample."""
    host: dict[str, t.Any] = {
        **{name: [] for name in ("health", "guests", "pools")},
        "maintenance": None,
        "domains": {},
        **dict.fromkeys(("hostname", "libvirt_version", "hypervisor", "hypervisor_version")),
        "cpu": {"threads": None},
        "memory": dict.fromkeys(("total_bytes", "available_bytes")),
        "allowed": dict.fromkeys(("vcpus", "memory_bytes")),
        "free": dict.fromkeys(("vcpus", "memory_bytes")),
        "committed": dict.fromkeys(
            ("running", "defined"), dict.fromkeys(("vcpus", "memory_bytes"))
        ),
    }
    texts = (
        hosts.render_host(host, hosts.Watch(0.0)),
        fleets.render([]),
        guests.render_exposition([]),
    )
    told = {line.split()[2] for text in texts for line in text.splitlines() if "# TYPE" in line}
    return told | {
        f"{metric.name}_total" if metric.counter else metric.name for metric in guests.METRICS
    }


@pytest.fixture(params=NAMES)
def content(request: pytest.FixtureRequest) -> dict[str, t.Any]:
    read: dict[str, t.Any] = json.loads((dashboards.FOLDER / f"{request.param}.json").read_text())
    return read


def test_the_files_are_what_the_tables_say() -> None:
    written = {path.name: path.read_text() for path in dashboards.FOLDER.iterdir()}
    assert written == {
        f"{one.name}.json": dashboards.render(one) for one in dashboards.DASHBOARDS
    }, "run `PYTHONPATH=tests python3 -m tools.dashboards`"


def test_they_ask_for_nothing_that_is_not_told(content: dict[str, t.Any]) -> None:
    queries = [target["expr"] for panel in content["panels"] for target in panel.get("targets", [])]
    queries += [one["query"]["query"] for one in content["templating"]["list"][1:]]
    asked = {name for query in queries for name in METRIC.findall(query)}
    assert asked
    assert asked <= list_told()


def test_the_alerts_ask_for_nothing_that_is_not_told() -> None:
    rules = yaml.safe_load((ROOT / "extensions/prometheus/headroom.rules.yml").read_text())
    asked = {
        name
        for group in rules["groups"]
        for rule in group["rules"]
        for name in METRIC.findall(rule["expr"])
    }
    assert asked
    assert asked <= list_told()


def test_every_alert_is_told_of_in_the_guide() -> None:
    rules = yaml.safe_load((ROOT / "extensions/prometheus/headroom.rules.yml").read_text())
    alerts = [
        rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule
    ]
    page = (ROOT / "docs/docsite/rst/guide_watching.rst").read_text()
    assert re.findall(r"(?m)^(Headroom\w+)  ", page) == alerts


def test_no_panel_lies_upon_another(content: dict[str, t.Any]) -> None:
    places = [panel["gridPos"] for panel in content["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in itertools.combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or apart
    numbers = [panel["id"] for panel in content["panels"]]
    assert len(set(numbers)) == len(numbers)


def test_every_variable_that_is_used_is_there(content: dict[str, t.Any]) -> None:
    panels = json.dumps(content["panels"])
    used = set(re.findall(r"\$\{?(\w+)\}?", panels)) - {"__rate_interval"}
    assert used == {one["name"] for one in content["templating"]["list"]}
