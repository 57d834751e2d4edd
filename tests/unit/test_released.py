# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each release has written is read by this one: a fixture of every shape that outlives a process.

The files in `released` were written by the code of their release, not by hand. The journal's is read by
plugins/module_utils/_recovery/test_report.py.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import shutil
import sqlite3
import typing as t
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import manifest
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import history, lease
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import Database
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.series import Series
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.history import FeedHistory
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast import state as states
from ansible_collections.headroom.libvirt.plugins.module_utils._forecast.blend import Blend
from ansible_collections.headroom.libvirt.plugins.module_utils._host import maintenance
from ansible_collections.headroom.libvirt.plugins.module_utils._persisted import UnreadableShape
from ansible_collections.headroom.libvirt.plugins.module_utils._provision import decisions
from ansible_collections.headroom.libvirt.plugins.module_utils._stats import rates
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.previous import SampleFile

RELEASES = sorted(
    path.parent for path in (Path(__file__).parent / "released").glob("*/history.sql")
)
NOW, HOUR = 1_767_225_600, 3600
WEB = "5f0c9d0e-7d3c-4a39-9b57-6b1c9f1b0001"
# The demand that the history holds; the sixth is missing there.
DEMAND = [max(0.0, 10 + 5 * math.sin(index / 4)) for index in range(72)]
T = t.TypeVar("T")
Read = t.Callable[[t.Callable[[sqlite3.Connection], T]], T]


