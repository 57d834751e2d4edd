# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options about machines that results name."""

from __future__ import annotations


class ModuleDocFragment:
    """The ``headroom.libvirt.machine`` fragments."""

    DOCUMENTATION = r"""
options:
  machine:
    description:
      - A machine out of any result or of the inventory, wherever it is. Takes the place of O(uri) and of what names the
        machine there.
      - Hand in a result's C(machine), the whole row that has it, or a dictionary with C(uri) (the libvirt connection
        URI of its host), C(name) and perhaps C(uuid).
      - With C(uuid), as results have it, the task fails, in check mode too, if the host has another machine of this
        name by now, or has renamed this one.
      - Where the module runs on the very host that C(uri) names, it connects to libvirt there without SSH.
    type: dict
"""

    URI = r"""
options:
  machine_uri:
    description:
      - The libvirt connection URI under which other machines reach this host, for the C(machine) of each row, for
        example V(qemu+ssh://root@kvm1/system). Whoever is handed the row connects by it.
      - Unset, it is O(uri) if that names a host, else C(qemu+ssh) to the name that the host has for itself.
      - A password in it is masked, and such a row is of no use for others.
    type: str
"""
