# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records as libvirt gives them, for tests of what is made of them."""

from __future__ import annotations

import typing as t

# One running QEMU domain of libvirt 11.3: two disks (one with a backing image), an empty CD-ROM, two NICs of which the
# first is passed through, and four vCPUs of which number 1 is off.
RECORD: dict[str, t.Any] = {
    "state.state": 1,
    "state.reason": 1,
    "cpu.time": 3_500_000_000,
    "cpu.user": 2_000_000_000,
    "cpu.system": 1_500_000_000,
    "cpu.cache.monitor.count": 0,
    "cpu.haltpoll.success.time": 250_000_000,
    "balloon.current": 1024,
    "balloon.maximum": 2048,
    "balloon.rss": 512,
    "balloon.available": 1000,
    "balloon.unused": 400,
    "balloon.usable": 600,
    "balloon.swap_in": 0,
    "balloon.last-update": 1_700_000_000,
    "vcpu.current": 3,
    "vcpu.maximum": 4,
    "vcpu.0.state": 1,
    "vcpu.0.time": 1_000_000_000,
    "vcpu.0.wait": 5,
    "vcpu.2.state": 1,
    "vcpu.2.time": 2_000_000_000,
    "vcpu.2.wait": 6,
    "vcpu.2.exits.sum": 7,
    "vcpu.3.state": 2,
    "vcpu.3.time": 250_000_000,
    "vcpu.3.wait": 0,
    "net.count": 2,
    "net.1.name": "vnet0",
    "net.1.rx.bytes": 100,
    "net.1.rx.pkts": 2,
    "net.1.tx.bytes": 50,
    "block.count": 4,
    "block.0.name": "vda",
    "block.0.path": "/images/a.qcow2",
    "block.0.backingIndex": 1,
    "block.0.rd.reqs": 10,
    "block.0.rd.bytes": 4096,
    "block.0.rd.times": 1_000_000,
    "block.0.allocation": 70,
    "block.1.name": "vda",
    "block.1.path": "/images/base.qcow2",
    "block.1.backingIndex": 3,
    "block.1.allocation": 1_000,
    "block.2.name": "vdb",
    "block.2.path": "/images/b.qcow2",
    "block.2.rd.reqs": 1,
    "block.2.rd.bytes": 512,
    "block.2.rd.times": 2,
    "block.2.allocation": 30,
    "block.3.name": "sda",
}
