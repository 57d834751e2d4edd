# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Counts the machines of a host twice a second, as JSON lines: runs on the host, whose Python knows libvirt."""

from __future__ import annotations

import json
import time

import libvirt

_PAUSE_SECONDS = 0.5


def main() -> None:
    """Count until nobody reads any more."""
    connection = libvirt.openReadOnly("qemu:///system")
    while True:
        states = [
            domain.state()[0]
            for domain in connection.listAllDomains()
            if domain.name().startswith("web-")
        ]
        running = sum(state == libvirt.VIR_DOMAIN_RUNNING for state in states)
        print(
            json.dumps({"at": time.time(), "running": running, "parked": len(states) - running}),
            flush=True,
        )
        time.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    main()
