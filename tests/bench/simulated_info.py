# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""domain_info over hosts that are simulated: `python -m bench.simulated_info HOSTS GUESTS [BYTES]`.

The module runs as it is, with threads, processes and all; in SSH's place stands a program that sends what a host's
reader would. With BYTES, the process may have no more memory than that beyond what it has when it begins.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import tempfile
import time
import types
import typing as t
import zlib
from pathlib import Path

from ansible.module_utils.basic import remove_values
from ansible.plugins.loader import init_plugin_loader

from bench import simulated

_COLLECTION = "ansible_collections.headroom.libvirt.plugins"
_MAGIC = b"headroom-look-1:"
_SSH = """#!/bin/sh
while [ "$1" != -- ]; do shift; done
exec cat "${0%/*}/$2"
"""


def make_hosts(folder: Path, hosts: int, guests: int) -> list[str]:
    """Make hosts with so many guests each; their URIs."""
    command = folder / "ssh"
    command.write_text(_SSH)
    command.chmod(0o755)
    for host in range(hosts):
        text = json.dumps(simulated.report(host, guests))
        (folder / f"kvm{host}").write_bytes(_MAGIC + zlib.compress(text.encode(), 1))
    return [f"qemu+ssh://kvm{host}/system?command={command}" for host in range(hosts)]


def measure(hosts: int, guests: int, room: int | None) -> dict[str, t.Any]:
    """`{seconds, floor_seconds, peak_bytes, result_bytes}` of so many guests on each host, or `{error, message}`.

    The seconds are the process's own. The floor is what it does with such a result, whatever module it comes from.
    """
    init_plugin_loader()
    module = importlib.import_module(f"{_COLLECTION}.modules.domain_info")  # found only now
    errors = importlib.import_module(f"{_COLLECTION}.module_utils._errors")
    params = {name: option.get("default") for name, option in module.ARGUMENTS.options.items()}
    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as name:
        uris = make_hosts(Path(name), hosts, guests)
        task = types.SimpleNamespace(
            params={**params, "uris": uris, "journal": f"{name}/journal"}, warn=print
        )
        before = _peak_bytes()
        if room is not None:
            most = _size_bytes() + room
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
        started = time.process_time()
        try:
            result = module.read_domains(task)
            read = time.process_time()
            text = json.dumps(remove_values(result, {"secret"}))
        except (RuntimeError, MemoryError, errors.HeadroomError) as error:
            return {"error": type(error).__name__, "message": str(error)}
    ended = time.process_time()
    assert [row["domains"] for row in result["hosts"]] == [guests] * hosts
    assert text.count('"problem": null') == hosts * guests + hosts
    return {
        "seconds": ended - started,
        "floor_seconds": ended - read,
        "peak_bytes": _peak_bytes() - before,
        "result_bytes": len(text),
    }


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _size_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 (as cheap as can be)
        return int(statm.read().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    json.dump(measure(numbers[0], numbers[1], numbers[2] if numbers[2:] else None), sys.stdout)
