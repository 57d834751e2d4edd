# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a real Prometheus answers: partial, stale, odd and wrong. It needs no lab, and is gone with the test."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import subprocess
import sys
import time
import typing as t
import urllib.parse
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._demand.prometheus import (
    Prometheus,
    check_server,
    fetch,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import merge
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    InvalidInput,
    TimedOut,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.registry import (
    make_forecaster,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import (
    HostRoom,
    Size,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.model import (
    Member,
    Observation,
    Plan,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.plan import decide
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.rule import Rule

from tools import checkout, prometheus

if t.TYPE_CHECKING:
    from collections.abc import Iterator

INTERVAL = 300
HALF_HOUR = 1800
# The clock of the plans is three hours behind: what is their future is backfilled as well.
NOON = int(time.time()) // INTERVAL * INTERVAL - 3 * 3600
SLOTS = range(-72, 24)
RULE = Rule(capacity=100, max=20, interval=INTERVAL, cooldown=900, headroom=0, scale_in_limit=9)
CLONE = Size(1, 1 << 30, 0)
ROOM = HostRoom("kvm1", Size(99, 1 << 40, 1 << 40), 9)


def requests(site: int, slot: int) -> float:
    """What a site is asked for: 400 on the average."""
    return round(400 + 20 * math.sin(slot / 9 + site), 3)


def samples(name: str, labels: str, values: t.Mapping[int, float | str]) -> list[str]:
    rows = [f"{name}{labels} {value} {NOON + slot * INTERVAL}" for slot, value in values.items()]
    return [f"# TYPE {name} gauge", *rows]


def make_server(folder: Path, lines: t.Sequence[str], config: str = "{}\n") -> prometheus.Server:
    folder.mkdir()
    prometheus.backfill(folder, lines)
    return prometheus.Server(folder, prometheus.find_port(), config)


@dataclasses.dataclass
class Sites:
    """Two servers that each know a half of the demand; whoever asks ``west`` gets what ``east`` has as well."""

    west: prometheus.Server
    east: prometheus.Server


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    folder = tmp_path_factory.mktemp("sites")
    outage = range(6)
    east_lines = samples("requests", '{site="east"}', {slot: requests(1, slot) for slot in SLOTS})
    east = make_server(folder / "east", east_lines)
    west_lines = [
        *samples("requests", '{site="west"}', {slot: requests(2, slot) for slot in SLOTS}),
        # What is measured at a third site, whose machines are not asked for half an hour.
        "# TYPE hits gauge",
        *samples("hits", '{site="a"}', dict.fromkeys(SLOTS, 400))[1:],
        *samples("hits", '{site="b"}', {s: 400 for s in SLOTS if s not in outage})[1:],
        "# TYPE alive gauge",
        *samples("alive", '{site="a"}', dict.fromkeys(SLOTS, 1))[1:],
        *samples("alive", '{site="b"}', {s: int(s not in outage) for s in SLOTS})[1:],
        *samples("odd", "", {-6: 1, -5: "NaN", -4: "+Inf", -3: "-Inf", -2: "-1e-17", 0: "1e22"}),
        *samples("huge", "", {0: "1.7e308"}),
        *samples("below", "", {0: "-3"}),
        "# TYPE slow gauge",
        *(f"slow 5 {NOON - back * 420}" for back in range(20, -1, -1)),  # each seven minutes
    ]
    config = f"remote_read: [{{url: '{east.url}/api/v1/read', read_recent: true}}]\n"
    west = make_server(folder / "west", west_lines, config)
    try:
        east.start()
        west.start()
        yield Sites(west, east)
    finally:
        west.stop()
        east.stop()


@pytest.fixture
def half(sites: Sites) -> Iterator[Sites]:
    """A half of the stores does not answer."""
    sites.east.stop()
    yield sites
    sites.east.start()


def ask(
    server: prometheus.Server, query: str, now: float = NOON, window: int = 3600, **options: t.Any
) -> list[t.Any]:
    asked = check_server(Prometheus(server.url, query, **options))
    return fetch(asked, now, INTERVAL, window)


def values(*arguments: t.Any, **options: t.Any) -> list[float | None]:
    return [sample.value for sample in ask(*arguments, **options)]


def decide_at(server: prometheus.Server, query: str, now: float, members: list[Member]) -> Plan:
    series = merge([ask(server, query, now, window=6 * 3600)], INTERVAL, now)
    observed = Observation(
        "web", now, series, CLONE, tuple(members), (ROOM,), measured_elsewhere=True
    )
    return decide(observed, RULE, make_forecaster("trend", RULE.risk))


def run_fleet(
    server: prometheus.Server, query: str, runs: t.Iterable[int], size: int
) -> list[Plan]:
    """Plan and act every five minutes, at the slots ``runs`` after noon."""
    members = [Member(f"web-{number}", "kvm1", activity=0.4) for number in range(1, size + 1)]
    plans: list[Plan] = []
    for slot in runs:
        plan = decide_at(server, query, NOON + slot * INTERVAL + 5, members)
        gone = {action.name for action in plan.actions if action.action == "remove"}
        made = [
            Member(action.name, "kvm1", activity=0.4)
            for action in plan.actions
            if action.action == "create"
        ]
        members = [member for member in members if member.name not in gone] + made
        plans.append(plan)
        assert plan.target == len(members)
    return plans


def read_plainly(server: prometheus.Server, query: str) -> dict[str, t.Any]:
    form = {"query": query, "start": NOON, "end": NOON, "step": INTERVAL}
    _status, body = server.get(f"/api/v1/query_range?{urllib.parse.urlencode(form)}")
    content: dict[str, t.Any] = json.loads(body)
    return content


TOTAL = "sum(requests)"
# As the guide says it: missing, unless all of those that measure were there to be asked.
ALL_THERE = "sum(hits) and on() (min(alive) == 1)"


def test_a_fleet_has_its_size_while_half_of_the_stores_do_not_answer_for_half_an_hour(
    sites: Sites, request: pytest.FixtureRequest
) -> None:
    before = run_fleet(sites.west, TOTAL, range(-6, 0), 9)
    size = before[-1].target
    assert (size, [plan.target for plan in before]) == (9, [9] * 6)
    assert all(plan.requirement.is_current for plan in before)
    request.getfixturevalue("half")
    (series,) = read_plainly(sites.west, TOTAL)["data"]["result"]
    assert float(series["values"][0][1]) < 450, "the sum is a half, and warned of"
    during = run_fleet(sites.west, TOTAL, range(HALF_HOUR // INTERVAL + 1), size)
    assert [plan.target for plan in during] == [size] * 7
    assert not any(plan.requirement.is_current for plan in during)
    reasons = "\n".join(during[-1].reasons)
    assert "Prometheus warned that its answer is not whole" in reasons
    assert "connection refused" in reasons


def test_it_goes_on_when_they_are_back(sites: Sites) -> None:
    after = run_fleet(sites.west, TOTAL, range(7, 14), 9)
    assert {plan.target for plan in after} == {9}
    assert all(plan.requirement.keep is not None for plan in after)
    assert run_fleet(sites.west, "sum(requests) / 2", range(7, 9), 9)[-1].target == 5


def test_machines_that_are_not_asked_are_no_smaller_demand_where_the_query_says_so(
    sites: Sites,
) -> None:
    plain = run_fleet(sites.west, "sum(hits)", range(-3, 12), 9)
    assert min(plan.target for plan in plain) < 8, "Prometheus adds up whoever is there"
    asked = run_fleet(sites.west, ALL_THERE, range(-3, 12), 9)
    assert {plan.target for plan in asked[1:]} == {8}
    assert values(sites.west, ALL_THERE, NOON + 2 * INTERVAL, 1200) == [800, 800, None, None, None]


def test_what_is_no_number_is_missing_and_noise_is_nothing(sites: Sites) -> None:
    odd = ask(sites.west, "odd", window=6 * INTERVAL)
    # A gap of one slot is filled by Prometheus itself, which looks back for five minutes.
    assert [sample.value for sample in odd] == [1, None, None, None, 0, 0, 1e22]
    assert {sample.reason for sample in odd[1:4]} == {
        "Prometheus has no number of then, but NaN or infinity"
    }
    assert values(sites.west, "nothing_of_this_name") == [None] * 13
    assert values(sites.west, "sum(requests) / 0") == [None] * 13


def test_a_series_of_an_unusual_step_has_gaps_and_no_zeros(sites: Sites) -> None:
    assert set(values(sites.west, "slow")) == {5, None}
    assert set(values(sites.west, "last_over_time(slow[10m])")) == {5}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("requests", "yields 2 series. Wrap it in sum"),
        ("huge", "no more than 1e\\+22"),
        ("below", "yields -3 at"),
        ('"text"', "was refused: invalid expression type"),
        ("sum(requests[5m])", "was refused"),
        ("sum(", "was refused: .*parse error"),
    ],
)
def test_a_query_that_yields_no_demand_is_named(sites: Sites, query: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as refusal:
        ask(sites.west, query)
    assert refusal.value.details["option"] == "prometheus.query"


def test_scalars_and_vectors_are_numbers(sites: Sites) -> None:
    assert values(sites.west, "scalar(sum(requests))", window=600) == values(
        sites.west, TOTAL, window=600
    )
    assert values(sites.west, "time() * 0 + 7", window=600) == [7] * 3
    assert values(sites.west, "vector(7)", window=600) == [7] * 3


@pytest.mark.parametrize("timeout", [2.5, 0.75, 10.0, 1000.125])
def test_a_timeout_has_fractions(sites: Sites, timeout: float) -> None:
    assert values(sites.west, "vector(1)", window=600, timeout=timeout) == [1] * 3


def test_a_query_that_takes_too_long_is_a_timeout(sites: Sites) -> None:
    with pytest.raises(TimedOut, match=r"prometheus\.timeout"):
        ask(sites.west, TOTAL, timeout=0.0001)


def sample(server: prometheus.Server, folder: Path, query: str, now: int) -> dict[str, t.Any]:
    """What demand_sample returns, run as Ansible does, on libvirt's test driver."""
    options = {
        "uri": "test:///default",
        "fleet": "web",
        "history": str(folder / "history.sqlite"),
        "timestamp": now,
        "window": 600,
        "prometheus": {
            "url": server.url,
            "query": query,
            "headers": {"X-Scope-OrgID": "1", "Authorization": "Bearer s3cr3t-t0ken"},
        },
    }
    program = "from ansible_collections.headroom.libvirt.plugins.modules import demand_sample"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}; demand_sample.main()"],
        env={"PYTHONPATH": ":".join([str(checkout.collections_path()), *sys.path])},
        input=json.dumps({"ANSIBLE_MODULE_ARGS": options}),
        capture_output=True,
        check=True,
        text=True,
    )
    assert "s3cr3t" not in done.stdout + done.stderr
    result: dict[str, t.Any] = json.loads(done.stdout)
    return result


def test_a_tenant_takes_no_number_along(sites: Sites, tmp_path: Path) -> None:
    result = sample(sites.west, tmp_path, "sum(hits) * 0 + 1111.5", NOON)
    assert [row["value"] for row in result["history"]] == [1111.5] * 3
    assert result["sample"]["timestamp"] == NOON


def test_what_earlier_runs_were_told_counts_while_an_answer_is_not_whole(
    sites: Sites, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    whole = sample(sites.west, tmp_path, TOTAL, NOON)
    assert len(whole["history"]) == 3
    request.getfixturevalue("half")
    partial = sample(sites.west, tmp_path, TOTAL, NOON + INTERVAL)
    told, missing = partial["history"]
    assert told == whole["history"][-1]
    assert (missing["value"], missing["whole"]) == (None, True)
    assert "not whole" in missing["reason"]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[prometheus.Server, t.Any]]:
    """A server that asks an exporter five times a second."""
    folder = tmp_path_factory.mktemp("live")
    with prometheus.export({"busy": 7.0, "waiting": 3.0}) as exporter:
        target = f"{prometheus.LOOPBACK}:{exporter.port}"
        job = {
            "job_name": "t",
            "scrape_interval": "200ms",
            "scrape_timeout": "200ms",
            "static_configs": [{"targets": [target]}],
        }
        config = json.dumps({"scrape_configs": [job]})
        server = prometheus.Server(folder, prometheus.find_port(), config)
        try:
            server.start()
            yield server, exporter
        finally:
            server.stop()


def await_value(server: prometheus.Server, query: str, expected: float | None) -> None:
    deadline = time.monotonic() + 30
    while True:
        now = time.time()
        (value,) = [sample.value for sample in fetch(Prometheus(server.url, query), now, 1, 1)][1:]
        if value == expected:
            return
        assert time.monotonic() < deadline, f"{query} is {value}, not {expected}"
        time.sleep(0.1)


def test_native_histograms_are_no_numbers_and_what_is_made_of_them_is(
    live: tuple[prometheus.Server, t.Any],
) -> None:
    server, _exporter = live
    await_value(server, "histogram_count(waited)", 6)
    await_value(server, "histogram_sum(waited)", 9)
    with pytest.raises(InvalidInput, match="yields native histograms"):
        fetch(Prometheus(server.url, "waited"), time.time(), 1, 1)


def test_what_is_not_exported_any_more_is_missing_at_once(
    live: tuple[prometheus.Server, t.Any],
) -> None:
    server, exporter = live
    await_value(server, "sum(busy)", 7)
    del exporter.gauges["busy"]
    await_value(server, "sum(busy)", None)
    await_value(server, "sum(waiting)", 3)


def test_a_server_that_went_is_told(sites: Sites) -> None:
    with pytest.raises(HeadroomError, match="cannot be reached"):
        ask(dataclasses.replace(sites.east, port=prometheus.find_port()), TOTAL)


def test_a_server_goes_with_whoever_started_it(tmp_path: Path) -> None:
    (tmp_path / "killed").mkdir()
    port = prometheus.find_port()
    program = (
        "import pathlib, sys, time; from tools import prometheus; "
        "prometheus.Server(pathlib.Path(sys.argv[1]), int(sys.argv[2])).start(); print(flush=True); time.sleep(600)"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "killed"), str(port)],
        env={**os.environ, "PYTHONPATH": str(checkout.ROOT / "tests")},
        stdout=subprocess.PIPE,
    )
    assert starter.stdout is not None
    assert starter.stdout.readline() == b"\n"
    left = prometheus.Server(tmp_path / "killed", port)
    assert left.is_ready()
    starter.kill()
    starter.communicate()
    deadline = time.monotonic() + 30
    while left.is_ready():
        assert time.monotonic() < deadline
        time.sleep(0.05)
