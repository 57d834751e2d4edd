# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Ceph cluster on the last host of a lab of kind "storage", and the pool `ceph` over it on each: ensure().

Its processes are the host's, and its disk is a file there, so both end with the host.
"""

from __future__ import annotations

import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import render
from .naming import Host, Lab, namespace
from .shell import run, say

UP_SCRIPT = Path(__file__).with_name("ceph-up.sh")
DISK_GIB = 8
UP_SECONDS = 120

# Gets the XML of secret and pool as arguments, the key on standard input; does nothing twice.
DEFINE = """
set -euo pipefail
umask 077
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/key"
printf %s "$1" > "$folder/secret.xml"
printf %s "$2" > "$folder/pool.xml"
virsh -q secret-define "$folder/secret.xml"
virsh -q secret-set-value "$3" --file "$folder/key"
virsh -q pool-define "$folder/pool.xml"
virsh -q pool-autostart ceph
virsh -q pool-info ceph | grep -q '^State: *running$' || virsh -q pool-start ceph
"""


def find_host(lab: Lab) -> Host | None:
    """Return the host that the cluster is on; None for a lab of another kind."""
    return next((host for host in reversed(lab.hosts) if host.is_storage), None)


def ensure(lab: Lab) -> None:
    """Have the cluster run, and each host its pool; nothing in a lab of another kind."""
    server = find_host(lab)
    if server is None:
        return
    say(f"starting Ceph on {server.name}")
    key = _run_on(lab, server, UP_SCRIPT.read_text(), server.address, str(DISK_GIB))
    texts = (
        render.libvirt_secret(lab),
        render.libvirt_ceph_pool(lab, server),
        str(render.secret_uuid(lab)),
    )
    with ThreadPoolExecutor() as pool:
        users = [host for host in lab.hosts if host.is_storage]
        list(pool.map(lambda host: _run_on(lab, host, DEFINE, *texts, stdin=key), users))


def _run_on(lab: Lab, host: Host, script: str, *arguments: str, stdin: str | None = None) -> str:
    words = ("bash", "-c", script, "lab", *arguments)
    command = ["ip", "netns", "exec", namespace(lab.name), "ssh", host.name, shlex.join(words)]
    return run(*command, stdin=stdin or "", timeout=UP_SECONDS)