@pytest.fixture(params=RELEASES, ids=lambda path: path.name)
def release(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.fixture
def read(release: Path, tmp_path: Path) -> Read[t.Any]:
    """What work in a transaction of the release's history returns."""
    path = tmp_path / "history.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript((release / "history.sql").read_text(encoding="utf-8"))
    path.chmod(0o640)

    def run(work: t.Callable[[sqlite3.Connection], T]) -> T:
        result, warnings = Database(str(path)).run(work, float(NOW))
        assert warnings == []
        return result

    return run


def test_the_demand_is_what_it_was(read: Read[list[history.Record]]) -> None:
    *hourly, last = read(lambda opened: history.History(opened, "web").read_since(0))
    assert [record.slot for record in hourly] == [NOW - (72 - i) * HOUR for i in range(72)]
    values = [record.value for record in hourly]
    assert values == [None if i == 5 else value for i, value in enumerate(DEMAND)]
    assert (hourly[5].reason, hourly[5].used_cores) == ("no counters yet", None)
    assert (hourly[0].taken_at, hourly[0].used_cores, hourly[0].vcpus) == (NOW - 72 * HOUR, 1.0, 4)
    assert (last.value, last.fleet_wide, hourly[0].fleet_wide) == (30.0, True, False)


def test_the_rates_go_on_from_the_counters_of_before(read: Read[t.Any], release: Path) -> None:
    (kept,) = read(lambda opened: history.History(opened, "web").read_counters())
    file = json.loads((release / "samples.json").read_text(encoding="utf-8"))
    assert (kept.uuid, kept.name, kept.id, kept.taken_at) == (WEB, "web-1", 3, NOW)
    assert kept.stats == file["samples"][0]["stats"]
    cpu = {**kept.stats["cpu"], "time_seconds": 7.0}
    later = dataclasses.replace(kept, taken_at=NOW + 10.0, stats={**kept.stats, "cpu": cpu})
    found = rates.compute_rates(kept, later)
    assert found is not None
    assert (found["interval_seconds"], found["cpu"]["used_cores"]) == (10.0, 0.2)


def test_everything_else_of_the_history(read: Read[t.Any]) -> None:
    (ready,) = read(lambda opened: history.History(opened, "web").read_readiness())
    assert (ready.moment, ready.machines, ready.seconds) == (NOW - HOUR, 2, 41.5)
    held = read(lambda opened: lease.read(opened, "web", float(NOW)))
    assert (held.holder, held.until) == ("run-1", NOW + 900)
    (decision,) = read(decisions.read_latest)
    assert decisions.check_decision("decision", decision) == decision
    assert (decision["machines"]["needed"], decision["error"]["short_machines"]) == (4, 1)
    mark = read(maintenance.read)
    assert (mark.since, mark.reason) == (NOW, "new firmware")
    assert [(guest.name, guest.uuid) for guest in mark.guests] == [("web-1", WEB)]


def test_a_forecaster_goes_on_from_where_it_stood(read: Read[t.Any]) -> None:
    """Or begins anew, where it has learned another way since: never does it fail, nor say something else."""
    state = read(lambda opened: states.load(opened, "web"))
    assert state is not None
    series = Series(interval=HOUR, start=NOW - 72 * HOUR, values=(*DEMAND, 11.0))
    (resumed,), after = Blend(0.05).resume(series, 3, 1, state)
    (fresh,), _state = Blend(0.05).resume(series, 3, 1, None)
    assert resumed is not None
    assert fresh is not None
    pairs = zip(resumed.steps, fresh.steps, strict=True)
    assert all(one.value == pytest.approx(other.value) for one, other in pairs)
    assert after["next"] == NOW + HOUR


def test_the_samples_that_rates_are_taken_from(release: Path, tmp_path: Path) -> None:
    path = shutil.copy(release / "samples.json", tmp_path)
    (sample,) = SampleFile(str(path), "qemu:///system", "b00t").read()
    assert (sample.name, sample.uuid, sample.id, sample.taken_at) == ("web-1", WEB, 3, NOW)
    assert sample.stats["block"]["devices"][0]["rd_bytes"] == 4096
    assert SampleFile(str(path), "qemu:///system", "another boot").read() == []


def test_a_feed_is_not_older_than_it_was(release: Path, tmp_path: Path) -> None:
    remembered = FeedHistory("https://images.example/streams/v1/index.sjson", tmp_path)
    shutil.copy(release / "feed.json", remembered.path)
    assert remembered.read_times() == {
        "streams/v1/index.sjson": NOW,
        "streams/v1/products.sjson": NOW - 60,
    }


def test_an_appliance_is_what_it_was(release: Path) -> None:
    kept = manifest.parse_manifest((release / "manifest.json").read_bytes())
    assert str(kept.id) == "web:1.4"
    assert (kept.parent, kept.sealed, kept.min_ram_bytes) == ("base:1", "libguestfs", 1 << 26)
    (disk,) = kept.disks
    assert disk.volume == "headroom-appliance.web@1.4.0123456789ab.vda.qcow2"
    assert (disk.virtual_size_bytes, disk.sha256, disk.source_sha256) == (
        1 << 30,
        "0" * 64,
        "1" * 64,
    )
    assert manifest.machine_size(kept)["memory_bytes"] == 64 << 20
    assert manifest.parse_manifest(manifest.serialise(kept)) == kept


def spoil(data: dict[str, t.Any]) -> t.Iterator[t.Any]:
    """Yield what is kept as another release, or a bad disk, would have it: more, less, or something else."""
    yield {**data, "novel": 1}
    for name, content in data.items():
        yield {key: value for key, value in data.items() if key != name}
        for value in (None, "x", -1, [], ["x"], {}, {"a": 1}, True):
            yield {**data, name: value}
        if isinstance(content, dict):
            yield from ({**data, name: inner} for inner in spoil(content))


def test_a_counter_of_another_release_keeps_no_host_from_its_fleets(read: Read[t.Any]) -> None:
    """D9: with one key more or less it is a machine of which nothing is known from before."""
    (kept,) = read(lambda opened: history.History(opened, "web").read_counters())
    now = dataclasses.replace(kept, taken_at=kept.taken_at + 60)
    spoilt = list(spoil(dataclasses.asdict(kept)))

    def work(opened: sqlite3.Connection) -> int:
        known = 0
        for data in [json.dumps(data) for data in spoilt] + ["", "[" * 100_000, "null"]:
            opened.execute("UPDATE counters SET sample = ?", (data,))
            samples = history.History(opened, "web").read_counters()
            rates.compute_all_rates(samples, [now])
            known += len(samples)
        return known

    assert 0 < read(work) < len(spoilt)


def test_a_counter_with_more_in_it_is_counted_from(read: Read[t.Any]) -> None:
    def work(opened: sqlite3.Connection) -> tuple[t.Any, ...]:
        (before,) = history.History(opened, "web").read_counters()
        data = dataclasses.asdict(before)
        data["stats"]["novel"] = {"bytes": 1}
        opened.execute("UPDATE counters SET sample = ?", (json.dumps({**data, "novel": 1}),))
        return (before, *history.History(opened, "web").read_counters())

    before, after = read(work)
    assert (after.uuid, after.stats["cpu"]) == (before.uuid, before.stats["cpu"])


def test_a_decision_that_cannot_be_read_is_left_out(read: Read[t.Any]) -> None:
    (decision,) = read(decisions.read_latest)

    def work(opened: sqlite3.Connection) -> None:
        for data in [json.dumps(data) for data in spoil(decision)] + ["", "[" * 100_000, "null"]:
            opened.execute("UPDATE decision SET decision = ?", (data,))
            for latest in decisions.read_latest(opened):
                decisions.check_decision("decision", {**decision, **latest})
            decisions.read_between(opened, decision["fleet"], 0, NOW)

    read(work)


@pytest.mark.parametrize("guests", ['[{"name": "web-1"}]', "[1]", "null", "{", "", "[" * 100_000])
def test_a_mark_whose_guests_cannot_be_told_says_so(read: Read[t.Any], guests: str) -> None:
    """D9: none of them is forgotten, and nobody sees an exception."""

    def work(opened: sqlite3.Connection) -> t.Any:
        opened.execute("UPDATE maintenance SET guests = ?", (guests,))
        return maintenance.read(opened)

    with pytest.raises(UnreadableShape, match="which guests the host is to get back"):
        read(work)
