# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python3 -m lab`, which `./dev lab` calls."""

from __future__ import annotations

import signal
import sys

from .cli import main

if __name__ == "__main__":
    # Python ignores SIGPIPE, and what "run" turns into would inherit that.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main(sys.argv[1:]))
