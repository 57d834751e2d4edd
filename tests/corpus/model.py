# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a situation is: a machine as somebody's tool makes it, and what is right for its clones and for a move."""

from __future__ import annotations

import dataclasses
import typing as t

ORIGINAL: t.Final = "orig-7"
UUID: t.Final = "5f0d6d1a-9c1b-4b57-8a2f-3d0d5e6f7a81"
MAC: t.Final = "52:54:00:5e:ed:{:02x}"
QEMU: t.Final = "http://libvirt.org/schemas/domain/qemu/1.0"


@dataclasses.dataclass(frozen=True)
class Situation:
    """A domain's XML. Either `refused` has words of the message, its remedy among them, or it is cloned.

    Of a clone `kept` are texts that are there, `gone` texts that are not, `noted` is what the capture tells that clones
    have not got. `moved` is what a move finds while the machine runs: pairs of the preflight's check and its proof;
    `stays` are ends of sentences on why a disk is not copied.
    """

    name: str
    text: str
    kept: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()
    moved: tuple[tuple[str, str], ...] = ()
    stays: tuple[str, ...] = ()
    # The lab has no QEMU for it, or it takes something that a definition is checked for and the lab has not.
    only_on_paper: bool = False


_PARTS: t.Final = {
    "kind": "kvm",
    "live": "",
    "memory": "<memory unit='MiB'>512</memory><currentMemory unit='MiB'>512</currentMemory>",
    "vcpu": "<vcpu placement='static'>2</vcpu>",
    "top": "",
    "firmware": "",
    "system": "<type arch='x86_64' machine='q35'>hvm</type><boot dev='hd'/>",
    "devices": "",
    "arguments": "",
}
_WHOLE: t.Final = (
    f"<domain type='{{kind}}'{{live}} xmlns:qemu='{QEMU}'><name>{ORIGINAL}</name>"
    f"<uuid>{UUID}</uuid>{{memory}}{{vcpu}}{{top}}"
    "<os{firmware}>{system}</os><clock offset='utc'/><devices>{disk}{devices}</devices>{arguments}</domain>"
)


def write_domain(*, disk: bool = True, **parts: str) -> str:
    """Return a domain of these parts in the order in which libvirt writes it, with a disk of its own if told so."""
    assert parts.keys() <= _PARTS.keys()
    return _WHOLE.format_map({**_PARTS, **parts, "disk": DISK if disk else ""})


def write_arguments(*values: str) -> str:
    """Return arguments for QEMU."""
    inner = "".join(f"<qemu:arg value='{value}'/>" for value in values)
    return f"<qemu:commandline>{inner}</qemu:commandline>"


DISK: t.Final = (
    "<disk type='file' device='disk'><driver name='qemu' type='qcow2' discard='unmap'/>"
    f"<source file='/var/lib/libvirt/images/{ORIGINAL}.qcow2'/><target dev='vda' bus='virtio'/></disk>"
)
AGENT: t.Final = (
    "<channel type='unix'><source mode='bind' "
    f"path='/var/lib/libvirt/qemu/channel/target/domain-3-{ORIGINAL}/org.qemu.guest_agent.0'/>"
    "<target type='virtio' name='org.qemu.guest_agent.0' state='connected'/><alias name='channel0'/></channel>"
)


def write_card(
    number: int = 1, inner: str = "<source network='default'/>", kind: str = "network"
) -> str:
    """Return a card with an address of the original's."""
    mac = MAC.format(number)
    return (
        f"<interface type='{kind}'><mac address='{mac}'/>{inner}<model type='virtio'/></interface>"
    )
