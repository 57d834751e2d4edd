# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Demand from a real Prometheus: the same plan as from the history of our own, and clear words for what goes wrong."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import math
import subprocess
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tools.prometheus import binaries

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Lab

HERE = Path(__file__).parent / "prometheus"
ADDRESS = "10.77.0.1"  # the controller's, in the lab's network
INTERVAL = 300
SLOTS = 2 * 288
# Connections are made, since the kernel makes them, and nobody ever answers.
SILENT = [
    "/usr/bin/python3",
    "-c",
    f"import socket, time; s = socket.create_server(('{ADDRESS}', 9091)); time.sleep(600)",
]


@dataclass(frozen=True)
class Server:
    """A Prometheus that knows `demand`, a value a slot and None where it has none, up to the slot `last`."""

    demand: tuple[float | None, ...]
    last: int
    folder: Path

    def csv(self) -> str:
        """The same demand without the last value, which is the present one."""
        rows = [
            f"{self.moment(index)},{'' if value is None else value}"
            for index, value in enumerate(self.demand)
        ]
        return "\n".join(["timestamp,demand", *rows[:-1], ""])

    def moment(self, index: int) -> int:
        """The start of a slot in epoch seconds."""
        return self.last - (len(self.demand) - 1 - index) * INTERVAL


def authority(name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate of the lab's address that has signed itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    names = [x509.IPAddress(ipaddress.ip_address(ADDRESS))]
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def write_certificates(folder: Path) -> None:
    """The server's certificate and key, and the certificate of somebody else."""
    ours, key = authority("prometheus")
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ours.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    )
    (folder / "other.pem").write_bytes(authority("somebody else")[0].public_bytes(pem))
    (folder / "web.yml").write_text("tls_server_config: {cert_file: ca.pem, key_file: key.pem}\n")


def backfill(folder: Path, server: Server) -> None:
    """Write the demand, with a gap and a NaN for what is not known, and a metric of two series."""
    lines = ["# TYPE demand gauge"]
    for index, value in enumerate(server.demand):
        if value is not None or index % 2:
            lines.append(f"demand {'NaN' if value is None else value} {server.moment(index)}")
    lines += [
        "# TYPE parts gauge",
        *(f'parts{{part="{part}"}} {part} {server.last}' for part in (1, 2)),
        "# EOF",
        "",
    ]
    (folder / "demand.om").write_text("\n".join(lines))
    command = [
        str(binaries() / "promtool"),
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        "demand.om",
        "data",
    ]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@pytest.fixture
def server(lab: Lab, tmp_path: Path) -> Iterator[Server]:
    last = int(time.time()) // INTERVAL * INTERVAL
    missing = {100, 101, 211, 400}
    wave = [
        None if slot in missing else round(60 + 50 * math.sin(slot / 46), 3)
        for slot in range(SLOTS)
    ]
    known = Server((*wave, 150.0), last, tmp_path)
    write_certificates(tmp_path)
    backfill(tmp_path, known)
    (tmp_path / "prometheus.yml").write_text("{}\n")
    command = [
        str(binaries() / "prometheus"),
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        f"--web.listen-address={ADDRESS}:9090",
        "--web.config.file=web.yml",
        "--query.lookback-delta=1m",  # its usual five minutes would fill a gap of one interval
    ]
    processes = [lab.start(*words, cwd=tmp_path) for words in (command, SILENT)]
    try:
        yield known
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=30)


def test_the_same_plan_through_prometheus_as_through_our_history(lab: Lab, server: Server) -> None:
    (server.folder / "demand.csv").write_text(server.csv())
    variables = {
        "folder": str(server.folder),
        "last": server.last,
        "demand": server.demand,
        "address": ADDRESS,
    }
    (server.folder / "variables.json").write_text(json.dumps(variables))
    lab.playbook(HERE / "playbook.yml", variables=str(server.folder / "variables.json"))
