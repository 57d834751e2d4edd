# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options that every module has that can ask many hosts in one task."""

from __future__ import annotations


class ModuleDocFragment:
    """The ``headroom.libvirt.hosts`` fragment."""

    DOCUMENTATION = r"""
options:
  uris:
    description:
      - The libvirt connection URIs of several hosts, which are asked side by side, in place of O(uri). An empty list
        asks none.
      - A host that is down, refuses or is late is a row of the result with a C(problem), and does not make the task
        fail. The host that O(uri) names does.
      - A password in a URI is masked in every message and result.
    type: list
    elements: str
  timeout:
    description:
      - How many seconds one host may take in all. It is given up on afterwards.
    type: float
    default: 30.0
  parallel:
    description:
      - How many hosts are asked at a time.
    type: int
    default: 16
"""
