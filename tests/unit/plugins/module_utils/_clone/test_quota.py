# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Quotas: reading, counting, refusing, and one task at a time."""

from __future__ import annotations

import contextlib
import multiprocessing
import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._clone import quota, tenants
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.quota import (
    Quota,
    QuotaExceeded,
    Usage,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    InvalidInput,
    TimedOut,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK

GIB = 1 << 30


def test_a_quota_is_read_with_units() -> None:
    read = quota.read_quota({"machines": 3, "vcpus": None, "memory": "2GiB", "disk": "1T"}, "shop")
    assert read == Quota(machines=3, memory_bytes=2 * GIB, disk_bytes=1024 * GIB)
    assert read.limits == {"machines": 3, "memory_bytes": 2 * GIB, "disk_bytes": 1024 * GIB}
    assert quota.read_quota(None, None) == Quota()
    assert quota.read_quota({"machines": 0}, "shop").limits == {"machines": 0}


@pytest.mark.parametrize(
    ("option", "tenant", "words"),
    [
        ({"machines": 1}, None, "quota: .* needs a tenant"),
        ({"machines": -1}, "shop", "quota.machines: -1 must be at least 0 machines"),
        ({"memory": "much"}, "shop", "quota.memory: 'much' is not a size"),
    ],
)
def test_what_is_no_quota_is_refused(
    option: dict[str, t.Any], tenant: str | None, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        quota.read_quota(option, tenant)


def test_the_refusal_names_tenant_limit_and_use() -> None:
    with pytest.raises(QuotaExceeded) as caught:
        quota.check_quota(
            "shop",
            Quota(machines=3, vcpus=99, memory_bytes=4 * GIB),
            Usage(2, 4, 3 * GIB, 0),
            Usage(2, 2, 2 * GIB),
        )
    message = caught.value.message
    assert "the tenant 'shop' may not have 2 more machines" in message
    assert "machines: 2 of 3 are used, and 2 more are wanted" in message
    assert (
        f"memory: {3 * GIB} of {4 * GIB} bytes are used, and {2 * GIB} more are wanted" in message
    )
    assert [one["resource"] for one in caught.value.details["exceeded"]] == [
        "machines",
        "memory_bytes",
    ]


NUMBERS = st.integers(0, 20)
USAGES = st.builds(Usage, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
QUOTAS = st.builds(Quota, *[st.none() | NUMBERS] * 4)


@given(QUOTAS, USAGES, USAGES)
def test_what_passes_is_within_every_limit_that_it_adds_to(
    limits: Quota, used: Usage, wanted: Usage
) -> None:
    fits = all(
        getattr(used + wanted, name) <= limit or not getattr(wanted, name)
        for name, limit in limits.limits.items()
    )
    with contextlib.nullcontext() if fits else pytest.raises(QuotaExceeded):
        quota.check_quota("shop", limits, used, wanted)


def add_one(folder: str, rounds: int) -> None:
    for _unused in range(rounds):
        with (
            tenants.hold_lock("shop", 60, SYSTEM_CLOCK, Path(folder)),
            open(f"{folder}/count", "r+") as file,  # noqa: PTH123
        ):
            number = int(file.read())
            file.seek(0)
            file.write(str(number + 1))


def test_tasks_that_add_for_a_tenant_wait_for_each_other(tmp_path: Path) -> None:
    (tmp_path / "count").write_text("0")
    processes = [
        multiprocessing.Process(target=add_one, args=(str(tmp_path), 100)) for _unused in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert (tmp_path / "count").read_text() == "400"


def taken(folder: Path) -> contextlib.AbstractContextManager[None]:
    return tenants.hold_lock("shop", 0, SYSTEM_CLOCK, folder)


def test_one_that_waits_too_long_says_for_what(tmp_path: Path) -> None:
    with (
        taken(tmp_path),
        pytest.raises(TimedOut, match="makes machines of the tenant 'shop'"),
        taken(tmp_path),
    ):
        pytest.fail("it was taken twice")
    with taken(tmp_path):
        pass


def test_a_lock_that_cannot_be_taken_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(HeadroomError, match=r"the tenant 'shop' cannot be used: .*/file"),
        taken(tmp_path / "file"),
    ):
        pytest.fail("it was taken")


def test_a_lock_that_somebody_else_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tenant-shop.lock").symlink_to(tmp_path / "elsewhere")
    with (
        pytest.raises(HeadroomError, match=r"tenant-shop\.lock is a symbolic link"),
        taken(tmp_path),
    ):
        pytest.fail("it was taken")
    assert not (tmp_path / "elsewhere").exists()


def test_the_folder_of_locks_is_nobody_else_s(tmp_path: Path) -> None:
    folder = tmp_path / "headroom"
    with taken(folder):
        assert folder.stat().st_mode & 0o777 == 0o700
        assert next(folder.iterdir()).stat().st_mode & 0o777 == 0o600
