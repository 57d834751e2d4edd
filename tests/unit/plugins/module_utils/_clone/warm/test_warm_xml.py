# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images with memory, and the machines that go on from them, as XML."""

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import build
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.warm import guest, warm_xml
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.layers import read_layers
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_xml import parse
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    serialise,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import find_in

TEMPLATE = build.build(build.Hardware(64 << 20), ["vda"])
IMAGE = """<domain type='qemu' id='7'><name>headroom-warm-web-1-0</name>
  <uuid>11111111-1111-4111-8111-111111111111</uuid>
  <genid>22222222-2222-4222-8222-222222222222</genid>
  <metadata>
    <h:machine xmlns:h='urn:headroom:libvirt:1'>
      <h:appliance>web:1</h:appliance><h:volume pool='p'>image</h:volume></h:machine>
    <w:warm xmlns:w='urn:headroom:libvirt:1:warm' appliance='web:1'/>
  </metadata>
  <memory unit='KiB'>65536</memory><os><type machine='pc-q35-7.2'>hvm</type></os>
  <devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/pool/image'/>
    <backingStore type='file'><source file='/pool/base'/></backingStore><target dev='vda'/></disk></devices></domain>"""
CLONE = """<domain type='qemu'><name>web-1</name><uuid>33333333-3333-4333-8333-333333333333</uuid>
  <title>A &amp; B</title>
  <metadata><h:machine xmlns:h='urn:headroom:libvirt:1'>
    <h:fleet>web</h:fleet><h:volume pool='p'>mine</h:volume></h:machine></metadata>
  <memory unit='KiB'>1</memory><os><type machine='q35'>hvm</type></os>
  <devices><disk type='file' device='disk'><source file='/pool/mine'/><target dev='vda'/></disk></devices></domain>"""
GENID = "44444444-4444-4444-8444-444444444444"


def one(root: etree._Element, path: str) -> etree._Element:
    found = root.find(path)
    assert found is not None
    return found


def test_a_fork_is_itself_on_the_hardware_of_the_image() -> None:
    root = parse_element(warm_xml.fork_definition(IMAGE, CLONE, GENID))
    definition = parse(serialise(root))
    assert (definition.name, definition.uuid, definition.title) == (
        "web-1",
        "33333333-3333-4333-8333-333333333333",
        "A & B",
    )
    assert (definition.memory_bytes, definition.machine) == (64 << 20, "pc-q35-7.2")
    assert root.findtext("genid") == GENID
    assert root.get("id") is None
    (disk,) = definition.disks
    assert disk.source == "/pool/mine"
    assert [str(layer) for layer in read_layers(serialise(root))[disk.target]] == ["/pool/mine"]
    metadata = find_in(root)
    assert (metadata.fleet, metadata.appliance, [ref.name for ref in metadata.volumes]) == (
        "web",
        None,
        ["mine"],
    )
    assert "warm" not in serialise(root)


def test_the_snapshot_of_a_fork_names_nothing_of_the_image() -> None:
    text = (
        f"<domainsnapshot><name>warm</name><state>shutoff</state>{IMAGE}</domainsnapshot>".replace(
            "</domainsnapshot>",
            IMAGE.replace("domain ", "inactiveDomain ").replace("</domain>", "</inactiveDomain>")
            + "</domainsnapshot>",
        )
    )
    forked = warm_xml.fork_snapshot(text, CLONE, GENID)
    assert "11111111" not in forked
    assert "22222222" not in forked
    assert "/pool/image" not in forked
    assert parse_element(forked).findtext("state") == "running"
    assert forked.count(GENID) == 2


def test_cards_are_taken_out_and_plugged_in_with_an_address_of_their_own() -> None:
    defined = TEMPLATE.replace(
        "<source network", "<mac address='52:54:00:00:00:01'/><source network"
    )
    bare, cards = warm_xml.take_cards(defined)
    assert "interface" not in bare
    (card,) = cards
    assert "52:54" not in card
    plugged = parse_element(warm_xml.make_card_xml(card, "52:54:00:00:00:02"))
    assert one(plugged, "mac").attrib["address"] == "52:54:00:00:00:02"
    assert one(plugged, "source").attrib["network"] == "default"


def test_cards_come_back_from_the_metadata_and_an_image_without_is_not_whole() -> None:
    cards = [
        "<interface type='network'/>",
        "<interface type='bridge'><source bridge='br&amp;0'/></interface>",
    ]
    assert warm_xml.read_cards(warm_xml.record_element("web:1", cards)) == cards
    assert warm_xml.read_cards(warm_xml.record_element("web:1", [])) == []
    assert warm_xml.read_cards(None) is None


def test_other_hardware_is_another_image() -> None:
    names = {
        warm_xml.name_image(appliance, xml)
        for appliance in ("web:1", "web:2")
        for xml in ("<a/>", "<b/>")
    }
    assert len(names) == 4
    assert all(name.startswith("headroom-warm-web-") for name in names)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("<os>", "<os firmware='efi'>", "UEFI"),
        ("</devices>", "<tpm model='tpm-tis'><backend type='emulator'/></tpm></devices>", "TPM"),
        (build.AGENT_CHANNEL, "com.example.other", "guest agent"),
    ],
)
def test_what_cannot_be_warm_is_said(old: str, new: str, words: str) -> None:
    warm_xml.check_hardware(parse_element(TEMPLATE))
    assert old in TEMPLATE
    with pytest.raises(Unsupported, match=words):
        warm_xml.check_hardware(parse_element(TEMPLATE.replace(old, new)))


def test_the_guest_is_told_by_arguments_and_never_by_code() -> None:
    told = guest.make_command(guest.GuestOrders("uuid", "web-1; rm -rf /", 7, "ff"))
    assert told[:2] == ["/bin/sh", "-c"]
    assert told[3:] == ["refresh", "uuid", "web-1; rm -rf /", "7", "ff"]
    assert "web-1" not in told[2]


def test_a_fork_has_the_consoles_of_the_clone_and_its_snapshot_too() -> None:
    """The image has none that anybody could reach; where a clone's listens, and its password, is its own."""
    image = IMAGE.replace("</devices>", "<graphics type='vnc' listen='127.0.0.1'/></devices>")
    clone = CLONE.replace("</devices>", "<graphics type='vnc' listen='::' passwd='x'/></devices>")
    snapshot = f"<domainsnapshot><state>shutoff</state>{image}</domainsnapshot>"
    fork = parse_element(warm_xml.fork_definition(image, clone, GENID))
    of_snapshot = parse_element(warm_xml.fork_snapshot(snapshot, clone, GENID)).find("domain")
    for root in (fork, of_snapshot):
        assert root is not None
        (device,) = root.iterfind("devices/graphics")
        assert dict(device.attrib) == {"type": "vnc", "listen": "::", "passwd": "x"}
        assert [child.tag for child in one(root, "devices")] == ["disk", "graphics"]
