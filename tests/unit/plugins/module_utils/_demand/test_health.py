# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asking members: the test driver's guests have no service, so what answers here are sockets of this machine."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
import time
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._demand import health
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import Database
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.health import Target
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.verdict import (
    Finding,
    HealthCheck,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

DOMAIN = "<domain type='test'><name>{name}</name><memory unit='MiB'>64</memory><os><type>hvm</type></os></domain>"


class _Service(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(self.path.rpartition("/")[2]))
        self.end_headers()

    def log_message(self, *_arguments: t.Any) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> t.Iterator[int]:
    """Return the port of a service that answers /N with the status N."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@contextlib.contextmanager
def listen(answer: bytes) -> t.Iterator[int]:
    """Yield the port of what takes connections, and sends each ``answer`` and nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connections = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _address = server.accept()
                    connections.append(connection)
                    connection.sendall(answer)

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)  # which ends the wait for another
        serving.join()
        for connection in connections:
            connection.close()


def ask(port: int | None, path: str | None = None, timeout: float = 2.0) -> Finding:
    return health._ask_port(HealthCheck(port=port, path=path, timeout=timeout), "127.0.0.1")


def test_what_answers_passes(port: int) -> None:
    assert ask(port).kind == "passed"
    assert ask(port, "/200").kind == "passed"


def test_a_service_that_says_that_it_fails_is_not_taken_for_one_that_is_gone(port: int) -> None:
    assert ask(port, "/500") == Finding("failing", "/500 answers 500")


def test_a_port_on_which_nothing_listens_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    assert ask(free) == Finding("refused", f"nothing listens on port {free} of 127.0.0.1")


@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n" * 3, b"\x00\xff" * 40 + b"\n"])
def test_what_is_no_http_fails_and_does_no_harm(answer: bytes) -> None:
    with listen(answer) as odd:
        assert ask(odd, "/health", timeout=0.3).kind in ("failing", "silent")


def test_a_service_that_takes_connections_and_says_nothing_is_silent() -> None:
    with listen(b"") as mute:
        assert ask(mute, "/health", timeout=0.2).kind == "silent"


def test_one_that_never_ends_holds_up_nobody() -> None:
    """A guest that sends a byte now and then is given up on, and the others' answers stay."""
    release = threading.Event()

    def answer(target: Target) -> Finding:
        if target.name == "slow":
            release.wait(20)
        return Finding("passed")

    targets = [Target(name, name, "running") for name in ("a", "slow", "b")]
    begin = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(health, "_PATIENCE_SECONDS", 0.2)
        answers = health._ask_all(targets, answer, HealthCheck(timeout=0.1))
    release.set()
    assert time.monotonic() - begin < 5
    assert {name: finding.kind for name, finding in answers.items()} == {
        "a": "passed",
        "b": "passed",
        "slow": "silent",
    }


def test_a_host_is_asked_for_addresses_and_for_who_hangs(node: Connection) -> None:
    targets = []
    for name in ("web-1", "web-2"):
        domain = node.handle.defineXMLFlags(DOMAIN.format(name=name))
        domain.createWithFlags()
        targets.append(Target(domain.UUIDString(), name, "running"))
    targets.append(Target("gone", "web-3", "paused", "ioerror"))
    check = HealthCheck(port=80, timeout=0.5)
    kinds = [finding.kind for finding in health.probe(node, check, targets).values()]
    assert kinds == ["no address", "no address", "io error"]
    assert [f.kind for f in health.probe(node, HealthCheck(timeout=0.5), targets).values()] == [
        "passed",
        "passed",
        "io error",
    ]


def test_failures_are_counted_over_runs_and_forgotten_with_the_machine(tmp_path: Path) -> None:
    database, check = Database(str(tmp_path / "h.sqlite")), HealthCheck(port=80)

    def run(now: float, *targets: Target) -> dict[str, t.Any]:
        findings = {target.uuid: Finding("refused", "no") for target in targets}
        return database.run(
            lambda opened: health.keep(opened, "web", check, targets, findings, now), now
        )[0]

    target = Target("u", "web-1", "running")
    assert run(1000.0, target)["u"].healthy is None
    assert run(1300.0, target)["u"].healthy is False
    run(1600.0)
    assert run(1900.0, target)["u"].healthy is None
