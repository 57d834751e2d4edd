# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`search.py WORD...` prints as JSON {place: [line, ...]} where a host says one of the words, in any of its stores.

Whole folders are read, not a list of files, so that a store is not missed that a later release writes: databases row by
row, certificates and rules of the firewall as their programs tell them, disks by what they stand on.
"""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOTS = (
    "/etc/firewalld",
    "/etc/libvirt",
    "/etc/nftables.conf",
    "/etc/pki",
    "/etc/polkit-1",
    "/etc/ssh",
    "/etc/sysctl.d",
    "/etc/systemd/system",
    "/etc/headroom-firewall.nft",
    "/root",
    "/run/headroom",
    "/run/libvirt",
    "/run/systemd/transient",
    "/usr/local",
    "/var/lib/headroom",
    "/var/lib/libvirt",
    "/var/lib/systemd",
    "/var/tmp",
)
# The lab's own access to its hosts.
NO_STORES = {"/etc/ssh/ssh_config.d/headroom-lab.conf"}
# Past decisions and transactions that have ended stay as they were taken.
PAST = {"decision": "0", "record": "state = 'unfinished'"}
MOST_BYTES = 1 << 20
ENCODED = re.compile(r"[A-Za-z0-9+/=]{40,}")


def run(*words: str) -> str:
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    return done.stdout


def read_database(path: Path) -> Iterator[str]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as opened:
        names = opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in names:
            where = PAST.get(name, "1")
            for row in opened.execute(f'SELECT * FROM "{name}" WHERE {where}'):  # noqa: S608 - of its own schema
                yield f"{name}: {row}"


def read_file(path: Path) -> Iterator[str]:
    with path.open("rb") as opened:
        start = opened.read(MOST_BYTES)
    if start.startswith(b"SQLite format 3"):
        yield from read_database(path)
    elif start.startswith(b"QFI"):
        yield run("qemu-img", "info", "--force-share", "--output=json", str(path)).replace(
            "\n", " "
        )
    elif start.startswith(b"-----BEGIN CERT"):
        yield from run("openssl", "x509", "-noout", "-text", "-in", str(path)).splitlines()
    elif b"\0" in start:
        # a saved state begins with XML, and what else is no text tells by chance what two letters are
        yield from re.findall(r"[\x20-\x7e]{12,}", start.decode("latin-1"))
    else:
        lines = start.decode(errors="replace").splitlines()
        yield from (line for line in lines if not ENCODED.fullmatch(line))


def read_stores() -> Iterator[tuple[str, str]]:
    for root in map(Path, ROOTS):
        for path in [root, *root.rglob("*")] if root.is_dir() else [root]:
            yield str(path.parent), path.name
            if path.is_file() and not path.is_symlink() and str(path) not in NO_STORES:
                yield from ((str(path), line) for line in read_file(path))
    programs = {
        "nft": ("nft", "list", "ruleset"),
        "virsh": ("virsh", "list", "--all", "--name"),
        "units": ("systemctl", "list-units", "--all", "--plain", "--no-legend"),
    }
    for name, words in programs.items():
        yield from ((name, line) for line in run(*words).splitlines())


def main(words: list[str]) -> None:
    word = re.compile("|".join(rf"(?<![\w.-]){re.escape(word)}(?![\w-])" for word in words))
    hits: dict[str, list[str]] = {}
    for place, line in read_stores():
        if word.search(line):
            hits.setdefault(place, []).append(line[:300])
    print(json.dumps(hits))


main(sys.argv[1:])
