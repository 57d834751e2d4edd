# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``read_certificates``: until when the certificates of libvirt and QEMU are valid."""

from __future__ import annotations

import calendar
import os
import shutil
import subprocess
import time
import typing as t

from .model import Certificate

_PLACES: t.Final = (
    "/etc/pki/CA/cacert.pem",
    "/etc/pki/libvirt/servercert.pem",
    "/etc/pki/libvirt/clientcert.pem",
    "/etc/pki/qemu/ca-cert.pem",
    "/etc/pki/qemu/server-cert.pem",
    "/etc/pki/qemu/client-cert.pem",
)
_SECONDS: t.Final = 15


def read_certificates(now: float) -> tuple[Certificate, ...]:
    """Return those that there are; ``now`` is in epoch seconds."""
    return tuple(_read_certificate(path, now) for path in _PLACES if os.path.lexists(path))


def _read_certificate(path: str, now: float) -> Certificate:
    program = shutil.which("openssl")
    if program is None:
        return Certificate(path, None, "the program openssl is not there")
    try:
        done = subprocess.run(
            [program, "x509", "-noout", "-enddate", "-in", path],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            env={"LC_ALL": "C", "PATH": os.environ.get("PATH", "")},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Certificate(path, None, str(error))
    expiry = parse_expiry(done.stdout)
    if expiry is None:
        return Certificate(path, None, (done.stderr.strip().splitlines() or ["it is none"])[-1])
    return Certificate(path, expiry - now)


def parse_expiry(text: str) -> float | None:
    """Return the epoch seconds that ``notAfter=May  4 09:30:00 2027 GMT`` says; None for any other text."""
    _name, equals, moment = text.strip().partition("notAfter=")
    try:
        parsed = time.strptime(moment, "%b %d %H:%M:%S %Y GMT")
    except ValueError:
        return None
    return float(calendar.timegm(parsed)) if equals else None
