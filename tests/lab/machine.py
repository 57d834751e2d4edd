# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine under the lab offers its hosts."""

from __future__ import annotations

import os
import re
from pathlib import Path

_QEMU_BEFORE_9 = frozenset({"bookworm"})


def kvm_usable() -> bool:
    """Whether QEMU can use KVM here. /dev/kvm alone says too little: it can be there with nothing under it."""
    flags = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    has_extension = flags is not None and not {"vmx", "svm"}.isdisjoint(flags[1].split())
    return has_extension and os.access("/dev/kvm", os.R_OK | os.W_OK)


def domain_type() -> str:
    """The type of libvirt domain for guests: `kvm`, or `qemu` where QEMU must emulate the CPU (TCG)."""
    return "kvm" if kvm_usable() else "qemu"


def needs_longer_ram(release: str) -> bool:
    """Whether guests of a host of that release need longer-ram.sh, or lose writes when they move."""
    return domain_type() == "qemu" and release in _QEMU_BEFORE_9


def devices() -> list[str]:
    """Devices that hosts get: for guests' network cards, post-copy migration and KVM."""
    wanted = ["/dev/net/tun", "/dev/userfaultfd", "/dev/vhost-net"]
    if kvm_usable():
        wanted.append("/dev/kvm")
    return [path for path in wanted if Path(path).exists()]
