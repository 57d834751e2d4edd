# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The domain XML of the lab's guest. Pure."""

from __future__ import annotations

import ipaddress
from xml.sax.saxutils import escape

# The kernel does not start in 64 MiB, and runs out of memory at boot in 80.
MEMORY_MIB = 96
# A ledger dirties 16 MiB of its own. In less than this the kernel kills it some ten seconds after boot, and from then
# on nothing is written: what is moved meanwhile proves nothing.
LEDGER_MEMORY_MIB = 128


def domain_xml(
    name: str,
    domain_type: str,
    memory_mib: int | None = None,
    disk: str | None = None,
    *,
    ledger: str | None = None,
    address: str | None = None,
) -> str:
    """A guest of the lab, ready for "virsh define".

    `domain_type` is `kvm` or `qemu`; `memory_mib` by default what the guest needs; `disk` a qcow2 file on
    the host, by default NAME.qcow2 in the pool `default`;
    `ledger` the qcow2 file of a second disk that the guest writes entries to, see ledger.c. With `address` the guest is
    on the hosts' own network under that address, else on the host's network `default`.
    An emulated CPU is QEMU's plainest model: the richest costs 2 s at boot, and cannot move between QEMU versions.
    """
    cpu = (
        "<cpu mode='host-passthrough'/>"
        if domain_type == "kvm"
        else "<cpu mode='custom'><model>qemu64</model></cpu>"
    )
    memory_mib = memory_mib or (LEDGER_MEMORY_MIB if ledger else MEMORY_MIB)
    source = _quoted(disk or f"/var/lib/libvirt/images/{name}.qcow2")
    return f"""\
<domain type='{domain_type}'>
  <name>{escape(name)}</name>
  <memory unit='MiB'>{memory_mib}</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
  </os>
  <features>
    <acpi/>
    <apic/>
  </features>
  {cpu}
  <clock offset='utc'/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' discard='unmap'/>
      <source file='{source}'/>
      <target dev='vda' bus='virtio'/>
      <boot order='1'/>
    </disk>{_ledger(ledger) if ledger else ""}
    {_interface(address)}
    <channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
    <serial type='pty'>
      <log file='/var/log/libvirt/qemu/{_quoted(name)}-serial.log' append='off'/>
    </serial>
    <controller type='usb' model='none'/>
    <memballoon model='virtio'>
      <stats period='5'/>
    </memballoon>
  </devices>
</domain>
"""


def _ledger(file: str) -> str:
    return f"""
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='{_quoted(file)}'/>
      <target dev='vdb' bus='virtio'/>
    </disk>"""


def _interface(address: str | None) -> str:
    type_, source, mac = "network", "network='default'", ""
    if address is not None:  # which the guest reads from its MAC
        type_, source = "bridge", "bridge='lan0'"
        mac = f"<mac address='52:54:{ipaddress.IPv4Address(address).packed.hex(':')}'/>"
    return f"""<interface type='{type_}'>
      {mac}<source {source}/>
      <model type='virtio'/>
      <rom enabled='no'/>
    </interface>"""


def _quoted(text: str) -> str:
    return escape(text, {"'": "&apos;"})
