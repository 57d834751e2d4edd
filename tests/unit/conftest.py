# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

from hypothesis import settings

# Each run draws other examples: many runs of few look at as many as few runs of many. A full run does both.
EXAMPLES = 200 if os.environ.get("HEADROOM_FULL") else 40
# A busy machine makes an example slow, not wrong.
settings.register_profile("headroom", deadline=None, max_examples=EXAMPLES)
settings.load_profile("headroom")
