# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""domain_stats_info over guests that are made up: `python -m bench.simulated_stats GUESTS [BYTES]`.

libvirt and QEMU are left out: what is measured is our own part for each guest. With BYTES, the process may have no more
memory than that beyond what it has when it begins to read.
"""

from __future__ import annotations

import functools
import importlib
import json
import resource
import sys
import time
import types
import typing as t

from ansible.module_utils.basic import remove_values
from ansible.plugins.loader import init_plugin_loader

_COLLECTION = "ansible_collections.headroom.libvirt.plugins"

# Three years of a busy guest with two disks, two NICs and four vCPUs.
_COUNTER = 3_141_592_653_589
_BALLOON = (
    "current",
    "maximum",
    "rss",
    "available",
    "unused",
    "usable",
    "disk_caches",
    "swap_in",
    "swap_out",
)
_BLOCK = (
    "rd.reqs",
    "rd.bytes",
    "rd.times",
    "wr.reqs",
    "wr.bytes",
    "wr.times",
    "fl.reqs",
    "fl.times",
)
RECORD: dict[str, t.Any] = {
    "state.state": 1,
    "state.reason": 1,
    **dict.fromkeys(("cpu.time", "cpu.user", "cpu.system"), _COUNTER),
    **dict.fromkeys((f"balloon.{name}" for name in _BALLOON), 4_194_304),
    "balloon.major_fault": 1,
    "balloon.minor_fault": 1,
    "balloon.last-update": 1_767_225_600,
    "vcpu.current": 4,
    "vcpu.maximum": 4,
    **{
        f"vcpu.{index}.{name}": _COUNTER for index in range(4) for name in ("time", "wait", "delay")
    },
    **{f"vcpu.{index}.state": 1 for index in range(4)},
    "net.count": 2,
    **{f"net.{index}.name": f"vnet{index}" for index in range(2)},
    **{
        f"net.{index}.{way}.{name}": _COUNTER
        for index in range(2)
        for way in ("rx", "tx")
        for name in ("bytes", "pkts", "errs", "drop")
    },
    "block.count": 2,
    **{f"block.{index}.name": f"vd{'ab'[index]}" for index in range(2)},
    **{f"block.{index}.path": f"/var/lib/libvirt/images/web-1-{index}.qcow2" for index in range(2)},
    **{f"block.{index}.{name}": _COUNTER for index in range(2) for name in _BLOCK},
    **{
        f"block.{index}.{name}": 10**10
        for index in range(2)
        for name in ("allocation", "capacity", "physical")
    },
}


class Guest:
    """What libvirt-python's domain is to those who read."""

    def __init__(self, index: int) -> None:
        self._index = index

    def name(self) -> str:
        """Its name."""
        return f"web-{self._index}"

    def UUIDString(self) -> str:  # noqa: N802
        """Its UUID."""
        return f"8f6d1c9e-6a5b-4c1e-9d57-{self._index:012x}"

    def ID(self) -> int:  # noqa: N802
        """Its number."""
        return self._index + 1


class Handle:
    """What libvirt-python's connection is to those who read; every number is a fresh one, as libvirt's are."""

    def __init__(self, guests: int) -> None:
        self._guests = [Guest(index) for index in range(guests)]
        self._record = json.dumps(RECORD)

    def listAllDomains(self, _flags: int) -> list[Guest]:  # noqa: N802
        """All guests."""
        return self._guests

    def domainListGetStats(  # noqa: N802
        self, domains: list[Guest], _groups: int, _flags: int
    ) -> list[tuple[Guest, dict[str, t.Any]]]:
        """Their records."""
        return [(domain, json.loads(self._record)) for domain in domains]


def measure(guests: int, room: int | None) -> dict[str, t.Any]:
    """`{seconds, floor_seconds, peak_bytes}` of so many guests, or `{error, message}` of what went wrong.

    The floor is what Ansible does with such a result, whatever module it comes from.
    """
    init_plugin_loader()
    module = importlib.import_module(f"{_COLLECTION}.modules.domain_stats_info")  # found only now
    connection = importlib.import_module(f"{_COLLECTION}.module_utils._virt.connection").Connection(
        Handle(guests), "test:///"
    )
    errors = importlib.import_module(f"{_COLLECTION}.module_utils._errors")
    params = {name: option.get("default") for name, option in module.ARGUMENTS.options.items()} | {
        "workers": 1
    }
    before = _peak_bytes()
    if room is not None:
        most = _pages(0) + room
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    started = time.perf_counter()
    try:
        result = module.read_statistics(
            connection,
            types.SimpleNamespace(params=params, check_mode=False),
            functools.partial(module.collect, connection),
        )
        read = time.perf_counter()
        text = json.dumps(remove_values(result, {"secret"}))
    except (RuntimeError, MemoryError, errors.HeadroomError) as error:
        return {"error": type(error).__name__, "message": str(error)}
    ended = time.perf_counter()
    assert text.count('"timed_out": false') == guests
    return {
        "seconds": ended - started,
        "floor_seconds": ended - read,
        "peak_bytes": _peak_bytes() - before,
    }


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _pages(column: int) -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 (as cheap as can be)
        return int(statm.read().split()[column]) * resource.getpagesize()


if __name__ == "__main__":
    json.dump(
        measure(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None), sys.stdout
    )
