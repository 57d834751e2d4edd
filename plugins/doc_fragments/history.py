# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options of modules that keep something in a host's history, or read it."""

from __future__ import annotations


class ModuleDocFragment:
    """The ``headroom.libvirt.history`` fragments."""

    DOCUMENTATION = r"""
options:
  history:
    description:
      - The history database on the host. It is made, with its directory, when it is not there.
      - One that is broken is kept beside it under another name, and a new one is begun, with a warning.
    type: path
    default: /var/lib/headroom/history.sqlite
"""

    READ = r"""
options:
  history:
    description:
      - The history database on the host.
    type: path
    default: /var/lib/headroom/history.sqlite
"""

    FLEET = r"""
options:
  fleet:
    description:
      - The fleet's name.
    type: str
    required: true
"""
