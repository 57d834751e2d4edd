# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import math
import typing as t

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._stats import fields
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.sample import parse_record

from .records import RECORD
from .test_sample import EXTRA, WRONG, numbers

# As libvirt 11.3 gives them.
IOTHREADS = {
    "iothread.count": 2,
    "iothread.1.poll-max-ns": 32768,
    "iothread.4.poll-max-ns": 0,
    "iothread.4.poll-grow": 2,
}
DIRTY_RATE = {
    "dirtyrate.calc_status": 2,
    "dirtyrate.calc_start_time": 348414,
    "dirtyrate.calc_period": 1,
    "dirtyrate.calc_mode": "dirty-ring",
    "dirtyrate.megabytes_per_second": 3,
    "dirtyrate.vcpu.0.megabytes_per_second": 1,
    "dirtyrate.vcpu.2.megabytes_per_second": 2,
}
BANDWIDTH = {
    "memory.bandwidth.monitor.count": 1,
    "memory.bandwidth.monitor.0.name": "vcpus_0-2",
    "memory.bandwidth.monitor.0.vcpus": "0-2",
    "memory.bandwidth.monitor.0.node.count": 2,
    "memory.bandwidth.monitor.0.node.0.id": 0,
    "memory.bandwidth.monitor.0.node.0.bytes.local": 10,
    "memory.bandwidth.monitor.0.node.0.bytes.total": 30,
    "memory.bandwidth.monitor.0.node.1.id": 1,
}


def extra(record: dict[str, t.Any], name: str) -> t.Any:
    return parse_record(record)[name]


def test_there_is_nothing_of_groups_that_were_not_asked_for() -> None:
    assert {name: extra(RECORD, name) for name in EXTRA} == dict.fromkeys(EXTRA)


def test_iothreads_keep_their_numbers() -> None:
    assert extra(IOTHREADS, "iothread") == {
        "count": 2,
        "devices": [
            {"index": 1, "poll_max_seconds": 32768e-9, "poll_grow": None, "poll_shrink": None},
            {"index": 4, "poll_max_seconds": 0.0, "poll_grow": 2, "poll_shrink": None},
        ],
    }


def test_the_dirty_rate_is_in_bytes() -> None:
    mib = 1024**2
    assert extra(DIRTY_RATE, "dirty_rate") == {
        "status": "measured",
        "mode": "dirty-ring",
        "started_at": 348414,
        "period_seconds": 1,
        "bytes_per_second": 3 * mib,
        "vcpus": [{"index": 0, "bytes_per_second": mib}, {"index": 2, "bytes_per_second": 2 * mib}],
    }


def test_bandwidth_is_by_monitor_and_node() -> None:
    assert extra(BANDWIDTH, "memory_bandwidth") == {
        "monitors": [
            {
                "index": 0,
                "name": "vcpus_0-2",
                "vcpus": "0-2",
                "nodes": [
                    {"index": 0, "id": 0, "local_bytes": 10, "total_bytes": 30},
                    {"index": 1, "id": 1, "local_bytes": None, "total_bytes": None},
                ],
            }
        ]
    }


def test_events_of_perf_have_units_and_those_that_are_not_counted_are_absent() -> None:
    record = {"perf.cmt": 4096, "perf.task_clock": 1_500_000_000, "perf.instructions": 7}
    assert extra(record, "perf") == {
        "cache_bytes": 4096,
        "task_clock_seconds": 1.5,
        "instructions": 7,
    }


def test_what_is_known_is_not_told_twice() -> None:
    assert extra({**RECORD, **IOTHREADS, **DIRTY_RATE, **BANDWIDTH, "perf.cmt": 1}, "other") is None


def test_counters_of_kvm_are_told_for_vcpus_too_where_they_are_asked_for() -> None:
    assert extra({**RECORD, "vm.remote_tlb_flush.sum": 8}, "other") == {
        "vm": {"remote_tlb_flush.sum": 8},
        "vcpu": {"2.exits.sum": 7},
    }


def test_monitors_of_caches_are_passed_on() -> None:
    monitors = {"cpu.cache.monitor.0.name": "vcpus_0", "cpu.cache.monitor.0.bank.0.bytes": 65536}
    counts = {"cpu.cache.monitor.count": 1, "cpu.cache.monitor.0.bank.count": 1}
    assert extra({**RECORD, **monitors, **counts}, "other") == {
        "cpu": {"cache.monitor.0.name": "vcpus_0", "cache.monitor.0.bank.0.bytes": 65536}
    }


