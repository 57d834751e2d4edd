# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the option that every module with transactions has."""

from __future__ import annotations


class ModuleDocFragment:
    """The ``headroom.libvirt.journal`` fragment."""

    DOCUMENTATION = r"""
options:
  journal:
    description:
      - The path of the journal, an SQLite file where this module runs, in which transactions are recorded before they
        act. What a run that was killed left is known from it.
      - When not given, it is C(/var/lib/headroom/journal.sqlite) for root, and C(headroom/journal.sqlite) in
        C($XDG_STATE_HOME) or C(~/.local/state) for any other user.
      - All tasks about one host must use the same journal.
    type: path
"""
