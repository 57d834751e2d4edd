# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options that every module with a libvirt connection has."""

from __future__ import annotations


class ModuleDocFragment:
    """The ``headroom.libvirt.connection`` fragment."""

    DOCUMENTATION = r"""
options:
  uri:
    description:
      - The libvirt connection URI of the host, for example V(qemu:///system) or V(qemu+ssh://root@host/system).
      - A password in it is masked in every message and result.
    type: str
    default: qemu:///system
  connect_timeout:
    description:
      - How many seconds the host may take to answer before the task fails.
    type: float
    default: 20.0
requirements:
  - libvirt 8.0 or newer on the host
  - python >= 3.9 where the module runs
  - libvirt-python where the module runs (packaged as C(python3-libvirt))
  - lxml where the module runs (packaged as C(python3-lxml))
"""
