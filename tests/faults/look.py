# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python3 - < look.py`, on a host: what the verdict needs to know of it, as one JSON object.

Only the standard library, libvirt's and lxml: it is sent as text.
"""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import typing as t
from pathlib import Path

import libvirt
from lxml import etree

IMAGES = "/var/lib/libvirt/images"
EXPORTS = range(49216, 49280)


def main() -> None:
    connection = libvirt.open("qemu:///system")
    for pool in connection.listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE):
        pool.refresh()
    domains = {domain.name(): describe(domain) for domain in connection.listAllDomains()}
    print(
        json.dumps(
            {
                "domains": domains,
                "files": sorted(path.name for path in Path(IMAGES).iterdir()),
                "ports": sorted(listening()),
                "unfinished": list(unfinished()),
            }
        )
    )


def describe(domain: libvirt.virDomain) -> dict[str, t.Any]:
    state = subprocess.run(
        ["virsh", "-q", "domstate", "--reason", domain.name()],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    defined, live = set(), set()
    if domain.isPersistent():
        defined = set(chain(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)))
    if domain.isActive():
        live = set(chain(domain.XMLDesc()))
    layers = sorted(defined | live)
    return {
        "state": state,
        "persistent": bool(domain.isPersistent()),
        "autostart": bool(domain.isPersistent() and domain.autostart()),
        "layers": layers,
        "missing": [
            layer for layer in layers if layer.startswith("/") and not Path(layer).exists()
        ],
        "network": [
            layer if layer in live else f"{layer} (by its definition)"
            for layer in layers
            if not layer.startswith("/")
        ],
    }


def chain(text: str) -> t.Iterator[str]:
    """What the disks of a definition stand on, by the definition and by the headers of the files themselves."""
    for disk in etree.fromstring(text).iterfind("devices/disk[@device='disk']"):
        for source in disk.iter("source"):
            if source.get("file"):
                yield from headers(source.get("file", ""))
            elif source.get("protocol"):
                yield f"{source.get('protocol')}:{source.get('name')}"
            elif source.get("dev"):
                yield source.get("dev", "")


def headers(path: str) -> t.Iterator[str]:
    yield path
    done = subprocess.run(
        ["qemu-img", "info", "-U", "--output=json", path],
        capture_output=True,
        text=True,
        check=False,
    )
    backing = json.loads(done.stdout).get("full-backing-filename") if done.returncode == 0 else None
    if backing:
        yield from headers(backing) if backing.startswith("/") else [backing]


def listening() -> t.Iterator[int]:
    text = subprocess.run(["ss", "-Htln"], capture_output=True, text=True, check=False).stdout
    for match in re.finditer(r":(\d+)\s", text):
        if int(match[1]) in EXPORTS:
            yield int(match[1])


def unfinished() -> t.Iterator[str]:
    for path in sorted(Path("/var/lib/headroom").glob("*.sqlite")):
        try:
            journal = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
            rows = journal.execute(
                "SELECT kind, subject, steps FROM record WHERE state = 'unfinished'"
            ).fetchall()
            journal.close()
        except sqlite3.Error:  # no journal, or none yet
            continue
        for kind, subject, steps in rows:
            done = [f"{step['name']}:{step['state']}" for step in json.loads(steps)]
            yield f"{path.name}: {kind} of {subject} ({', '.join(done)})"


if __name__ == "__main__":
    main()
