# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What makes a clone itself: its UUID and the addresses of its network cards. Pure; randomness is handed in."""

from __future__ import annotations

import dataclasses
import typing as t
import uuid

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError

# The prefix that libvirt and QEMU use for their own addresses.
MAC_PREFIX: t.Final = "52:54:00"
_TRIES: t.Final = 1000

RandomBytes = t.Callable[[int], bytes]


@dataclasses.dataclass(frozen=True)
class Identity:
    """A UUID, a MAC address for each interface, and the paths of the guest's seed and of its NVRAM, if it has one.

    Everything else follows from these, or libvirt makes it anew for each domain: see the guide of appliances.
    """

    uuid: str
    macs: tuple[str, ...]
    seed: str | None = None
    nvram: str | None = None


def choose(interfaces: int, taken_macs: set[str], random_bytes: RandomBytes) -> Identity:
    """Return a new identity and add its addresses to ``taken_macs`` (lower case)."""
    return Identity(
        uuid=str(uuid.UUID(bytes=random_bytes(16), version=4)),
        macs=tuple(_choose_mac(taken_macs, random_bytes) for _unused in range(interfaces)),
    )


def _choose_mac(taken: set[str], random_bytes: RandomBytes) -> str:
    for _unused in range(_TRIES):
        mac = ":".join([MAC_PREFIX, *(f"{byte:02x}" for byte in random_bytes(3))])
        if mac not in taken:
            taken.add(mac)
            return mac
    raise HeadroomError(
        f"no free MAC address was found under {MAC_PREFIX} among {len(taken)} taken ones"
    )
