# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._layers import layers
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import export_name
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)

EXPORT = "0123456789abcdef"
NBD = """<backingStore type='network'><format type='raw'/><source protocol='nbd' name='{name}'>
<host name='10.0.0.1' port='49216'/></source><backingStore/></backingStore>"""


def domain(*disks: str) -> str:
    return f"<domain><devices>{''.join(disks)}</devices></domain>"


def disk(source: str, below: str = "", target: str = "vda", kind: str = "file") -> str:
    return (
        f"<disk type='{kind}' device='disk'><driver name='qemu' type='qcow2'/>{source}{below}"
        f"<target dev='{target}'/></disk>"
    )


def test_layers_of_every_kind_are_seen() -> None:
    below = "<backingStore type='block'><format type='raw'/><source dev='/dev/vg/base'/><backingStore/></backingStore>"
    found = layers.read_layers(
        domain(
            disk("<source file='/a.qcow2'/>", below),
            disk("<source pool='p' volume='v'/>", target="vdb", kind="volume"),
            disk(
                "<source protocol='rbd' name='pool/image'><host name='m1' port='6789'/></source>",
                target="vdc",
                kind="network",
            ),
            disk("", target="hda"),
            disk(
                "<source type='pci' namespace='1'><address domain='0'/></source>",
                target="vdd",
                kind="nvme",
            ),
            disk(
                "<source protocol='nbd' name='x'><host transport='unix' socket='/run/s'/></source>",
                target="vde",
                kind="network",
            ),
        )
    )
    assert {target: [str(layer) for layer in chain] for target, chain in found.items()} == {
        "vda": ["/a.qcow2", "/dev/vg/base"],
        "vdb": ["p/v"],
        "vdc": ["rbd://m1:6789/pool/image"],
        "vdd": ['<source type="pci" namespace="1">\n  <address domain="0"/>\n</source>'],
        "vde": ["nbd+unix:///run/s/x"],
    }
    assert [(layer.kind, layer.format) for layer in found["vda"]] == [
        ("file", "qcow2"),
        ("block", "raw"),
    ]


def test_a_chain_that_the_xml_tells_to_its_end_is_ended() -> None:
    for below, is_ended in {"": False, "<backingStore/>": True, NBD.format(name="x"): True}.items():
        root = parse_element(domain(disk("<source file='/a'/>", below)))
        assert [one.is_ended for one in layers.read_disks(root)] == [is_ended]


def test_further_files_of_a_disk_and_a_domain() -> None:
    mirror = "<mirror type='file' file='/copy'><source file='/copy'/></mirror>"
    (one,) = layers.read_disks(parse_element(domain(disk("<source file='/a'/>", mirror))))
    assert set(map(str, one.others)) == {"/copy"}
    root = parse_element(
        "<domainsnapshot><memory snapshot='external' file='/m'/><disks><disk name='vda'><source file='/o'/>"
        "</disk></disks><domain><os><nvram>/n</nvram><kernel>/k</kernel></os><devices>"
        "<disk><source file='/a'/><target dev='vda'/></disk></devices></domain></domainsnapshot>"
    )
    assert set(layers.read_other_files(root)) == {"/n", "/k", "/m"}
    assert [(one.target, str(one.layers[0])) for one in layers.read_disks(root)] == [
        ("vda", "/o"),
        ("vda", "/a"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "<os><nvram type='file'><source file='/f'/></nvram></os>",
        "<os><varstore path='/f'/></os>",
        "<os><acpi><table type='slic'>/f</table></acpi></os>",
        "<sysinfo type='fwcfg'><entry name='opt/x' file='/f'/></sysinfo>",
        "<devices><memory model='nvdimm'><source><path>/f</path></source></memory></devices>",
        "<devices><filesystem type='file'><source file='/f'/></filesystem></devices>",
        "<devices><filesystem type='block'><source dev='/f'/></filesystem></devices>",
        "<devices><hostdev type='storage'><source><block>/f</block></source></hostdev></devices>",
        "<devices><serial type='file'><source path='/f'/></serial></devices>",
        "<devices><tpm><backend type='emulator'><source type='file' path='/f'/></backend></tpm></devices>",
        "<devices><pstore backend='acpi-erst'><path>/f</path></pstore></devices>",
        "<devices><lease><target path='/f'/></lease></devices>",
        "<q:commandline><q:arg value='-drive'/><q:arg value='if=virtio,file=/f,format=raw'/></q:commandline>",
        """<q:commandline><q:arg value='{"driver":"file","filename":"/f"}'/></q:commandline>""",
        "<q:commandline><q:env name='X' value='/f'/></q:commandline>",
    ],
)
def test_a_file_is_needed_whatever_element_names_it(text: str) -> None:
    """F1: who deletes a volume asks for all of them."""
    root = parse_element(
        f"<domain xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>{text}</domain>"
    )
    assert layers.read_other_files(root) == ("/f",)


def test_what_people_write_names_no_file() -> None:
    text = "<domain><title>/t</title><description>/d</description><metadata><x file='/m'/></metadata></domain>"
    assert not layers.read_other_files(parse_element(text))


def test_a_path_in_an_argument_may_hold_a_comma() -> None:
    text = "<domain xmlns:q='urn:q'><q:arg value='file=/a,,b c.img,if=virtio'/></domain>"
    assert layers.read_other_files(parse_element(text)) == ("/a,b c.img",)


@pytest.mark.parametrize(
    "below",
    [
        "<mirror type='block' job='copy'><source dev='/f'/></mirror>",
        "<source file='/a'><dataStore type='file'><format type='raw'/><source file='/f'/></dataStore></source>",
    ],
)
def test_a_disk_needs_every_file_that_it_names(below: str) -> None:
    text = below if below.startswith("<source") else f"<source file='/a'/>{below}"
    (one,) = layers.read_disks(
        parse_element(f"<domain><devices><disk>{text}</disk></devices></domain>")
    )
    assert [str(layer) for layer in one.others] == ["/f"]


def test_a_disk_needs_the_volume_that_it_is_copied_to() -> None:
    mirror = "<mirror type='volume'><source pool='p' volume='v'/></mirror>"
    text = f"<domain><devices><disk><source file='/a'/>{mirror}</disk></devices></domain>"
    (one,) = layers.read_disks(parse_element(text))
    assert one.others == (layers.Layer("volume", pool="p", volume="v"),)


@pytest.mark.parametrize(
    ("name", "complete"),
    [
        (f"{EXPORT}-vda", False),
        (f"{EXPORT}{EXPORT}-vda", False),
        (f"{EXPORT}-vdb", False),  # the disk has got another target since
        ("store-vda", True),  # its owner chose a network disk (B29)
        ("", True),
    ],
)
def test_a_disk_is_incomplete_while_it_reads_from_one_of_our_exports(
    name: str, *, complete: bool
) -> None:
    root = parse_element(domain(disk("<source file='/a'/>", NBD.format(name=name))))
    assert layers.is_complete(root) is complete
    whole = parse_element(domain(disk("<source file='/a'/>", "<backingStore/>")))
    assert layers.is_complete(whole, root) is complete
    assert layers.find_incomplete(root) == ([] if complete else ["vda"])


def test_the_names_of_exports_are_those_that_streaming_gives_them() -> None:
    for digits in (16, 32):
        name = export_name("0" * digits, "vda")
        assert layers.is_export(layers.Layer("network", export=name))
