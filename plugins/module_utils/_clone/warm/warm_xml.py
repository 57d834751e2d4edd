# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The XML of warm clones: an image that holds memory, and machines that go on from it. Pure.

A guest keeps in its memory what its network cards are, whatever the host says later. So the image has none: each clone
gets cards of its own plugged in, at the addresses that were kept free for them.
"""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import (
    WARM_IMAGE_PREFIX,
    WARM_NAMESPACE,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    serialise,
)

if t.TYPE_CHECKING:
    Element = etree._Element

SNAPSHOT: t.Final = "warm"
RECORD_NAMESPACE: t.Final = WARM_NAMESPACE
RECORD_PREFIX: t.Final = "headroom-warm"
_DIGITS: t.Final = 12
_DISKS: t.Final = "devices/disk"
_OWN: t.Final = ("name", "uuid", "title", "description", "metadata")


def name_image(appliance: str, hardware: str) -> str:
    """Return the name of the image of ``name:version`` for a machine of that XML: other hardware, another image."""
    digest = hashlib.sha256(f"{appliance}\n{hardware}".encode()).hexdigest()[:_DIGITS]
    return f"{WARM_IMAGE_PREFIX}{appliance.replace(':', '-')}-{digest}"


def check_hardware(root: Element) -> None:
    """Raise Unsupported when the memory of such a machine cannot be kept, or its guest not be told who it is."""
    system = root.find("os")
    firmware = system is not None and (
        system.get("firmware") == "efi" or system.find("loader") is not None
    )
    agent = root.find("devices/channel/target[@name='org.qemu.guest_agent.0']")
    for problem, elements in (
        ("it boots by UEFI, whose variables a snapshot does not hold", firmware),
        (
            "it has a TPM, whose state a snapshot does not hold",
            root.find("devices/tpm") is not None,
        ),
        ("it has no channel for a guest agent, which tells a clone who it is", agent is None),
    ):
        if elements:
            raise Unsupported(
                f"mode: the appliance cannot be cloned warm: {problem}. Use another mode."
            )


def set_genid(root: Element) -> None:
    """Give the machine an identifier of its generation, by which its guest knows that it is a fork."""
    if root.find("genid") is None:
        name = root.find("name")
        root.insert(0 if name is None else root.index(name) + 1, etree.Element("genid"))


def take_cards(definition: str) -> tuple[str, list[str]]:
    """Return the definition without network cards, and these without MAC address: what is plugged into each clone."""
    root = parse_element(definition)
    cards = []
    for card in root.findall("devices/interface"):
        for tag in ("mac", "target", "alias"):
            for element in card.findall(tag):
                card.remove(element)
        cards.append(serialise(card))
        parent = card.getparent()
        if parent is not None:
            parent.remove(card)
    return serialise(root), cards


def make_card_xml(card: str, mac: str) -> str:
    """Return a network card with its MAC address, as it is plugged in."""
    root = parse_element(card)
    root.insert(0, etree.Element("mac", address=mac))
    return serialise(root)


def record_element(appliance: str, cards: t.Sequence[str]) -> str:
    """Return what the metadata of an image says, in no namespace: that it is whole, and the cards of its clones."""
    root = etree.Element("warm", appliance=appliance)
    for card in cards:
        etree.SubElement(root, "card").text = card
    return serialise(root)


def read_cards(text: str | None) -> list[str] | None:
    """Return the cards that the metadata of an image holds; None for an image that is not whole."""
    if text is None:
        return None
    return [card.text or "" for card in parse_element(text).iterfind("{*}card")]


def snapshot_xml() -> str:
    """Return what takes a snapshot with memory, inside the disks."""
    root = etree.Element("domainsnapshot")
    etree.SubElement(root, "name").text = SNAPSHOT
    etree.SubElement(root, "memory", snapshot="internal")
    return serialise(root)


def fork_definition(definition: str, clone: str, genid: str) -> str:
    """Return the definition of the image as that of the machine that the XML ``clone`` describes.

    What says who a machine is and where its consoles listen comes from ``clone``, what the guest sees of its hardware
    from the image.
    """
    root = parse_element(definition)
    _become(root, parse_element(clone), genid)
    return serialise(root)


def fork_snapshot(snapshot: str, clone: str, genid: str) -> str:
    """Return the snapshot of the image as that of the machine ``clone``, which runs from it."""
    root = parse_element(snapshot)
    for domain in (*root.iterfind("domain"), *root.iterfind("inactiveDomain")):
        _become(domain, parse_element(clone), genid)
    state = root.find("state")
    if state is not None:
        state.text = "running"
    return serialise(root)


def _become(root: Element, clone: Element, genid: str) -> None:
    root.attrib.pop("id", None)
    for tag in reversed(_OWN):
        for element in root.findall(tag):
            root.remove(element)
        for element in clone.findall(tag):
            root.insert(0, element)
    for element in root.findall("genid"):
        element.text = genid
    _take_consoles(root, clone)
    sources = {_read_target(disk): disk.find("source") for disk in clone.iterfind(_DISKS)}
    for disk in root.iterfind(_DISKS):
        _stand_on(disk, sources.get(_read_target(disk)))


def _take_consoles(root: Element, clone: Element) -> None:
    """Have the consoles of the clone, which has them in the same number and order: the guest does not see them."""
    for own, other in zip(root.findall("devices/graphics"), clone.findall("devices/graphics")):
        own.addnext(other)
        own.getparent().remove(own)  # type: ignore[union-attr]


def _stand_on(disk: Element, source: Element | None) -> None:
    old = disk.find("source")
    if source is not None and old is not None:
        old.set("file", source.get("file", ""))
        for backing in disk.findall("backingStore"):
            disk.remove(backing)


def _read_target(disk: Element) -> str:
    target = disk.find("target")
    return "" if target is None else target.get("dev", "")
