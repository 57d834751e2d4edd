# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Suspends and resumes the guest `heard` as often as the argument says; prints the seconds that it took."""

import sys
import time

import libvirt

guest = libvirt.open("qemu:///system").lookupByName("heard")
began = time.monotonic()
for _each in range(int(sys.argv[1])):
    guest.suspend()
    guest.resume()
sys.stdout.write(f"{time.monotonic() - began:.2f}\n")
