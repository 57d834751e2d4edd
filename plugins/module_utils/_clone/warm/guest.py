# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a guest is told when it goes on as another machine. Pure.

The agent runs one shell script. A guest that knows better has ``/etc/headroom/refresh``, which is run in its place with
the UUID and the name of the machine; the clock and the random numbers are set right for it before.
"""

from __future__ import annotations

import dataclasses
import typing as t

SECONDS: t.Final = 60.0

# $1: UUID, $2: name, $3: seconds since the epoch, $4: random digits. The generation identifier has the kernel renew its
# random numbers where it knows it (Linux 5.18); the digits are for older ones.
_SCRIPT: t.Final = """\
set -e
date -u -s "@$3" > /dev/null
printf %s "$4" > /dev/urandom
if [ -x /etc/headroom/refresh ]; then
    exec /etc/headroom/refresh "$1" "$2"
fi
printf %s "$1" | tr -d - > /etc/machine-id
echo "$2" > /etc/hostname
hostname "$2"
if [ -d /etc/ssh ] && command -v ssh-keygen > /dev/null; then
    rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
    ssh-keygen -A > /dev/null
    for unit in ssh sshd; do
        ! systemctl -q is-active "$unit" || systemctl restart "$unit"
    done
fi
rm -f /var/lib/dhcp/* /var/lib/NetworkManager/*.lease /run/systemd/netif/leases/* 2> /dev/null || true
"""


@dataclasses.dataclass(frozen=True)
class GuestOrders:
    """Who the guest is from now on. ``now`` is in seconds since the epoch, ``random`` hexadecimal digits."""

    uuid: str
    name: str
    now: int
    random: str


def make_command(orders: GuestOrders) -> list[str]:
    """Return the words of the program that the agent runs."""
    return [
        "/bin/sh",
        "-c",
        _SCRIPT,
        "refresh",
        orders.uuid,
        orders.name,
        str(orders.now),
        orders.random,
    ]
