# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the collection tells Prometheus is told right, asked for right by dashboards, and wakes somebody when it has to.

By Debian's promtool and a real Prometheus, which reads what the modules wrote on the hosts of a lab.
"""

from __future__ import annotations

import functools
import http.server
import json
import re
import subprocess
import threading
import time
import typing as t
import urllib.parse
from pathlib import Path

import pytest
import yaml

from ansible_collections.headroom.libvirt.plugins.module_utils._host.capacity import CapacityPolicy
from ansible_collections.headroom.libvirt.plugins.module_utils._host.openmetrics import (
    Transaction,
    Watch,
    render_host,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._host.survey import read_host
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)

from tools import checkout, dashboards, prometheus

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Lab

HERE = Path(__file__).parent / "watching"
RULES = checkout.ROOT / "extensions/prometheus/headroom.rules.yml"
CASES = yaml.safe_load((HERE / "rules.test.yml").read_text())["tests"]
DEMANDS = (55, 130)  # the second is more than six machines of 10 carry
SCRAPE_SECONDS = 1
PATIENCE_SECONDS = 60
EVERYTHING = {"instance": ".*", "tenant": ".*", "domain": ".*", "__rate_interval": "1m"}


def run_promtool(*words: str, folder: Path, text: str | None = None) -> str:
    """Return what promtool says; the test fails where it finds fault."""
    command = [str(prometheus.binaries() / "promtool"), *words]
    done = subprocess.run(
        command, cwd=folder, check=False, capture_output=True, text=True, input=text
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def list_rules(path: Path = RULES) -> list[dict[str, t.Any]]:
    content = yaml.safe_load(path.read_text())
    return [rule for group in content["groups"] for rule in group["rules"]]


def test_the_rules_are_well_formed(tmp_path: Path) -> None:
    told = run_promtool("check", "rules", str(RULES), folder=tmp_path)
    assert f"SUCCESS: {len(list_rules())} rules found" in told


def test_each_alert_fires_when_its_cause_is_there_and_stops(tmp_path: Path) -> None:
    content = yaml.safe_load(RULES.read_text())
    for rule in [rule for group in content["groups"] for rule in group["rules"]]:
        rule.pop("annotations", None)
    (tmp_path / RULES.name).write_text(yaml.safe_dump(content))
    (tmp_path / "rules.test.yml").write_text((HERE / "rules.test.yml").read_text())
    assert "SUCCESS" in run_promtool("test", "rules", "rules.test.yml", folder=tmp_path)


def test_every_alert_has_a_case_that_begins_and_ends() -> None:
    looks = [look for case in CASES for look in case["alert_rule_test"]]
    alerts = {rule["alert"] for rule in list_rules() if "alert" in rule}
    assert {look["alertname"] for look in looks if look["exp_alerts"]} == alerts
    for name in alerts:
        (*_before, last) = [look for look in looks if look["alertname"] == name]
        assert last["exp_alerts"] == []


def render_made_host() -> str:
    """A host of libvirt's test driver with all that no host of the lab has."""
    now = time.time()
    with open_connection("test:///default") as connection:
        facts = read_host(connection, CapacityPolicy(4.0, 1.0, 0), with_guests=True)
    facts["guests"][0]["dependency"] = {"kind": "move", "since": "2026-01-05T09:30:00Z"}
    left = (Transaction("clone", now - 7200, alive=False),)
    watch = Watch(now, left, {"/etc/pki/qemu/server-cert.pem": now + 86400})
    return render_host({**facts, "maintenance": {"since": now}}, watch, openmetrics=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("watching")


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing of it."""

    def log_message(self, *_arguments: t.Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def files(folder: Path) -> Iterator[str]:
    """The address of a server of the files in ``folder``, as the node exporter is of its own."""
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer((prometheus.LOOPBACK, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"{prometheus.LOOPBACK}:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def configure(address: str, names: t.Iterable[str]) -> str:
    """Return the configuration of a Prometheus that reads every file of every host."""
    jobs = [
        {
            "job_name": f"{host}-{file}",
            "metrics_path": f"/{host}/{file}.prom",
            "static_configs": [{"targets": [address], "labels": {"instance": host}}],
        }
        for host, file in (name.split("/") for name in names)
    ]
    return yaml.safe_dump(
        {
            "global": {
                "scrape_interval": f"{SCRAPE_SECONDS}s",
                "evaluation_interval": f"{SCRAPE_SECONDS}s",
            },
            "rule_files": [str(RULES)],
            "scrape_configs": jobs,
        }
    )


@pytest.fixture(scope="module")
def server(
    full: None,  # noqa: ARG001 - before the lab
    lab: Lab,
    folder: Path,
    files: str,
) -> Iterator[prometheus.Server]:
    """A Prometheus that has read the hosts of the lab twice."""
    lab.playbook(HERE / "guests.yml")
    made = folder / "made/host.prom"
    made.parent.mkdir()
    made.write_text(render_made_host())
    server = None
    for demand in DEMANDS:
        lab.playbook(HERE / "look.yml", folder=str(folder), demand=str(demand))
        if server is None:
            found = sorted(
                str(path.relative_to(folder).with_suffix("")) for path in folder.glob("*/*.prom")
            )
            database = folder / "prometheus"
            database.mkdir()
            server = prometheus.Server(database, prometheus.find_port(), configure(files, found))
            server.start()
        time.sleep(3 * SCRAPE_SECONDS)
    assert server is not None
    try:
        yield server
    finally:
        server.stop()
        lab.playbook(HERE / "clean_up.yml")


def ask(server: prometheus.Server, path: str, **parameters: str) -> t.Any:
    status, body = server.get(f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
    answer = json.loads(body)
    assert (status, answer["status"]) == (200, "success"), answer
    return answer["data"]


def query(server: prometheus.Server, expression: str) -> list[dict[str, t.Any]]:
    rows: list[dict[str, t.Any]] = ask(server, "query", query=expression)["result"]
    return rows


def fill_in(expression: str) -> str:
    """Return an expression of a dashboard with everything chosen, and one fleet where a row is about one."""
    text = expression.replace('fleet="$fleet"', 'fleet="web"').replace("$fleet", ".*")
    for name, value in EVERYTHING.items():
        text = text.replace(f"${name}", value)
    assert "$" not in text, text
    return text


def test_promtool_finds_no_fault_with_what_the_hosts_wrote(
    server: prometheus.Server, folder: Path
) -> None:
    assert server.is_ready()
    texts = {str(path.relative_to(folder)): path.read_text() for path in folder.glob("*/*.prom")}
    assert len(texts) == 6
    for name, text in texts.items():
        # Names of others that their dashboards ask for, and metrics that are old friends under them.
        told = [
            line
            for line in run_promtool("check", "metrics", folder=folder, text=text).splitlines()
            if not line.startswith("libvirt_")
        ]
        assert told == [], name


@pytest.mark.parametrize("dashboard", dashboards.DASHBOARDS, ids=lambda one: one.name)
def test_every_query_of_a_dashboard_has_an_answer(
    server: prometheus.Server, dashboard: dashboards.Dashboard
) -> None:
    empty = []
    for panel in (*dashboard.panels, *dashboard.repeated):
        for one in panel.queries:
            rows = query(server, fill_in(one.expr))
            if not rows:
                empty.append((panel.title, one.expr))
            names = re.findall(r"{{(\w+)}}", one.legend)
            assert all(set(names) <= set(row["metric"]) for row in rows), one.legend
    assert empty == []
    for name, text in dashboard.variables:
        match = re.fullmatch(r"label_values\((.+), (\w+)\)", text)
        assert match is not None
        series = ask(server, "series", **{"match[]": fill_in(match[1])})
        assert any(row.get(match[2]) for row in series), name


def test_guests_of_the_same_name_are_not_merged(server: prometheus.Server) -> None:
    for panel in dashboards.GUESTS.panels[:-1]:
        rows = [
            row["metric"]
            for row in query(server, fill_in(panel.queries[0].expr))
            if row["metric"]["domain"] == "watched"
        ]
        assert len({row["instance"] for row in rows}) == len(rows) == 2, panel.title


def test_a_fleet_without_room_and_a_host_with_remains_wake_somebody(
    server: prometheus.Server,
) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    expected = {
        ("HeadroomFleetShort", "web"),
        ("HeadroomGuestIncomplete", None),
        ("HeadroomCertificateExpiring", None),
    }
    fired: set[t.Any] = set()
    while not expected <= fired and time.monotonic() < deadline:
        time.sleep(SCRAPE_SECONDS)
        alerts = ask(server, "alerts")["alerts"]
        fired = {
            (alert["labels"]["alertname"], alert["labels"].get("fleet"))
            for alert in alerts
            if alert["state"] == "firing"
        }
    assert expected <= fired
    errors = [
        (rule["name"], rule["lastError"])
        for group in ask(server, "rules")["groups"]
        for rule in group["rules"]
        if rule["health"] != "ok"
    ]
    assert errors == []
