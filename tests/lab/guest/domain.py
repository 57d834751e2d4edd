# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The domain XML of the lab's guest. Pure."""

from __future__ import annotations

from xml.sax.saxutils import escape

# The kernel does not start in 64 MiB, and runs out of memory at boot in 80.
MEMORY_MIB = 96


def domain_xml(name: str, domain_type: str, memory_mib: int = MEMORY_MIB, disk: str | None = None) -> str:
    """A guest of the lab, ready for "virsh define".

    `domain_type` is `kvm` or `qemu`; `disk` a qcow2 file on the host, by default NAME.qcow2 in the pool `default`.
    An emulated CPU is QEMU's plainest model: the richest costs 2 s at boot, and cannot move between QEMU versions.
    """
    cpu = "<cpu mode='host-passthrough'/>" if domain_type == "kvm" else "<cpu mode='custom'><model>qemu64</model></cpu>"
    source = escape(disk or f"/var/lib/libvirt/images/{name}.qcow2", {"'": "&apos;"})
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
    </disk>
    <interface type='network'>
      <source network='default'/>
      <model type='virtio'/>
      <rom enabled='no'/>
    </interface>
    <channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
    <serial type='pty'>
      <log file='/var/log/libvirt/qemu/{escape(name, {"'": "&apos;"})}-serial.log' append='off'/>
    </serial>
    <controller type='usb' model='none'/>
    <memballoon model='virtio'>
      <stats period='5'/>
    </memballoon>
  </devices>
</domain>
"""
