# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Machines as real sites have them: what becomes of each is told, and is right, for its clones and for a move."""

from __future__ import annotations

import collections
import re
import typing as t

import libvirt
import pytest
from corpus.clones import make_clone
from corpus.domains import SITUATIONS
from corpus.model import Situation
from corpus.places import MARK, find_kinds
from lxml import etree

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import template
from ansible_collections.headroom.libvirt.plugins.module_utils._clone import rewrite
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.model import Overrides
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import host_resources
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domain_schema
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.capabilities import Platform
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    iterate_elements,
    parse_element,
    serialise,
)

CLONABLE = [situation for situation in SITUATIONS if not situation.refused]
REFUSED = [situation for situation in SITUATIONS if situation.refused]


def name_of(situation: Situation) -> str:
    return situation.name


def test_there_are_many_of_many_kinds() -> None:
    assert len({situation.name for situation in SITUATIONS}) == len(SITUATIONS) >= 100
    assert len({situation.text for situation in SITUATIONS}) == len(SITUATIONS)
    assert len(CLONABLE) > 50
    assert len(REFUSED) > 40


@pytest.mark.parametrize("situation", CLONABLE, ids=name_of)
def test_what_is_the_owners_is_kept_and_what_is_one_machines_is_not(situation: Situation) -> None:
    clone = make_clone(situation.text)
    assert [text for text in situation.kept if text not in clone] == []
    assert [text for text in situation.gone if text in clone] == []
    assert sorted(template.list_omissions(situation.text)) == sorted(situation.noted)


@pytest.mark.parametrize("situation", REFUSED, ids=name_of)
def test_what_cannot_be_cloned_is_refused_by_name_with_a_remedy(situation: Situation) -> None:
    with pytest.raises(Unsupported) as caught:
        make_clone(situation.text)
    assert [text for text in situation.refused if text not in caught.value.message] == []


@pytest.mark.parametrize("situation", CLONABLE, ids=name_of)
def test_two_clones_share_nothing_that_one_machine_has_for_itself(situation: Situation) -> None:
    first, second = (read_own_values(make_clone(situation.text, number)) for number in (1, 2))
    assert first & second == frozenset()
    assert not first & read_own_values(situation.text)


@pytest.mark.parametrize("situation", CLONABLE, ids=name_of)
def test_a_card_is_attached_to_the_network_of_the_task(situation: Situation) -> None:
    """Nothing of its former attachment stays: libvirt takes none of that on a card of a network."""
    root = rewrite.apply_hardware(
        template.make_template(situation.text), Platform("test"), Overrides(network="default")
    )
    card = root.find("devices/interface")
    assert card is not None
    assert card.get("type") == "network"
    assert [dict(source.attrib) for source in card.iterfind("source")] == [{"network": "default"}]
    former = {"script", "downscript", "ip", "route", "virtualport", "portForward", "target"}
    assert not former & {str(child.tag) for child in card}
    assert card.find("backend[@type]") is None


def read_own_values(text: str) -> frozenset[tuple[str, str]]:
    """Return what a domain says in the places that the table calls one machine's."""
    values = set()
    for element, path in walk(parse_element(text)):
        for name, value in element.attrib.items():
            if domain_schema.classify_attribute(path, str(name)) in ("identity", "exclusive"):
                values.add(("/".join((*path, f"@{name!s}")), str(value)))
        words = (element.text or "").strip()
        if words and domain_schema.classify_text(path) in ("identity", "exclusive"):
            values.add(("/".join(path), words))
    return frozenset(values)


def walk(root: etree._Element) -> t.Iterator[tuple[etree._Element, domain_schema.Path]]:
    for element in iterate_elements(root):
        yield element, domain_schema.get_path(element)


@pytest.fixture(scope="module")
def connection() -> t.Iterator[Connection]:
    with open_connection("test:///default") as opened:
        yield opened


@pytest.mark.parametrize("situation", CLONABLE, ids=name_of)
def test_libvirt_takes_two_clones_side_by_side(
    connection: Connection, situation: Situation
) -> None:
    domains = []
    try:
        for number in (1, 2):
            root = parse_element(make_clone(situation.text, number, Platform("test")))
            kind = root.find("os/type")
            assert kind is not None
            kind.attrib.clear()  # the test driver has one machine, of another architecture
            domains.append(connection.handle.defineXMLFlags(serialise(root), 0))
        assert len({domain.UUIDString() for domain in domains}) == 2
    except libvirt.libvirtError as error:
        # what libvirt 9.0, or its test driver, has not got
        if not re.search("model 'itco'|'passt'|USB is disabled", str(error)):
            raise
    finally:
        for domain in domains:
            domain.undefineFlags(0)


