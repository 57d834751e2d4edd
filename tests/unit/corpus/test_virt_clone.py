# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What virt-clone of virt-manager makes anew, so do we; what it keeps, we keep, or have a reason.

The facts are those of the pairs in virt-manager's `tests/data/cli/{virtclone,compare}` as of March 2026, and of its
`virtinst/cloner.py`: each pair is told here as the places that differ and those that do not. The domains are our own.
"""

from __future__ import annotations

import typing as t

import pytest
from corpus.clones import make_clone
from corpus.model import ORIGINAL, UUID, write_card, write_domain

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)


class Pair(t.NamedTuple):
    """A domain, XPaths of what virt-clone makes anew in it, and of what it leaves as it is.

    `otherwise` has those of the latter that a clone of ours has not got from its original, each with the reason.
    """

    text: str
    anew: tuple[str, ...]
    same: tuple[str, ...]
    otherwise: t.Mapping[str, str] = {}


TOP = ("string(/domain/name)", "string(/domain/uuid)")
PLAIN = (
    "string(/domain/memory)",
    "string(/domain/vcpu)",
    "string(/domain/os/type)",
    "string(/domain/clock/@offset)",
)


def of_disk(target: str, what: str) -> str:
    return f"string(/domain/devices/disk[target/@dev='{target}']/{what})"


PAIRS = {
    "clone-empty": Pair(write_domain(disk=False), TOP, PLAIN),
    "clone-disk": Pair(
        write_domain(
            disk=False,
            top=f"<sysinfo type='smbios'><system><entry name='uuid'>{UUID}</entry></system></sysinfo>",
            devices="<disk type='file' device='disk'><source file='/srv/one.img'/><target dev='hda' bus='ide'/>"
            "</disk>"
            "<disk type='file' device='disk'><source file='/srv/two.img'/><target dev='hdb' bus='ide'/></disk>"
            "<disk type='file' device='cdrom'><source file='/srv/two.img'/><target dev='hdc' bus='ide'/>"
            "<readonly/></disk>"
            "<disk type='file' device='floppy'><target dev='fda' bus='fdc'/><readonly/></disk>",
        ),
        (
            *TOP,
            "string(/domain/sysinfo/system/entry[@name='uuid'])",
            of_disk("hda", "source/@file"),
            of_disk("hdb", "source/@file"),
        ),
        (
            *PLAIN,
            of_disk("hda", "target/@bus"),
            of_disk("fda", "@device"),
            of_disk("hdc", "source/@file"),
        ),
        {
            of_disk(
                "hdc", "source/@file"
            ): "drives are empty: a seed or an installer is no part of an appliance"
        },
    ),
    "clone-serial": Pair(
        write_domain(
            disk=False,
            devices=f"<serial type='file'><source path='/tmp/{ORIGINAL}.log'>"
            f"<seclabel model='dac' relabel='no'/></source>"
            "<target port='0'/></serial><serial type='unix'><source mode='connect' path='/tmp/a.sock'/>"
            "<target port='1'/>"
            "</serial>",
        ),
        (*TOP, "string(/domain/devices/serial[1]/source/@path)"),
        (*PLAIN, "count(/domain/devices/serial)", "string(/domain/devices/serial[2]/source/@path)"),
        {
            "string(/domain/devices/serial[2]/source/@path)": "one socket of another program has one guest"
        },
    ),
    "clone-nvram": Pair(
        write_domain(
            disk=False,
            system="<type arch='i686' machine='pc'>hvm</type>"
            "<loader readonly='yes' type='pflash'>/usr/share/f.fd</loader>"
            f"<nvram>/nvram/{ORIGINAL}_VARS.fd</nvram><boot dev='cdrom'/>",
        ),
        (*TOP, "string(/domain/os/nvram)"),
        (*PLAIN, "string(/domain/os/loader)", "string(/domain/os/boot/@dev)"),
    ),
    "clone-auto": Pair(
        write_domain(
            disk=False,
            devices="<disk type='block' device='floppy'><driver type='raw'/><source dev='/dev/pool/floppy'/>"
            "<target dev='fda' bus='fdc'/></disk><disk type='block' device='disk'><source dev='/dev/pool/two'/>"
            "<target dev='sda' bus='scsi'/><readonly/></disk><disk type='file' device='cdrom'>"
            "<target dev='sdb' bus='scsi'/>"
            "<readonly/></disk><disk type='file' device='disk'><source file='/srv/one.img'/>"
            "<target dev='hda' bus='ide'/>"
            "</disk><controller type='scsi' index='0'/>"
            + write_card(1)
            + write_card(2, "<source bridge='br0'/>", "bridge")
            + "<channel type='unix'><source mode='bind' path='/run/org.qemu.guest_agent.0'/>"
            "<target type='virtio' name='org.qemu.guest_agent.0'/></channel>",
        ),
        (
            *TOP,
            of_disk("fda", "source/@dev"),
            of_disk("hda", "source/@file"),
            "string(/domain/devices/interface[1]/mac/@address)",
            "string(/domain/devices/interface[2]/mac/@address)",
            "string(/domain/devices/channel/source/@path)",
        ),
        (
            *PLAIN,
            of_disk("sda", "source/@dev"),
            "string(/domain/devices/interface[1]/source/@network)",
            "string(/domain/devices/interface[2]/source/@bridge)",
            "string(/domain/devices/channel/target/@name)",
            "count(/domain/devices/disk)",
        ),
        {of_disk("sda", "source/@dev"): "an appliance has a copy, which outlives the original's"},
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_what_virt_clone_makes_anew_is_new(name: str) -> None:
    pair = PAIRS[name]
    before, after = parse_element(pair.text), parse_element(make_clone(pair.text))
    assert [place for place in pair.anew if before.xpath(place) in ("", after.xpath(place))] == []


@pytest.mark.parametrize("name", PAIRS)
def test_what_virt_clone_keeps_is_kept_but_for_a_reason(name: str) -> None:
    pair = PAIRS[name]
    before, after = parse_element(pair.text), parse_element(make_clone(pair.text))
    assert all(before.xpath(place) for place in pair.same)
    differing = [place for place in pair.same if before.xpath(place) != after.xpath(place)]
    assert differing == list(pair.otherwise)


@pytest.mark.parametrize(
    "disk",
    [
        "<disk type='block' device='disk'><source dev='/dev/pool/shared'/><target dev='sdc' bus='scsi'/>"
        "<shareable/></disk>",
        "<disk type='network' device='disk'><source protocol='https' name='a.iso'><host name='example.org'/></source>"
        "<target dev='vdb'/></disk>",
    ],
    ids=["clone-auto: shareable", "clone-net-http"],
)
def test_what_virt_clone_would_leave_shared_is_refused(disk: str) -> None:
    with pytest.raises(Unsupported):
        make_clone(write_domain(devices=disk))


def test_what_virt_clone_would_leave_shared_in_ceph_each_has_for_itself() -> None:
    """In virt-clone's tests it is clone-net-rbd."""
    text = make_clone(
        write_domain(
            devices="<disk type='network' device='disk'><auth username='admin'><secret type='ceph' usage='a'/></auth>"
            "<source protocol='rbd' name='pool/volume'><host name='mon.example.org'/></source>"
            "<target dev='vdb'/></disk>"
        )
    )
    assert 'dev="vdb"' in text
    assert not any(word in text for word in ("pool/volume", "mon.example.org", "ceph", "admin"))
