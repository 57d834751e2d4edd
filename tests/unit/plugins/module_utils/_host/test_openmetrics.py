# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Prometheus is told of a host, over libvirt's test driver."""

from __future__ import annotations

import datetime as dt
import re
import time
import typing as t

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.headroom.libvirt.plugins.module_utils._host import openmetrics, watch
from ansible_collections.headroom.libvirt.plugins.module_utils._host.capacity import CapacityPolicy
from ansible_collections.headroom.libvirt.plugins.module_utils._host.survey import read_host
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)

if t.TYPE_CHECKING:
    from pathlib import Path

NOW = 1_800_000_000.0
GIB = 1 << 30
DEPENDENCY = {"kind": "move", "since": "2026-05-04T09:30:00Z"}


@pytest.fixture
def host() -> dict[str, t.Any]:
    with open_connection("test:///default") as connection:
        read = read_host(connection, CapacityPolicy(4.0, 1.0, GIB), with_guests=True)
    return {**read, "maintenance": None}


def read_samples(text: str) -> dict[str, float]:
    """Return each sample, which must be there once, under its name and labels."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    pairs = [line.rsplit(" ", 1) for line in lines]
    assert len({name for name, _value in pairs}) == len(pairs)
    return {name.removesuffix("{}"): float(value) for name, value in pairs}


def render(host: dict[str, t.Any], **known: t.Any) -> dict[str, float]:
    return read_samples(openmetrics.render_host(host, openmetrics.Watch(NOW, **known)))


def test_the_samples_are_what_the_module_returns(host: dict[str, t.Any]) -> None:
    samples = render(host)
    assert samples["headroom_host_read_timestamp_seconds"] == NOW
    assert samples["headroom_host_cpu_threads"] == host["cpu"]["threads"]
    assert samples["headroom_host_free_memory_bytes"] == host["free"]["memory_bytes"]
    assert samples["headroom_host_running_vcpus"] == host["committed"]["running"]["vcpus"]
    assert samples['headroom_host_domains{state="running"}'] == host["domains"]["running"]
    (pool,) = host["pools"]
    labels = f'{{pool="{pool["name"]}",type="{pool["type"]}"}}'
    assert samples[f"headroom_host_pool_available_bytes{labels}"] == pool["available_bytes"]
    assert samples['headroom_host_health{check="network",name="default"}'] == 0
    assert samples["headroom_host_maintenance"] == 0


def test_what_is_not_known_has_no_sample(host: dict[str, t.Any]) -> None:
    host["memory"]["available_bytes"] = None
    host["pools"][0]["available_bytes"] = None
    host["health"].append(
        {"check": "maintenance", "status": "warning", "detail": "x", "name": None}
    )
    names = {re.split(r"[{]", name)[0] for name in render(host)}
    assert names.isdisjoint(
        f"headroom_host_{name}"
        for name in (
            "memory_available_bytes",
            "pool_available_bytes",
            "maintenance",
            "unfinished_transactions",
            "certificate_expiry_timestamp_seconds",
        )
    )


def test_of_several_findings_about_one_thing_the_worst_counts(host: dict[str, t.Any]) -> None:
    finding = {"check": "pool", "detail": "x", "name": 'a"b'}
    host["health"] += [{**finding, "status": status} for status in ("ok", "error", "warning")]
    assert render(host)['headroom_host_health{check="pool",name="a\\"b"}'] == 2


def test_a_host_in_maintenance_and_a_guest_that_is_not_whole(host: dict[str, t.Any]) -> None:
    host["maintenance"] = {"since": NOW}
    host["guests"][0]["dependency"] = DEPENDENCY
    samples = render(host)
    assert samples["headroom_host_maintenance"] == 1
    (since,) = [value for name, value in samples.items() if "incomplete_since" in name]
    assert since == dt.datetime(2026, 5, 4, 9, 30, tzinfo=dt.UTC).timestamp()


def test_only_transactions_that_were_left_count(host: dict[str, t.Any]) -> None:
    left = openmetrics.Transaction("clone", NOW - 60, alive=False)
    alive = openmetrics.Transaction("migrate", NOW - 90, alive=True)
    samples = render(host, transactions=(alive, left, left))
    assert samples['headroom_host_unfinished_transactions{kind="clone"}'] == 2
    assert 'headroom_host_unfinished_transactions{kind="migrate"}' not in samples
    assert samples["headroom_host_oldest_unfinished_transaction_timestamp_seconds"] == NOW - 60
    none = render(host, transactions=(alive,))
    assert none['headroom_host_unfinished_transactions{kind=""}'] == 0


def write_certificate(path: Path, until: dt.datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kvm1")])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1)
    valid = builder.not_valid_before(until - dt.timedelta(days=9)).not_valid_after(until)
    pem = valid.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    path.write_bytes(pem)


def test_when_certificates_expire_and_which_cannot_be_read(tmp_path: Path) -> None:
    until = dt.datetime(2031, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
    good, spoilt, missing = (tmp_path / name for name in ("good.pem", "spoilt.pem", "missing.pem"))
    write_certificate(good, until)
    spoilt.write_text("-----BEGIN CERTIFICATE-----\n")
    journal = Journal(str(tmp_path / "journal.sqlite"))
    paths = [str(path) for path in (good, spoilt, missing)]
    read, checks = watch.read_watch("qemu:///system", journal, NOW, paths)
    assert read == openmetrics.Watch(NOW, (), {str(good): until.timestamp()})
    assert [(check.check, check.status, check.name) for check in checks] == [
        ("certificate", "warning", str(spoilt))
    ]
    assert not (tmp_path / "journal.sqlite").exists()


def test_transactions_come_from_the_journal(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / "journal.sqlite"))
    before = time.time()
    with pytest.raises(ZeroDivisionError), journal.begin("clone", "web-1", {}):
        raise ZeroDivisionError
    with journal.begin("migrate", "web-2", {}):
        read, _checks = watch.read_watch("qemu:///system", journal, NOW, [])
    assert read.transactions is not None
    assert [(one.kind, one.alive) for one in read.transactions] == [
        ("clone", False),
        ("migrate", True),
    ]
    assert before <= read.transactions[0].started <= time.time()


def test_of_a_host_that_is_elsewhere_no_file_is_read(tmp_path: Path) -> None:
    read = watch.read_watch("qemu+ssh://kvm2/system", Journal(str(tmp_path / "j")), NOW)
    assert read == (openmetrics.Watch(NOW), [])