@pytest.mark.parametrize("situation", SITUATIONS, ids=name_of)
def test_a_move_finds_what_belongs_to_the_host(situation: Situation) -> None:
    root = parse_element(situation.text)
    resources = host_resources.read_resources(root)
    found = [(resource.check, resource.proof) for resource in resources]
    assert sorted(found) == sorted(situation.moved)
    assert all(resource.remedy.endswith(".") for resource in resources)
    unknown = host_resources.find_unknown(root)
    assert unknown == (("devices/teapot",) if "teapot" in situation.text else ())


@pytest.mark.parametrize("situation", SITUATIONS, ids=name_of)
def test_a_move_copies_no_disk_that_would_lose_something(situation: Situation) -> None:
    disks = parse_element(situation.text).iterfind("devices/disk")
    obstacles: list[str] = []
    for disk in disks:
        if disk.get("device", "disk") in ("disk", "lun"):
            obstacles += host_resources.find_obstacles(disk)
    assert len(obstacles) == len(situation.stays), obstacles
    for words in situation.stays:
        assert any(words in obstacle for obstacle in obstacles), obstacles


# Made anew by what they are, not by where they stand; each with what becomes of it.
MADE_ANEW = {
    "@type": "the domain is of the type that the host has",
    "commandline/arg/@value": "only arguments about the hardware are let through",
    "devices/channel/@type": "only channels that libvirt makes anew are let through",
    "devices/channel/source/@mode": "the socket is libvirt's",
    "devices/console/@type": "a pseudo-terminal",
    "devices/disk/@type": "a file, where it is one that can be copied",
    "devices/disk/driver/@type": "the clone's own format",
    "devices/disk/source/@protocol": "of what lies on the network only images in Ceph are copied",
    "devices/graphics/@autoport": "libvirt chooses the port",
    "devices/graphics/@defaultMode": "as encrypted as the original",
    "devices/graphics/@listen": "the host alone, where a password is missing",
    "devices/graphics/@passwd": "a manifest holds no password",
    "devices/graphics/listen": "the host alone, where a password is missing",
    "devices/interface/filterref/parameter/@name": "an address of the machine's own, whatever it is called",
    "devices/parallel/@type": "a pseudo-terminal",
    "devices/serial/@type": "a pseudo-terminal",
    "devices/tpm/backend/@type": "only an emulated one",
    "devices/vsock/cid/@auto": "libvirt chooses the number",
    "metadata": "that of other programs is about the one machine",
    "os/loader": "libvirt chooses it again, where it did",
    "os/nvram/@template": "libvirt chooses it again, where it did",
    "seclabel": "only that nothing confines it is the owner's word",
    "sysinfo": "serial numbers, asset tags and credentials are one machine's",
}


def test_a_token_in_any_attribute_and_text_is_kept_made_anew_or_refused_as_the_table_says() -> None:
    counts: collections.Counter[str] = collections.Counter()
    wrong, used = set(), set()
    for situation in CLONABLE:
        for text, place in put_tokens(situation.text):
            outcome = see_outcome(text)
            counts[outcome] += 1
            if outcome == expect_outcome(place):
                continue
            name = "/".join(place)
            reason = next((key for key in MADE_ANEW if name.startswith(key)), None)
            if reason is not None:
                used.add(reason)
            elif place[-2:] != (
                "alias",
                "@name",
            ):  # but for those that people gave, which begin with ua-
                wrong.add(f"{name}: {outcome} ({situation.name})")
    assert sorted(wrong) == []
    assert used == set(MADE_ANEW)
    assert sum(counts.values()) > 2500
    assert min(counts.values()) > 50, counts


def put_tokens(text: str) -> t.Iterator[tuple[str, domain_schema.Path]]:
    """Yield the domain once for each attribute and text that it has, with a token there, and the place."""
    root = parse_element(text)
    for element, path in walk(root):
        for name in element.attrib:
            before = element.get(str(name), "")
            element.set(str(name), MARK)
            yield serialise(root), (*path, f"@{name!s}")
            element.set(str(name), before)
        if (element.text or "").strip():
            words, element.text = element.text, MARK
            yield serialise(root), path
            element.text = words


def see_outcome(text: str) -> str:
    try:
        return "kept" if MARK in make_clone(text) else "gone"
    except Unsupported:
        return "refused"


def expect_outcome(place: domain_schema.Path) -> str:
    kinds = find_kinds(place)
    if "exclusive" in kinds:
        return "refused"
    return "gone" if "identity" in kinds else "kept"
