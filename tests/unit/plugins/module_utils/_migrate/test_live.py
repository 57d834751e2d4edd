# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ConnectionFailed,
    LibvirtFailed,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.endpoints import Endpoints
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.live import (
    Limits,
    Progress,
    explain_end,
    explain_no_postcopy,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.model import Request
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)

GIB = 1024**3


def limits(**options: float) -> Limits:
    return Limits(Request("qemu+ssh://b/system", **options), 2 * GIB, began=100.0)  # type: ignore[arg-type]


def test_without_limits_a_migration_takes_as_long_as_it_needs() -> None:
    assert limits().find_exceeded(Progress(left_bytes=1), 1e9) is None


def test_the_smaller_of_both_timeouts_counts() -> None:
    both = limits(timeout=60.0, completion_timeout_per_gib=10.0)
    assert both.find_exceeded(Progress(), 119.9) is None
    assert "timeout" in (both.find_exceeded(Progress(), 120.0) or "")


def test_the_first_look_has_no_figures_and_is_no_progress_to_measure_against() -> None:
    steady = limits(progress_timeout=5.0)
    assert steady.find_exceeded(Progress(), 101.0) is None
    for second in range(60):
        left = Progress(left_bytes=1000 - second, total_bytes=1000)
        assert steady.find_exceeded(left, 104.0 + second) is None


def test_a_limit_of_bandwidth_has_it_pause_after_each_burst() -> None:
    """B6: QEMU copies 16 MiB of a disk at once, and then waits for 8 s at 2 MiB/s."""
    slow = limits(progress_timeout=6.0, bandwidth=2)
    left = Progress()
    for burst in range(10):
        left = Progress(left_bytes=(10 - burst) << 24, total_bytes=10 << 24)
        for second in range(8):
            assert slow.find_exceeded(left, 101.0 + 8 * burst + second) is None
    assert slow.find_exceeded(left, 101.0 + 72 + 13.9) is None
    assert slow.find_exceeded(left, 101.0 + 72 + 14.0)


def test_only_a_new_low_is_progress() -> None:
    patient = limits(progress_timeout=5.0)
    assert patient.find_exceeded(Progress(left_bytes=10, total_bytes=20), 101.0) is None
    assert patient.find_exceeded(Progress(left_bytes=9, total_bytes=20), 105.0) is None
    assert patient.find_exceeded(Progress(left_bytes=12, total_bytes=20), 109.9) is None
    assert "no further for 5 s" in (
        patient.find_exceeded(Progress(left_bytes=11, total_bytes=20), 110.0) or ""
    )


def test_progress_is_read_and_told() -> None:
    stats = {
        "data_processed": 3 << 20,
        "data_remaining": 1 << 20,
        "data_total": 4 << 20,
        "memory_iteration": 2,
        "memory_dirty_rate": 256,
        "memory_page_size": 4096,
        "memory_bps": 1 << 20,
    }
    assert str(Progress.read(stats)) == (
        "75 %, 1 MiB left, pass 2, dirtied at 1 MiB/s, sent at 1 MiB/s, 1 s to go"
    )
    assert str(Progress.read({})).startswith("0 %")


def test_an_end_that_looks_like_a_lost_connection_is_none_while_both_hosts_answer() -> None:
    lost = ConnectionFailed("End of file while reading data", libvirt_code=38)
    with open_connection("test:///default") as source:
        with open_connection("test:///default") as destination:
            sides = Endpoints(source, destination, "")
            refused = explain_end(sides, "web-1", lost)
            assert isinstance(refused, LibvirtFailed)
            assert refused.details == {"libvirt_code": 38}
            assert "/var/log/libvirt/qemu/web-1.log" in refused.message
        assert explain_end(sides, "web-1", lost) is lost


def test_who_may_not_handle_page_faults_is_told_what_gives_them() -> None:
    failed = LibvirtFailed(
        "could not migrate 'a': 'migrate-set-capabilities': Postcopy is not supported",
        libvirt_code=1,
    )
    told = explain_no_postcopy(failed)
    assert told.details == {"libvirt_code": 1}
    assert "Postcopy is not supported: QEMU may not" in told.message
    assert "vm.unprivileged_userfaultfd=1" in told.message
