# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of every file that the lab writes for its hosts and its controller. Pure."""

from __future__ import annotations

import typing as t
import uuid
from pathlib import Path

from .naming import CONTROLLER_ADDRESS, Host, Lab

GUEST_IMAGE = "/var/lib/headroom-lab/guest.qcow2"
LEDGER = "/var/lib/headroom-lab/ledger"


def hosts_file(lab: Lab) -> str:
    """/etc/hosts, the same for the controller and every host."""
    names = [
        f"{CONTROLLER_ADDRESS} controller",
        *(f"{host.address} {host.name}" for host in lab.hosts),
    ]
    return "\n".join(["127.0.0.1 localhost", "::1 localhost", *names, ""])


def ssh_config(lab: Lab, key: Path, known_hosts: Path) -> str:
    """ssh's system-wide configuration: `ssh k1` needs no option, checks the host's key, never asks."""
    names = " ".join(name for host in lab.hosts for name in (host.name, host.address))
    return f"""\
Host {names}
    User root
    IdentityFile {key}
    IdentitiesOnly yes
    UserKnownHostsFile {known_hosts}
    StrictHostKeyChecking yes
    BatchMode yes
    ConnectTimeout 10
    LogLevel ERROR
"""


def known_hosts(lab: Lab, keys: t.Mapping[str, str]) -> str:
    """Every host's public key, by name and address."""
    return "".join(f"{host.name},{host.address} {keys[host.name].strip()}\n" for host in lab.hosts)


def inventory(lab: Lab) -> str:
    """An Ansible inventory for use inside `./dev lab run`."""
    lines = ["---", "hypervisors:", "  hosts:"]
    for host in lab.hosts:
        lines += [
            f"    {host.name}:",
            f"      ansible_host: {host.address}",
            f"      lab_release: {host.release}",
            f"      lab_uri: {host.uri}",
        ]
    lines += [
        "  vars:",
        "    ansible_user: root",
        "    ansible_python_interpreter: /usr/bin/python3",
        f"    lab_guest_image: {GUEST_IMAGE}",
    ]
    return "\n".join(lines) + "\n"


def libvirt_network(lab: Lab, host: Host) -> str:
    """The host's network `default`: routed, with DHCP, its addresses unique in the lab."""
    net = host.guests
    return f"""\
<network>
  <name>default</name>
  <uuid>{lab.uuid(host.name, "network")}</uuid>
  <forward mode='route'/>
  <bridge name='virbr0' stp='off' delay='0'/>
  <mac address='52:54:00:77:{host.number:02x}:01'/>
  <ip address='{net[1]}' netmask='{net.netmask}'>
    <dhcp>
      <range start='{net[2]}' end='{net[-2]}'/>
    </dhcp>
  </ip>
</network>
"""


def libvirt_pool(lab: Lab, host: Host) -> str:
    """The host's pool `default`, a directory."""
    return f"""\
<pool type='dir'>
  <name>default</name>
  <uuid>{lab.uuid(host.name, "pool")}</uuid>
  <source/>
  <target>
    <path>/var/lib/libvirt/images</path>
  </target>
</pool>
"""


def secret_uuid(lab: Lab) -> uuid.UUID:
    """The secret that the pool `ceph` has on each host of the lab: guests that move need the same one everywhere."""
    return lab.uuid("ceph", "secret")


def libvirt_secret(lab: Lab) -> str:
    """The secret by which libvirt gets at the cluster. Not private: modules read images with it, too."""
    return f"""\
<secret ephemeral='no' private='no'>
  <uuid>{secret_uuid(lab)}</uuid>
  <usage type='ceph'>
    <name>client.libvirt secret</name>
  </usage>
</secret>
"""


def libvirt_ceph_pool(lab: Lab, server: Host) -> str:
    """The pool `ceph`, which each host of a lab of kind storage has."""
    return f"""\
<pool type='rbd'>
  <name>ceph</name>
  <uuid>{lab.uuid("ceph", "pool")}</uuid>
  <source>
    <name>libvirt</name>
    <host name='{server.address}' port='6789'/>
    <auth type='ceph' username='libvirt'>
      <secret uuid='{secret_uuid(lab)}'/>
    </auth>
  </source>
</pool>
"""
