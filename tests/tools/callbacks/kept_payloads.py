# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Let the playbooks of one test run share what Ansible packs to send a module to a host. See tools/warm.py.

Ansible keeps these payloads while one playbook runs, and packs them again for the next: up to a second each.
"""

from __future__ import annotations

import os
from pathlib import Path

from ansible import constants
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: kept_payloads
type: aggregate
short_description: Let playbooks share the payloads of modules
description:
  - Puts a folder that lasts in place of the one in which this run of Ansible would keep payloads of modules.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible has no types
    """Is made before the first task, and hears of no event."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "kept_payloads"

    def __init__(self) -> None:
        super().__init__()
        folder = Path(constants.DEFAULT_LOCAL_TMP, "ansiballz_cache")
        folder.symlink_to(os.environ["HEADROOM_KEPT_PAYLOADS"])
