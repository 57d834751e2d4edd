# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Have pylint collect no cyclic garbage, which is a third of its time: what it keeps of a file it keeps to its end.

Python imports this as it starts, since ansible-test puts the folder of collections on pylint's path.
"""

from __future__ import annotations

import gc
import sys

if "pylint" in sys.orig_argv:
    gc.disable()
