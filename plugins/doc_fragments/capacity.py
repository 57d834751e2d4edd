# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options that say how much of a host may be promised to guests."""

from __future__ import annotations


class ModuleDocFragment:
    """The ``headroom.libvirt.capacity`` fragment."""

    DOCUMENTATION = r"""
options:
  cpu_overcommit:
    description:
      - How many vCPUs may be promised for each CPU thread of the host.
    type: float
    default: 4.0
  memory_overcommit:
    description:
      - How many bytes of guest memory may be promised for each byte of the host's, after O(memory_reserve) is
        taken off.
      - More than V(1.0) relies on ballooning, on KSM or on swap.
    type: float
    default: 1.0
  memory_reserve:
    description:
      - Memory that stays with the host itself, for its kernel, its services and what QEMU needs beside its guests'
        memory.
      - A number with a unit, for example V(2GiB) or V(512MiB). As everywhere here and in libvirt, V(GiB) and V(G) are
        powers of 1024, V(GB) is one of 1000.
    type: str
    default: 1GiB
"""
