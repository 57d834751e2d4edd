# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python3 load.py STOP ADDRESS…`: ask each guest for its health without pause, until the file STOP is there.

Prints what came of it as JSON: how many requests were asked and lost, and the longest that one waited for its answer.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import urllib.request
from pathlib import Path

_PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 0.05


def ask(address: str, stop: Path, told: dict[str, dict[str, object]]) -> None:
    asked, lost, longest = 0, [], 0.0
    while not stop.exists():
        began = time.monotonic()
        asked += 1
        try:
            with urllib.request.urlopen(
                f"http://{address}/health", timeout=_PATIENCE_SECONDS
            ) as answer:
                answer.read()
        except OSError as error:
            lost.append(f"{began:.2f}: {error}")
        longest = max(longest, time.monotonic() - began)
        time.sleep(_PAUSE_SECONDS)
    told[address] = {"asked": asked, "lost": lost, "longest_wait_seconds": round(longest, 3)}


def main(stop: Path, addresses: list[str]) -> None:
    told: dict[str, dict[str, object]] = {}
    threads = [threading.Thread(target=ask, args=(address, stop, told)) for address in addresses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
