# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Taking out of a captured machine what makes it itself: by libguestfs in the copy, or by the agent in the guest."""

from __future__ import annotations

import os
import shutil
import subprocess
import typing as t
from urllib.parse import urlsplit

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    MissingDependency,
    TimedOut,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import agent, domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import (
    require_libvirt_qemu,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt

Method = t.Literal["libguestfs", "agent", "none"]

# Users' own SSH keys are how one gets into the clones.
_OPERATIONS: t.Final = "defaults,-ssh-userdir"
# What no operation of virt-sysprep covers.
_CLOUD_INIT: t.Final = ("instance", "instances/*", "data/*", "sem/*")
_LONGEST_SECONDS: t.Final = 1800.0
_SCRIPT_SECONDS: t.Final = 120.0

# The same by the shell of the guest, which runs on until it is shut down. Every file may be missing.
SCRIPT: t.Final = r"""
set -u
rm -f /etc/ssh/ssh_host_* /etc/udev/rules.d/70-persistent-net.rules /etc/udev/rules.d/75-persistent-net-generator.rules
rm -rf /var/lib/cloud/instance /var/lib/cloud/instances/* /var/lib/cloud/data/* /var/lib/cloud/sem/*
rm -f /var/lib/dhcp/*.leases /var/lib/dhclient/*.lease* /var/lib/dhcpcd/*.lease* /var/lib/NetworkManager/*lease*
rm -rf /run/systemd/netif/leases/*
rm -f /var/lib/dbus/machine-id /var/lib/systemd/random-seed /var/lib/systemd/credential.secret
[ ! -e /etc/machine-id ] || : > /etc/machine-id
rm -rf /tmp/..?* /tmp/.[!.]* /tmp/* /var/tmp/* /var/spool/cron/root /var/spool/mail/* /var/mail/* /var/crash/*
rm -rf /var/log/journal/* /run/log/journal/*
find /var/log -type f \( -name '*.gz' -o -name '*.[0-9]' -o -name '*.old' -o -name '*.xz' \) -exec rm -f {} + \
  2>/dev/null
find /var/log -type f -exec sh -c 'for file; do : > "$file"; done' sh {} + 2>/dev/null
rm -f /root/.bash_history /home/*/.bash_history /root/.lesshst /home/*/.lesshst
rm -rf /var/cache/apt/archives/*.deb /var/cache/dnf/* /var/cache/yum/*
sync
"""


class SealingFailed(HeadroomError):
    """What makes the machine itself could not be taken out."""

    kind = "sealing_failed"


def choose(method: str | None, *, uri: str, will_stop: bool, has_agent: bool) -> Method:
    """Return how a capture is sealed; raises an error that names the ways there are.

    ``will_stop``: the domain runs, and the task may shut it down, after which its agent's traces do not matter.
    """
    local = urlsplit(uri).hostname is None
    if method == "none":
        return "none"
    if method == "agent":
        if not (will_stop and has_agent):
            raise Conflict(
                "seal: the agent can only be asked in a guest that runs, with its agent connected, and that this task "
                "may shut down afterwards. Start it and set source.when_running: shutdown, or choose another seal."
            )
        return "agent"
    installed = shutil.which("virt-sysprep") is not None
    if method == "libguestfs" and not local:
        raise Unsupported(
            "seal: libguestfs works on the host itself. Run the module there, or choose another seal."
        )
    if local and installed:
        return "libguestfs"
    if method == "libguestfs":
        raise _describe_missing_tool()
    if will_stop and has_agent:
        return "agent"
    raise Unsupported(
        "seal: the capture would keep what makes the machine itself (machine-id, SSH host keys, leases, logs). "
        "virt-sysprep is not usable here (install guestfs-tools on the host, and run the module there). Or start the "
        "machine and set source.when_running: shutdown, so that its agent does it, or say seal: none.",
        option="seal",
    )


def seal_with_libguestfs(paths: t.Sequence[str]) -> None:
    """Seal the images at ``paths``, which together are one machine; nothing has them open."""
    missing = [path for path in paths if not os.path.exists(path)]  # noqa: PTH110 - paths of the host are text
    if missing:
        raise Unsupported(
            f"seal: {missing[0]} is not on the machine where this module runs. Run it on the host."
        )
    command = ["virt-sysprep", "--quiet", "--no-network", "--operations", _OPERATIONS]
    for path in paths:
        command += ["--format", _format(path), "--add", path]
    for name in _CLOUD_INIT:
        command += ["--delete", f"/var/lib/cloud/{name}"]
    environment = {
        "LIBGUESTFS_BACKEND": "direct",
        **os.environ,
    }  # libvirt's own user could not write into the pool
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_LONGEST_SECONDS,
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        raise TimedOut(f"seal: virt-sysprep did not end within {_LONGEST_SECONDS:g} s") from error
    except FileNotFoundError as error:
        raise _describe_missing_tool() from error
    if done.returncode != 0:
        said = "".join(
            letter if letter.isprintable() else " "
            for letter in done.stderr.decode(errors="replace")[-800:]
        )
        raise SealingFailed(
            f"seal: virt-sysprep failed: {said.strip()}. If there is nothing to seal, say seal: none."
        )


def seal_with_agent(domain: libvirt.virDomain) -> None:
    """Seal from within the guest, which is to be shut down next."""
    require_libvirt_qemu()
    try:
        agent.run(domain, ["/bin/sh", "-c", SCRIPT], _SCRIPT_SECONDS, SYSTEM_CLOCK)
    except HeadroomError as error:
        raise SealingFailed(
            f"seal: {error.message.rstrip('.')}. The guest still runs; see to it, or choose another seal.",
            domain=domain.name(),
        ) from error


def has_agent(domain: libvirt.virDomain) -> bool:
    """Return whether the domain's agent is connected."""
    return domains.is_active(domain) and agent.is_connected(domain)


def _format(path: str) -> str:
    return "raw" if path.endswith(".raw") else "qcow2"


def _describe_missing_tool() -> MissingDependency:
    return MissingDependency(
        "seal: virt-sysprep is not installed where this module runs. Install it (Debian and Ubuntu: guestfs-tools; "
        "Fedora and RHEL: guestfs-tools), or choose another seal.",
        library="virt-sysprep",
    )