def test_what_no_table_knows_is_passed_on_by_its_own_name() -> None:
    record: dict[str, t.Any] = {
        "iothread.1.poll-weight": 3,
        "dirtyrate.vcpu.0.pages": 4,
        "memory.new": 5,
        "memory.bandwidth.monitor.0.node.0.bytes.remote": 6,
        "perf.new_event": 7,
        "perf.": None,
        "vm.remote_tlb_flush.sum": 8,
        "vm.bad": float("nan"),
    }
    assert extra(record, "other") == {
        "iothread": {"1.poll-weight": 3},
        "dirtyrate": {"vcpu.0.pages": 4},
        "memory": {"new": 5, "bandwidth.monitor.0.node.0.bytes.remote": 6},
        "perf": {"new_event": 7, "": None},
        "vm": {"remote_tlb_flush.sum": 8, "bad": None},
    }


NAMES = st.one_of(
    st.sampled_from(
        [*IOTHREADS, *DIRTY_RATE, *BANDWIDTH, "vm.²", "iothread..", "memory.bandwidth.monitor.²."]
    ),
    st.builds(
        "{}.{}".format,
        st.sampled_from(["iothread", "dirtyrate", "memory", "perf", "vm"]),
        st.text(),
    ),
    st.sampled_from([f"perf.{field.source}" for field in fields.PERF]),
)


@given(st.dictionaries(NAMES, WRONG))
def test_no_record_makes_it_raise_or_give_what_json_cannot_carry(record: dict[str, t.Any]) -> None:
    stats = parse_record(record)
    json.dumps(stats, allow_nan=False)
    assert all(
        number >= 0 and math.isfinite(number)
        for number in numbers({name: stats[name] for name in EXTRA})
    )


@given(st.dictionaries(NAMES, st.none() | st.booleans() | st.text() | st.integers(max_value=-1)))
def test_no_number_is_invented(record: dict[str, t.Any]) -> None:
    stats = parse_record(record)
    assert not set(numbers({name: stats[name] for name in EXTRA}))


def test_what_a_newer_libvirt_tells_of_the_usual_groups_is_not_lost() -> None:
    record = {
        **RECORD,
        "state.substate": 2,
        "cpu.energy.monitor.0.joules": 3,
        "balloon.new": 4,
        "vcpu.new": 5,
        "vcpu.0.preempted": 6,
        "net.0.rx.multicast": 7,
        "block.0.limits.request_alignment": 512,
        "block.0.timed_group.0.novelty": 8,
        "block.0.latency_histogram.trim.bin.0.value": 9,
        "dirtylimit.vcpu.0.limit": 10,
    }
    assert extra(record, "other") == {
        "state": {"substate": 2},
        "cpu": {"energy.monitor.0.joules": 3},
        "balloon": {"new": 4},
        "vcpu": {"new": 5, "0.preempted": 6},
        "net": {"0.rx.multicast": 7},
        "block": {
            "0.limits.request_alignment": 512,
            "0.timed_group.0.novelty": 8,
            "0.latency_histogram.trim.bin.0.value": 9,
        },
        "dirtylimit": {"vcpu.0.limit": 10},
    }


def test_what_its_daemon_uses_is_not_told_of_a_domain_that_is_off() -> None:
    assert extra({"state.state": 5, "cpu.time": 1, "cpu.new": 2}, "other") is None


TIMED: dict[str, t.Any] = {
    "block.0.timed_group.count": 2,
    "block.0.timed_group.0.interval_length": 10,
    "block.0.timed_group.0.rd_latency_avg": 1_500_000,
    "block.0.timed_group.0.rd_queue_depth_avg": 0.25,
    "block.0.timed_group.1.interval_length": 60,
}
BINS: dict[str, t.Any] = {
    "block.0.latency_histogram.read.bin.count": 2,
    "block.0.latency_histogram.read.bin.0.start": 0,
    "block.0.latency_histogram.read.bin.0.value": 7,
    "block.0.latency_histogram.read.bin.1.start": 1_000_000,
    "block.0.latency_histogram.read.bin.1.value": 9,
    "block.0.latency_histogram.flush.bin.count": 0,
}


def test_intervals_of_a_disk_have_units() -> None:
    disks = extra({**RECORD, **TIMED}, "block")["devices"]
    short, long = disks[0]["timed_groups"]
    assert (short["index"], short["interval_seconds"], long["interval_seconds"]) == (0, 10, 60)
    assert (short["rd_latency_avg_seconds"], short["rd_queue_depth_avg"]) == (0.0015, 0.25)
    assert (short["wr_latency_avg_seconds"], long["rd_latency_avg_seconds"]) == (None, None)
    assert disks[2]["timed_groups"] is None


def test_histograms_of_a_disk_have_units() -> None:
    disks = extra({**RECORD, **BINS}, "block")["devices"]
    assert disks[0]["latency_histograms"] == {
        "read": [
            {"index": 0, "start_seconds": 0.0, "count": 7},
            {"index": 1, "start_seconds": 0.001, "count": 9},
        ],
        "flush": [],
    }
    assert disks[2]["latency_histograms"] is None
    assert extra({**RECORD, **BINS, **TIMED}, "other") is None
