# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sends real HTTP requests at a scheduled rate to one address, and writes down how each went.

Runs inside the lab's network as a process of its own. It ends by itself when the schedule does, or when it is told to,
once what is under way has been answered.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import dataclasses
import http.client
import json
import signal
import sys
import threading
import time
import typing as t
import urllib.request
from pathlib import Path

LATE_SECONDS = 1.0
TIMEOUT_SECONDS = 5.0
# More than are under way at once: those that are late must not hold up those that are due.
_WORKERS = 256


@dataclasses.dataclass
class Tally:
    """How the requests of one interval went; `versions` counts the answers by the version that gave them."""

    sent: int = 0
    ok: int = 0
    late: int = 0
    failed: int = 0
    slowest_seconds: float = 0.0
    versions: dict[str, int] = dataclasses.field(default_factory=dict)

    def add(self, version: str | None, seconds: float) -> None:
        """Count a request that took so long, from when it was due; None: it was not answered."""
        self.sent += 1
        if version is None:
            self.failed += 1
            return
        self.late += seconds > LATE_SECONDS
        self.ok += seconds <= LATE_SECONDS
        self.slowest_seconds = max(self.slowest_seconds, seconds)
        self.versions[version] = self.versions.get(version, 0) + 1


class Load:
    """Open-loop load: a request is due whether or not the ones before it were answered, as with real visitors."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._tallies: dict[int, Tally] = collections.defaultdict(Tally)

    def describe(self) -> dict[int, dict[str, t.Any]]:
        """The tallies so far, for JSON."""
        with self._lock:
            return {index: dataclasses.asdict(tally) for index, tally in self._tallies.items()}

    def run(self, start: float, interval: float, rates: list[float]) -> None:
        """Send `rates[i]` requests a second during interval i after `start` (epoch seconds)."""
        with concurrent.futures.ThreadPoolExecutor(_WORKERS) as pool:
            for index, rate in enumerate(rates):
                count = round(rate * interval)
                for number in range(count):
                    due = start + (index + number / count) * interval
                    time.sleep(max(0.0, due - time.time()))
                    pool.submit(self._request, index, due)

    def _request(self, index: int, due: float) -> None:
        version = self._get()
        seconds = time.time() - due
        with self._lock:
            self._tallies[index].add(version, seconds)

    def _get(self) -> str | None:
        """Return which version the answer says that it is of, empty where it does not; None without an answer."""
        try:
            with urllib.request.urlopen(self._url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - the lab's balancer
                answer.read()
                return str(answer.headers.get("X-Version", ""))
        except (OSError, http.client.HTTPException, ValueError):
            return None


def main() -> None:
    """Run the schedule; keep the tallies in a file that others may read at any time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--tallies", type=Path, required=True)
    parser.add_argument("--start", type=float, required=True)
    parser.add_argument("--interval", type=float, required=True)
    parser.add_argument("--rates", type=float, nargs="+", required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit())
    load = Load(options.url)
    done = threading.Event()

    def keep() -> None:
        while not done.wait(1.0):
            _write(options.tallies, load)

    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        load.run(options.start, options.interval, options.rates)
    finally:
        done.set()
        keeper.join()
        _write(options.tallies, load)


def _write(path: Path, load: Load) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(load.describe()))
    fresh.replace(path)


if __name__ == "__main__":
    main()
