# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the option of modules that hold the lease of a fleet while they change it."""

from __future__ import annotations


class ModuleDocFragment:
    """The ``headroom.libvirt.lease`` fragment."""

    DOCUMENTATION = r"""
options:
  lease:
    description:
      - The lease that M(headroom.libvirt.fleet_lease) took on the machine where this module runs. It is renewed for as
        long as the task takes, however long that is.
      - When its holder has it no more, the task fails before it does anything, and says who has it. A lease that has
        run out while nobody else took it is still its holder's.
      - In check mode it is not looked at.
    type: dict
    suboptions:
      fleet:
        description:
          - The fleet's name.
        type: str
        required: true
      holder:
        description:
          - Who took it.
        type: str
        required: true
      seconds:
        description:
          - For how many seconds it lasts from each renewal on, at most a day. It is how long a run that died keeps
            others away.
        type: float
        default: 900
      history:
        description:
          - The history database in which it is.
        type: path
        default: /var/lib/headroom/history.sqlite
"""
