# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``read_watch``: what Prometheus is to know of a host beside its facts, from files of this machine."""

from __future__ import annotations

import ssl
import subprocess
import typing as t
from pathlib import Path

from ansible_collections.headroom.libvirt.plugins.module_utils._uris import leads_here

from .capacity import Check
from .openmetrics import Transaction, Watch

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal

# https://libvirt.org/kbase/tlscerts.html and default_tls_x509_cert_dir of libvirt's qemu.conf.
CERTIFICATES: t.Final = (
    "/etc/pki/CA/cacert.pem",
    "/etc/pki/libvirt/servercert.pem",
    "/etc/pki/libvirt/clientcert.pem",
    "/etc/pki/qemu/ca-cert.pem",
    "/etc/pki/qemu/server-cert.pem",
    "/etc/pki/qemu/client-cert.pem",
)
_LONGEST_SECONDS: t.Final = 10.0
_PREFIX: t.Final = "notAfter="


def read_watch(
    uri: str, journal: Journal, now: float, paths: t.Iterable[str] = CERTIFICATES
) -> tuple[Watch, list[Check]]:
    """Return what is known at ``now``, and what was in the way of it; nothing of a host that is elsewhere."""
    if not leads_here(uri):
        return Watch(now), []
    certificates: dict[str, float] = {}
    checks: list[Check] = []
    for path in filter(_exists, paths):
        try:
            certificates[path] = read_expiry(path)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            checks.append(Check("certificate", "warning", f"cannot be read: {error}", path))
    return Watch(now, _read_transactions(journal), certificates), checks


def read_expiry(path: str) -> float:
    """Return the epoch seconds at which the first certificate of a PEM file expires.

    Raises OSError where there is no openssl, SubprocessError when it takes too long, ValueError for no certificate.
    """
    process = subprocess.run(
        ["openssl", "x509", "-noout", "-enddate", "-in", path],
        check=False,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=_LONGEST_SECONDS,
    )
    answer = process.stdout.decode(errors="replace").strip()
    if process.returncode or not answer.startswith(_PREFIX):
        raise ValueError("openssl finds no certificate in it")
    return float(ssl.cert_time_to_seconds(answer[len(_PREFIX) :]))


def _exists(path: str) -> bool:
    """Return whether there is such a file; what lies in a folder that is not ours to read does not count."""
    try:
        return Path(path).exists()
    except OSError:
        return False


def _read_transactions(journal: Journal) -> tuple[Transaction, ...]:
    return tuple(
        Transaction(record.kind, record.started, record.alive)
        for record in journal.list_unfinished()
    )
