# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
import time
import typing as t

import pytest

from crowd import load, visitors

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Site(http.server.ThreadingHTTPServer):
    """Answers by turns as 1.0, as nobody in particular, and with something that is no HTTP; `visited` once any came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.visited = threading.Event()
        self._lock = threading.Lock()
        self._count = 0

    def take_turn(self) -> int:
        with self._lock:
            self._count += 1
            self.visited.set()
            return self._count % 3

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        turn = t.cast("Site", self.server).take_turn()
        if turn == 0:
            self.wfile.write(b"what?\r\n\r\n")
            return
        self.send_response(200)
        if turn == 1:
            self.send_header("X-Version", "1.0")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: t.Any) -> None:  # noqa: A002 - the parent's name
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield server
        server.shutdown()


def test_each_request_is_counted_by_how_it_went_and_who_answered(site: Site) -> None:
    crowd = load.Load(site.url)
    crowd.run(time.time(), 0.1, [0.0, 60.0])
    tally = load.Tally(**crowd.describe()[1])
    assert (tally.sent, tally.ok, tally.late, tally.failed) == (6, 4, 0, 2)
    assert tally.versions == {"1.0": 2, "": 2}
    assert 0 < tally.slowest_seconds < load.LATE_SECONDS


def test_what_takes_longer_than_a_visitor_waits_is_late() -> None:
    tally = load.Tally()
    tally.add("1.0", load.LATE_SECONDS)
    tally.add("1.0", load.LATE_SECONDS + 0.5)
    tally.add(None, 5.0)
    assert (tally.sent, tally.ok, tally.late, tally.failed) == (3, 1, 1, 1)
    assert tally.slowest_seconds == load.LATE_SECONDS + 0.5


def test_visitors_who_are_sent_home_have_told_what_they_saw(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "tallies.json"
    process = subprocess.Popen(
        [
            sys.executable, load.__file__, "--url", site.url, "--tallies", str(path),
            "--start", str(time.time()), "--interval", "60", "--rates", "1",
        ]
    )  # fmt: skip
    came = visitors.Visitors(process, 0.0, path)
    assert site.visited.wait(20)
    came.stop()
    assert came.tallies()[0].sent >= 1
    assert json.loads(path.read_text()).keys() == {"0"}
