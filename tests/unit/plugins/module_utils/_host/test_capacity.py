# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host can still take."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._host import capacity
from ansible_collections.headroom.libvirt.plugins.module_utils._host.capacity import (
    CapacityPolicy,
    Resources,
    Share,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.node_xml import (
    HostNetwork,
    HostPool,
    PoolState,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.states import (
    ACTIVE_STATES,
    STATES,
)

GIB = 1024**3

resources = st.builds(Resources, vcpus=st.integers(0, 4096), memory_bytes=st.integers(0, 2**45))
shares = st.lists(st.builds(Share, state=st.sampled_from(STATES), resources=resources), max_size=20)
policies = st.builds(
    CapacityPolicy,
    cpu_overcommit=st.floats(0.1, 64),
    memory_overcommit=st.floats(0.1, 4),
    memory_reserve_bytes=st.integers(0, 2**36),
)


def pool(
    state: PoolState = "running",
    available: int | None = 50,
    capacity_bytes: int | None = 100,
    kind: str = "dir",
) -> HostPool:
    return HostPool("images", kind, "/images", state, True, capacity_bytes, None, available)


@given(shares)
def test_running_is_a_part_of_defined_and_off_is_the_rest(every: list[Share]) -> None:
    off = capacity.add_shares(share for share in every if share.state not in ACTIVE_STATES)
    promised = capacity.add_shares(every)
    assert off.running == Resources()
    assert promised.running + off.defined == promised.defined


@given(shares)
def test_states_add_up_to_the_total(every: list[Share]) -> None:
    counts = capacity.count_states(every)
    assert counts.pop("total") == len(every) == sum(counts.values())
    assert 0 not in counts.values()


def test_a_host_without_domains_promises_nothing() -> None:
    assert capacity.add_shares([]) == capacity.Committed(Resources(), Resources())
    assert capacity.count_states([]) == {"total": 0}


def test_the_reserve_is_taken_off_before_overcommit() -> None:
    allowed = capacity.compute_budget(Resources(8, 10 * GIB), CapacityPolicy(2.5, 2.0, 2 * GIB))
    assert allowed == Resources(20, 16 * GIB)


@given(resources, policies, resources, resources)
def test_free_and_promised_never_exceed_the_budget(
    total: Resources, policy: CapacityPolicy, one: Resources, two: Resources
) -> None:
    allowed = capacity.compute_budget(total, policy)
    left = capacity.compute_free(allowed, one)
    assert left.vcpus >= 0
    assert left.memory_bytes >= 0
    assert left.vcpus + one.vcpus == max(allowed.vcpus, one.vcpus)
    assert left.memory_bytes + one.memory_bytes == max(allowed.memory_bytes, one.memory_bytes)
    after = capacity.compute_free(allowed, one + two)
    assert after.vcpus <= left.vcpus
    assert after.memory_bytes <= left.memory_bytes


def test_only_pools_that_run_have_room() -> None:
    off = HostPool("off", "dir", "/off", "inactive", False)
    assert capacity.list_free_bytes([pool(), off]) == {"images": 50}


@pytest.mark.parametrize(
    ("given_pool", "status"),
    [
        (pool(), "ok"),
        (pool(available=5), "ok"),
        (pool(available=4), "warning"),
        (pool(available=4, kind="rbd"), "warning"),
        # its volumes have all of their room already, or are made elsewhere
        (pool(available=0, kind="logical"), "ok"),
        (pool(available=0, kind="iscsi"), "ok"),
        (pool(kind="holographic"), "warning"),
        (pool("inactive", None, None), "warning"),
        (pool("building", None, None), "warning"),
        (pool("degraded"), "error"),
        (pool("inaccessible", None, None), "error"),
        (pool(available=0, capacity_bytes=0), "ok"),
    ],
)
def test_health_of_a_pool(given_pool: HostPool, status: str) -> None:
    check = capacity.check_pool(given_pool)
    assert (check.check, check.name, check.status) == ("pool", "images", status)


@pytest.mark.parametrize(("active", "status"), [(True, "ok"), (False, "warning")])
def test_health_of_a_network(active: bool, status: str) -> None:
    check = capacity.check_network(HostNetwork("default", active, True, "virbr0", "nat"))
    assert (check.name, check.status) == ("default", status)


@pytest.mark.parametrize(
    ("running", "available", "status", "said"),
    [
        (Resources(4, 6 * GIB), 2 * GIB, "ok", "fit"),
        (Resources(4, 7 * GIB), 2 * GIB, "warning", f"{GIB} bytes more"),
        (Resources(4, 1 * GIB), GIB - 1, "warning", "less than the reserve"),
        (Resources(4, 1 * GIB), None, "ok", "fit"),
    ],
)
def test_health_of_memory(
    running: Resources, available: int | None, status: str, said: str
) -> None:
    promised = capacity.Committed(running, running)
    check = capacity.check_memory(promised, Resources(8, 6 * GIB), available, GIB)
    assert check.status == status
    assert said in check.detail


@pytest.mark.parametrize(("vcpus", "status"), [(8, "ok"), (9, "warning")])
def test_health_of_cpus(vcpus: int, status: t.Any) -> None:
    promised = capacity.Committed(Resources(vcpus, 0), Resources(99, 0))
    assert capacity.check_cpu(promised, Resources(8, 0)).status == status
