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

import dataclasses
import hashlib
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._domain import metadata as metadata_
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.xml import parse_element, to_text
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._libvirt_dep import etree

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._clone.identity import Identity
    from ansible_collections.headroom.libvirt.plugins.module_utils._domain.metadata import Metadata

    Element = etree._Element

PREFIX: t.Final = "headroom-warm-"
SNAPSHOT: t.Final = "warm"
RECORD_NAMESPACE: t.Final = "urn:headroom:libvirt:1:warm"
RECORD_PREFIX: t.Final = "headroom-warm"
_DIGITS: t.Final = 12


@dataclasses.dataclass(frozen=True)
class Fork:
    """What a machine that goes on from an image has for itself; ``disks`` is {target: path of its file}."""

    name: str
    identity: Identity
    genid: str
    disks: t.Mapping[str, str]
    metadata: Metadata
    title: str | None = None
    description: str | None = None


def image_name(appliance: str, hardware: str) -> str:
    """Return the name of the image of ``name:version`` for a machine of that XML: other hardware, another image."""
    digest = hashlib.sha256(f"{appliance}\n{hardware}".encode()).hexdigest()[:_DIGITS]
    return f"{PREFIX}{appliance.replace(':', '-')}-{digest}"


def check_hardware(root: Element) -> None:
    """Raise Unsupported when the memory of such a machine cannot be kept, or its guest not be told who it is."""
    system = root.find("os")
    firmware = system is not None and (system.get("firmware") == "efi" or system.find("loader") is not None)
    agent = root.find("devices/channel/target[@name='org.qemu.guest_agent.0']")
    for problem, found in (
        ("it boots by UEFI, whose variables a snapshot does not hold", firmware),
        ("it has a TPM, whose state a snapshot does not hold", root.find("devices/tpm") is not None),
        ("it has no channel for a guest agent, which tells a clone who it is", agent is None),
    ):
        if found:
            raise Unsupported(f"mode: the appliance cannot be cloned warm: {problem}. Use another mode.")


def with_genid(root: Element) -> None:
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
        cards.append(to_text(card))
        parent = card.getparent()
        if parent is not None:
            parent.remove(card)
    return to_text(root), cards


def card_xml(card: str, mac: str) -> str:
    """Return a network card with its MAC address, as it is plugged in."""
    root = parse_element(card)
    root.insert(0, etree.Element("mac", address=mac))
    return to_text(root)


def record_element(appliance: str, cards: t.Sequence[str]) -> str:
    """Return what the metadata of an image says, in no namespace: that it is whole, and the cards of its clones."""
    root = etree.Element("warm", appliance=appliance)
    for card in cards:
        etree.SubElement(root, "card").text = card
    return to_text(root)


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
    return to_text(root)


def fork_definition(definition: str, fork: Fork) -> str:
    """Return the definition of the image as that of a fork."""
    root = parse_element(definition)
    _make(root, fork)
    return to_text(root)


def fork_snapshot(snapshot: str, fork: Fork) -> str:
    """Return the snapshot of the image as that of a fork, which runs from it."""
    root = parse_element(snapshot)
    for domain in (*root.iterfind("domain"), *root.iterfind("inactiveDomain")):
        _make(domain, fork)
    state = root.find("state")
    if state is not None:
        state.text = "running"
    return to_text(root)


def _make(root: Element, fork: Fork) -> None:
    for tag in ("title", "description"):
        for element in root.findall(tag):
            root.remove(element)
    root.attrib.pop("id", None)
    for tag, text in (("name", fork.name), ("uuid", fork.identity.uuid), ("genid", fork.genid)):
        for element in root.findall(tag):
            element.text = text
    for tag, value in (("title", fork.title), ("description", fork.description)):
        if value is not None:
            added = etree.Element(tag)
            added.text = value
            root.insert(2, added)
    for disk in root.iterfind("devices/disk"):
        _stand_on(disk, fork.disks)
    _put_metadata(root, fork.metadata)


def _stand_on(disk: Element, paths: t.Mapping[str, str]) -> None:
    target, source = disk.find("target"), disk.find("source")
    path = None if target is None else paths.get(target.get("dev", ""))
    if path is not None and source is not None:
        source.set("file", path)
        for backing in disk.findall("backingStore"):
            disk.remove(backing)


def _put_metadata(root: Element, metadata: Metadata) -> None:
    for element in root.findall(f"metadata/{{{RECORD_NAMESPACE}}}warm"):
        parent = element.getparent()
        if parent is not None:
            parent.remove(element)
    metadata_.put_in(root, metadata)
