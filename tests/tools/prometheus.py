# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real Prometheus: Debian's, with what a test backfills or exports, for as long as the test lasts."""

from __future__ import annotations

import contextlib
import http
import http.client
import http.server
import shutil
import socket
import struct
import subprocess
import threading
import time
import typing as t
from dataclasses import dataclass

from lab import cache

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

LOOPBACK = "127.0.0.1"
_START_SECONDS = 60
_PROTOBUF = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)


def binaries() -> Path:
    """Debian's prometheus and promtool, taken out of the package: installing it would start a server."""

    def build(folder: Path) -> None:
        subprocess.run(["apt-get", "-q", "download", "prometheus"], cwd=folder, check=True)
        (package,) = folder.glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True)
        package.unlink()
        shutil.rmtree(folder / "usr/share")

    return cache.obtain(cache.item_name("prometheus", "apt-get download", "1"), build) / "usr/bin"


def backfill(folder: Path, lines: Iterable[str]) -> None:
    """Put samples in the text format of OpenMetrics into the database that a server of ``folder`` has."""
    (folder / "samples.om").write_text("\n".join([*lines, "# EOF", ""]))
    command = [str(binaries() / "promtool"), "tsdb", "create-blocks-from", "openmetrics"]
    subprocess.run([*command, "samples.om", "data"], cwd=folder, check=True, capture_output=True)


def find_port() -> int:
    """A port of the loopback on which nobody listens."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@dataclass
class Server:
    """A Prometheus in ``folder`` on ``port`` of the loopback; ``config`` is its configuration as YAML."""

    folder: Path
    port: int
    config: str = "{}\n"
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where to ask."""
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers. It dies with whoever started it."""
        (self.folder / "prometheus.yml").write_text(self.config)
        command = [
            *("setpriv", "--pdeathsig", "KILL", str(binaries() / "prometheus")),
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            f"--web.listen-address={LOOPBACK}:{self.port}",
            "--enable-feature=native-histograms",
        ]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "server.log").read_text())
            time.sleep(0.05)

    def stop(self) -> None:
        """End it at once, as a power cut does; it may be started again."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def is_ready(self) -> bool:
        """Whether it answers."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get("/-/ready")[0] == http.HTTPStatus.OK
        return False

    def get(self, path: str) -> tuple[int, bytes]:
        """Return the status and the body that it answers, without any of the collection's code."""
        with contextlib.closing(http.client.HTTPConnection(LOOPBACK, self.port, timeout=30)) as way:
            way.request("GET", path)
            answer = way.getresponse()
            return answer.status, answer.read()


class Exporter(http.server.ThreadingHTTPServer):
    """Says what its ``gauges`` are, and a native histogram where whoever asks can read one."""

    def __init__(self, gauges: Mapping[str, float]) -> None:
        super().__init__((LOOPBACK, 0), _ExporterHandler)
        self.gauges = dict(gauges)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class _ExporterHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        gauges = t.cast("Exporter", self.server).gauges
        body = b"".join(_write_gauge(name, value) for name, value in gauges.items())
        self.send_response(200)
        self.send_header("Content-Type", _PROTOBUF)
        self.end_headers()
        self.wfile.write(body + _write_histogram("waited"))

    def log_message(self, *_arguments: t.Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def export(gauges: Mapping[str, float]) -> Iterator[Exporter]:
    """Yield an exporter that is up."""
    exporter = Exporter(gauges)
    thread = threading.Thread(target=exporter.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield exporter
    finally:
        exporter.shutdown()
        thread.join()
        exporter.server_close()


# https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto, of which these are the
# fields that are needed, by https://protobuf.dev/programming-guides/encoding: native histograms have no other form.
def _write_gauge(name: str, value: float) -> bytes:
    return _write_family(name, 1, _field(2, _double(1, value)))


def _write_histogram(name: str) -> bytes:
    span = _varint(1, 0) + _varint(2, 2)
    buckets = _field(12, span) + _varint(13, 6) + _varint(13, 0)  # 3 in each of two, zigzag
    content = _varint(1, 6) + _double(2, 9.0) + _varint(5, 0) + _double(6, 1e-128) + _varint(7, 0)
    return _write_family(name, 4, _field(7, content + buckets))


def _write_family(name: str, kind: int, metric: bytes) -> bytes:
    family = _field(1, name.encode()) + _varint(3, kind) + _field(4, metric)
    return _encode(len(family)) + family


def _field(number: int, content: bytes) -> bytes:
    return _encode(number << 3 | 2) + _encode(len(content)) + content


def _varint(number: int, value: int) -> bytes:
    return _encode(number << 3) + _encode(value)


def _double(number: int, value: float) -> bytes:
    return _encode(number << 3 | 1) + struct.pack("<d", value)


def _encode(value: int) -> bytes:
    octets = bytearray()
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*octets, value])
