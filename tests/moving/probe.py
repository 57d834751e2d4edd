# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python3 probe.py URL`: ask a guest for its ledger without pause, print each answer with its time as a JSON line.

Runs where the lab's controller is. Only the standard library: it is started by path.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request

_PAUSE_SECONDS = 0.02
_PATIENCE_SECONDS = 1.0


def main(url: str) -> None:
    while True:
        asked = time.monotonic()
        try:
            with urllib.request.urlopen(url, timeout=_PATIENCE_SECONDS) as answer:  # noqa: S310 - a guest of the lab
                ledger = json.load(answer)
        except (OSError, ValueError, urllib.error.URLError):
            continue
        print(json.dumps({"asked": asked, "answered": time.monotonic(), **ledger}), flush=True)
        time.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1])
