# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remove from this host what make.py made under a prefix, and the guest beside it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import libvirt


def main() -> None:
    """Remove guests, networks, leases and disk; whatever is not there is no matter."""
    prefix = sys.argv[1]
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    connection = libvirt.open("qemu:///system")
    for domain in connection.listAllDomains():
        if f"<title>{prefix}<" in domain.XMLDesc(0) or domain.name().startswith(f"{prefix}-"):
            with contextlib.suppress(libvirt.libvirtError):
                domain.destroyFlags(0)
            domain.undefineFlags(0)
    for name in (prefix, f"{prefix}o"):
        with contextlib.suppress(libvirt.libvirtError):
            network = connection.networkLookupByName(name)
            network.destroy()
            network.undefine()
        Path(f"/var/lib/libvirt/dnsmasq/{name}.status").unlink(missing_ok=True)
    for disk in Path("/var/lib/libvirt/images").glob(f"{prefix}-*"):
        disk.unlink()
    Path(f"/var/tmp/{prefix}.json").unlink(missing_ok=True)
    subprocess.run(["virsh", "pool-refresh", "default"], check=False)


main()
