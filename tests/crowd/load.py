# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sends real HTTP requests at a scheduled rate to one address, and writes down how each went.

Runs inside the lab's network as a process of its own. It ends by itself when the schedule does.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import dataclasses
import json
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

LATE_SECONDS = 1.0
TIMEOUT_SECONDS = 5.0
# More than are under way at once: those that are late must not hold up those that are due.
_WORKERS = 256


@dataclasses.dataclass
class Tally:
    """How the requests of one interval went."""

    sent: int = 0
    ok: int = 0
    late: int = 0
    failed: int = 0
    received_bytes: int = 0


class Load:
    """Open-loop load: a request is due whether or not the ones before it were answered, as with real visitors."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self.tallies: dict[int, Tally] = collections.defaultdict(Tally)

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
        size = self._get()
        late = time.time() - due > LATE_SECONDS
        with self._lock:
            tally = self.tallies[index]
            tally.sent += 1
            tally.failed += size is None
            tally.late += size is not None and late
            tally.ok += size is not None and not late
            tally.received_bytes += size or 0

    def _get(self) -> int | None:
        """Return the bytes of the answer, None without one."""
        try:
            with urllib.request.urlopen(self._url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - the lab's balancer
                return len(answer.read())
        except (OSError, urllib.error.URLError, ValueError):
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
    fresh.write_text(
        json.dumps(
            {index: dataclasses.asdict(tally) for index, tally in list(load.tallies.items())}
        )
    )
    fresh.replace(path)


if __name__ == "__main__":
    main()
