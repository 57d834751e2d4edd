# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module over libvirt's test driver, which has one domain and tells its state only."""

from __future__ import annotations

import functools
import json
import math
import types
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.doc_fragments.connection import ModuleDocFragment
from ansible_collections.headroom.libvirt.plugins.doc_fragments.machine import (
    ModuleDocFragment as MachineFragment,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput, NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._query import InvalidQuery
from ansible_collections.headroom.libvirt.plugins.module_utils._stats import collect
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import stats
from ansible_collections.headroom.libvirt.plugins.modules import domain_stats_info

from tools import checkout

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

NAME = "headroom.libvirt.domain_stats_info"
GUEST = (
    "<domain type='test'><name>guest</name><memory>8192</memory><os><type>hvm</type></os></domain>"
)

RECORD: dict[str, t.Any] = {
    "state.state": 1,
    "cpu.time": 10**9,
    "balloon.current": 1024,
    "balloon.rss": 512,
    "vcpu.current": 1,
    "vcpu.0.time": 10**9,
    "net.count": 1,
    "net.0.name": "vnet0",
    "block.count": 1,
    "block.0.name": "vda",
    "block.0.rd.reqs": 1,
    "block.0.timed_group.count": 1,
    "block.0.timed_group.0.interval_length": 10,
    **{
        f"block.0.latency_histogram.{kind}.bin.{name}": 1
        for kind in ("read", "write", "zone_append", "flush")
        for name in ("count", "0.start", "0.value")
    },
    "iothread.count": 1,
    "iothread.1.poll-max-ns": 32768,
    "dirtyrate.calc_status": 2,
    "dirtyrate.vcpu.0.megabytes_per_second": 1,
    "memory.bandwidth.monitor.count": 1,
    "memory.bandwidth.monitor.0.name": "vcpus_0",
    "memory.bandwidth.monitor.0.node.0.id": 0,
    "perf.cmt": 1,
    "perf.instructions": 1,
}


@pytest.fixture
def host(node: Connection) -> Connection:
    node.handle.defineXMLFlags(GUEST).createWithFlags()
    return node


@pytest.fixture
def full_host(host: Connection, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """A host whose guest tells everything, as QEMU does."""

    def read_some(
        _connection: Connection, domains: t.Any, *_groups: t.Any, **_options: t.Any
    ) -> t.Any:
        return [(domain, RECORD) for domain in domains]

    monkeypatch.setattr(stats, "read_some", read_some)
    return host


def run(connection: Connection, **params: t.Any) -> dict[str, t.Any]:
    options = domain_stats_info.ARGUMENTS.options
    check_mode = params.pop("check_mode", False)
    defaults = {
        name: option.get("default") for name, option in options.items() if name not in params
    }
    module = t.cast(
        "t.Any", types.SimpleNamespace(params={**defaults, **params}, check_mode=check_mode)
    )
    return domain_stats_info.read_statistics(
        connection, module, functools.partial(collect.collect, connection)
    )


def test_a_host_is_read_by_default_as_a_whole(host: Connection) -> None:
    result = run(host)
    assert [
        (domain["name"], domain["state"], domain["timed_out"]) for domain in result["domains"]
    ] == [("guest", "running", False)]
    assert result["totals"]["domains"] == {
        "count": 1,
        "states": {"running": 1},
        "timed_out": 0,
        "rated": 0,
    }


def test_a_query_takes_the_place_of_the_statistics(host: Connection) -> None:
    assert run(host, query="[totals.domains.count, domains[0].name]") == {"result": [1, "guest"]}


def test_a_broken_query_fails_before_anything_is_read() -> None:
    with pytest.raises(InvalidQuery, match=r"query: .* at column 9"):
        run(t.cast("Connection", None), query="domains[")


@pytest.mark.parametrize("interval", [0.0, -1.0, math.inf, math.nan])
def test_an_impossible_interval_is_refused(host: Connection, interval: float) -> None:
    with pytest.raises(InvalidInput, match=r"interval: .* must be a positive number of seconds"):
        run(host, interval=interval)


@pytest.mark.parametrize(
    ("option", "value"), [("timeout", 0.0), ("timeout", math.nan), ("workers", 0), ("workers", 33)]
)
def test_a_limit_that_is_none_is_refused(host: Connection, option: str, value: float) -> None:
    with pytest.raises(InvalidInput, match=f"{option}: "):
        run(host, **{option: value})


def test_rates_are_against_the_sample_that_the_last_task_kept(
    full_host: Connection, tmp_path: Path
) -> None:
    kept = str(tmp_path / "new" / "samples.json")
    rates = [
        run(full_host, since="previous", samples=kept, check_mode=check_mode)["domains"][0]["rates"]
        for check_mode in (True, False, True, False)
    ]
    assert rates[:2] == [None, None]
    first, second = rates[2]["interval_seconds"], rates[3]["interval_seconds"]
    assert 0 < first < second  # check mode kept nothing


def test_totals_by_label(full_host: Connection) -> None:
    parts = run(full_host, totals_by=["state", "fleet"])["totals_by"]
    assert parts["fleet"] == {}
    assert parts["state"]["running"]["cpu"]["time_seconds"] == 1.0
    assert run(full_host, totals_by=["state"], query="totals_by.state.running.domains.count") == {
        "result": 1
    }


def test_the_sum_of_a_host_has_its_name(full_host: Connection) -> None:
    result = run(full_host, totals_by=["host"])
    name = full_host.handle.getHostname()
    assert [domain["host"] for domain in result["domains"]] == [name]
    assert result["totals_by"]["host"] == {name: result["totals"]}


@pytest.mark.parametrize("period", [-1, 2**31])
def test_a_period_that_is_none_is_refused(host: Connection, period: int) -> None:
    with pytest.raises(InvalidInput, match="balloon_period: "):
        run(host, balloon_period=period)


def test_the_text_is_returned_or_written(full_host: Connection, tmp_path: Path) -> None:
    text = run(full_host, output="openmetrics")["openmetrics"]
    assert 'libvirt_domain_info_cpu_time_seconds_total{domain="guest",' in text
    file = tmp_path / "libvirt.prom"
    assert run(full_host, output="textfile", path=str(file), check_mode=True) == {"path": str(file)}
    assert not file.exists()
    assert run(full_host, output="textfile", path=str(file)) == {"path": str(file)}
    assert "# TYPE libvirt_domain_info_cpu_time_seconds_total counter\n" in file.read_text()


def test_an_unknown_name_is_named(host: Connection) -> None:
    with pytest.raises(NotFound, match="name: there is no domain 'nope'"):
        run(host, name=["guest", "nope"])


def keys(documented: t.Any) -> t.Any:
    """The tree of keys that RETURN describes, through ``contains`` or through a sample."""
    if "contains" in documented:
        return {name: keys(inner) for name, inner in documented["contains"].items()}
    return shape(documented["sample"])


def shape(value: t.Any) -> t.Any:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return shape(value[0])
    return (
        {name: shape(inner) for name, inner in value.items()} if isinstance(value, dict) else None
    )


def test_every_key_is_documented_and_every_documented_key_returned(full_host: Connection) -> None:
    yaml = pytest.importorskip("yaml")
    documented = yaml.safe_load(domain_stats_info.RETURN)
    result = json.loads(json.dumps(run(full_host, interval=0.001)))
    expected = keys(documented["totals"])
    expected["domains"]["states"] = {"running": None}
    assert shape(result["domains"]) == keys(documented["domains"])
    assert shape(result["totals"]) == expected


def test_every_option_is_documented_as_it_is() -> None:
    yaml = pytest.importorskip("yaml")
    documented = {
        name: {
            key: option[key]
            for key in ("type", "elements", "choices", "default", "required")
            if key in option
        }
        for document in (
            domain_stats_info.DOCUMENTATION,
            ModuleDocFragment.DOCUMENTATION,
            MachineFragment.DOCUMENTATION,
            MachineFragment.URI,
        )
        for name, option in yaml.safe_load(document)["options"].items()
    }
    assert documented == domain_stats_info.ARGUMENTS.options


def test_a_row_names_its_machine(host: Connection) -> None:
    (row,) = run(host)["domains"]
    assert row["machine"] == {"uri": host.uri, "name": "guest", "uuid": row["uuid"]}
    (row,) = run(host, machine_uri="qemu+ssh://me:secret@kvm1/system")["domains"]
    assert row["machine"]["uri"] == "qemu+ssh://me:***@kvm1/system"


def test_a_machine_is_read_wherever_it_is() -> None:
    uuid = "6695eb01-f6a4-8304-79aa-97f2502e193f"  # that of the test driver's own domain
    row = {"machine": {"uri": "test:///default", "name": "test", "uuid": uuid}}
    options = domain_stats_info.ARGUMENTS.options
    params = {name: option.get("default") for name, option in options.items()}
    module = types.SimpleNamespace(params={**params, "machine": row}, check_mode=False)
    (read,) = domain_stats_info.read(t.cast("t.Any", module))["domains"]
    assert (read["name"], read["machine"]) == ("test", row["machine"])


def uses(tasks: t.Any) -> t.Iterator[dict[str, t.Any]]:
    """The options of every task with the module, however deep it lies."""
    if isinstance(tasks, dict):
        yield from [tasks[NAME] or {}] if NAME in tasks else []
        yield from (use for inner in tasks.values() for use in uses(inner))
    elif isinstance(tasks, list):
        yield from (use for inner in tasks for use in uses(inner))


def test_every_option_and_choice_is_exercised_on_real_hosts() -> None:
    yaml = pytest.importorskip("yaml")
    target = checkout.ROOT / "tests/integration/targets/domain_stats_info/tasks"
    used = [use for path in target.glob("*.yml") for use in uses(yaml.safe_load(path.read_text()))]
    options = domain_stats_info.ARGUMENTS.options
    assert {name for use in used for name in use} == set(options)
    for name, option in options.items():
        given = [use[name] for use in used if name in use] + [option.get("default")]
        values = {
            value for entry in given for value in (entry if isinstance(entry, list) else [entry])
        }
        assert set(option.get("choices", ())) <= values
