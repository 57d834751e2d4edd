# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`ansible-inventory` over hosts that are simulated: `python -m bench.simulated HOSTS GUESTS ARGUMENTS…`.

The plugin runs as it is, but what a host's reader would say is made up here, so no time is spent on libvirt and SSH.
"""

from __future__ import annotations

import importlib
import sys
import typing as t
import uuid

from ansible.cli.inventory import main as ansible_inventory
from ansible.plugins.loader import init_plugin_loader

_REMOTE = "ansible_collections.headroom.libvirt.plugins.module_utils._inventory.remote"

_XML = """<domain type='kvm' id='{index}'>
  <name>{name}</name><uuid>{uuid}</uuid><title>Web server {index}</title>
  <metadata><headroom:machine xmlns:headroom='urn:headroom:libvirt:1'><headroom:fleet>web</headroom:fleet>
    <headroom:tenant>acme</headroom:tenant><headroom:appliance>web:1.2</headroom:appliance></headroom:machine></metadata>
  <memory unit='KiB'>2097152</memory><currentMemory unit='KiB'>2097152</currentMemory><vcpu placement='static'>2</vcpu>
  <os><type arch='x86_64' machine='pc-q35-10.0'>hvm</type><boot dev='hd'/></os>
  <features><acpi/><apic/></features><cpu mode='host-passthrough'/><clock offset='utc'/>
  <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
      <source file='/var/lib/libvirt/images/{name}.qcow2'/>
      <target dev='vda' bus='virtio'/><address type='pci' domain='0x0000' bus='0x04' slot='0x00' function='0x0'/></disk>
    <controller type='pci' index='0' model='pcie-root'/><controller type='virtio-serial' index='0'/>
    <interface type='network'><mac address='{mac}'/><source network='default' bridge='virbr0'/>
      <target dev='vnet{index}'/>      <model type='virtio'/></interface>
    <serial type='pty'><target port='0'/></serial><console type='pty'><target type='serial' port='0'/></console>
    <graphics type='vnc' port='5900' autoport='yes' listen='127.0.0.1'>
      <listen type='address' address='127.0.0.1'/></graphics>
    <memballoon model='virtio'/><rng model='virtio'><backend model='random'>/dev/urandom</backend></rng></devices>
</domain>"""


def report(host: int, guests: int) -> dict[str, t.Any]:
    """What the reader would say of a host: as it comes out of JSON, each text of its own."""
    domains, addresses = [], []
    for index in range(guests):
        mac = f"52:54:{host:02x}:00:{index >> 8:02x}:{index & 255:02x}"
        name = f"h{host}-web-{index}"
        domain_uuid = str(uuid.UUID(int=host << 32 | index))
        text = _XML.format(index=index, name=name, uuid=domain_uuid, mac=mac)
        stats = {"state.state": 1, "state.reason": 1}
        domains.append(
            {
                "name": name,
                "uuid": domain_uuid,
                "stats": stats,
                "xml": text,
                "autostart": False,
                "answers": None,
            }
        )
        address = f"10.{host}.{index >> 8}.{index & 255}"
        addresses.append(
            {
                "source": "lease",
                "network": "default",
                "mac": mac,
                "address": address,
                "hostname": name,
            }
        )
    return {
        "domains": domains,
        "addresses": addresses,
        "networks": [["default", "<network/>"]],
        "calls": 4,
        "read": 0,
    }


def main(hosts: int, guests: int, arguments: list[str]) -> None:
    """Run ansible-inventory with `arguments`, in which host N is `qemu+ssh://N/system`."""
    init_plugin_loader()
    remote = importlib.import_module(_REMOTE)  # found only now
    reports = {f"qemu+ssh://{host}/system": report(host, guests) for host in range(hosts)}
    vars(remote)["look"] = lambda uri, *_arguments: reports[uri]
    ansible_inventory(["ansible-inventory", *arguments])


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
