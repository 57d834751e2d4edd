# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The XML of clones: golden files for whole domains, properties for what must hold of any."""

from __future__ import annotations

import dataclasses
import os
import typing as t
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import build, template
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import nvram
from ansible_collections.headroom.libvirt.plugins.module_utils._clone import rewrite
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.identity import Identity
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.model import (
    Overlay,
    Overrides,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    InvalidInput,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domain_xml, element_xml
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.capabilities import Platform
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import (
    Metadata,
    VolumeRef,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import (
    RbdSource,
    SecretRef,
)

GOLDEN = Path(__file__).parent / "golden"
DOMAINS = sorted(GOLDEN.glob("*.domain.xml"))
REFUSED = sorted((GOLDEN / "refused").glob("*.domain.xml"))
UUID = "0e6f0b0a-3f3b-4b7e-8a51-8f8f3c1d2e4f"
IDENTITY = Identity(UUID, tuple(f"52:54:00:aa:00:0{number}" for number in (1, 2, 3)))
METADATA = Metadata(
    fleet="web",
    appliance="web:1",
    parent="web:1",
    volumes=(VolumeRef("default", "web-1.vda.qcow2"),),
)
KVM = Platform("kvm")


def clone(
    text: str,
    platform: Platform = KVM,
    overrides: Overrides | None = None,
    identity: Identity = IDENTITY,
) -> str:
    disks = {target: overlay(target) for target in template.list_disk_targets(text)}
    return rewrite.make_clone_xml(
        text, "web-1", identity, disks, METADATA, platform, overrides or Overrides()
    )


def overlay(target: str, image_format: str = "qcow2") -> Overlay:
    volume = f"web-1.{target}.{image_format}"
    return Overlay(
        target,
        VolumeRef("default", volume),
        f"/pool/{volume}",
        image_format,
        1,
        "/base",
        image_format,
        1,
        1,
    )


def test_a_raw_disk_is_said_to_be_raw() -> None:
    text = rewrite.make_clone_xml(
        plain(), "web-1", IDENTITY, {"vda": overlay("vda", "raw")}, METADATA, KVM, Overrides()
    )
    disk = element_xml.parse_element(text).find("devices/disk")
    assert disk is not None
    assert disk.find("driver").attrib["type"] == "raw"  # type: ignore[union-attr]
    assert disk.find("source").attrib == {"file": "/pool/web-1.vda.raw"}  # type: ignore[union-attr]


def root_of(text: str, platform: Platform = KVM, **overrides: t.Any) -> etree._Element:
    return element_xml.parse_element(clone(text, platform, Overrides(**overrides)))


def plain(*, network: str | None = "default", vcpus: int = 1) -> str:
    return build.build(build.Hardware(memory_bytes=64 << 20, vcpus=vcpus, network=network), ["vda"])


def compare(expected: Path, text: str) -> None:
    """HEADROOM_GOLDEN=write writes the files anew; read what changed (git diff) before committing them."""
    if os.environ.get("HEADROOM_GOLDEN") == "write":
        expected.write_text(text)
    assert text == expected.read_text()


def beside(domain: Path, ending: str) -> Path:
    return domain.with_name(domain.name.replace(".domain.xml", ending))


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda path: path.name.split(".")[0])
def test_golden_template(domain: Path) -> None:
    compare(beside(domain, ".template.xml"), template.make_template(domain.read_text()))


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda path: path.name.split(".")[0])
def test_golden_clone(domain: Path) -> None:
    compare(beside(domain, ".clone.xml"), clone(template.make_template(domain.read_text())))


@pytest.mark.parametrize("name", ["bios", "buses", "i440fx", "windows", "a-clone-itself"])
def test_golden_clone_with_a_seed(name: str) -> None:
    domain = GOLDEN / f"{name}.domain.xml"
    seeded = dataclasses.replace(IDENTITY, seed="/pool/web-1.seed.iso")
    compare(
        beside(domain, ".seeded.xml"),
        clone(template.make_template(domain.read_text()), identity=seeded),
    )


@pytest.mark.parametrize("domain", REFUSED, ids=lambda path: path.name.split(".")[0])
def test_what_cannot_be_cloned_is_refused_by_name_with_the_remedy(domain: Path) -> None:
    with pytest.raises(Unsupported) as caught:
        template.make_template(domain.read_text())
    assert "Detach it" in caught.value.message
    assert all(device in caught.value.message for device in caught.value.details["devices"])
    compare(beside(domain, ".message.txt"), caught.value.message + "\n")


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda path: path.name.split(".")[0])
def test_nothing_of_the_original_itself_is_left(domain: Path) -> None:
    made = clone(template.make_template(domain.read_text()))
    for trace in (
        "golden",
        "6b1e8f0e",
        "52:54:00:11:22",
        "192.168.122.42",
        "vnet7",
        "hunter2",
        "0042",
        "/i/",
        "5907",
        "43dc0cf8",
        "apparmor",
        "6dd3e4a5",
        "seed.iso",
    ):
        assert trace not in made, trace


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda path: path.name.split(".")[0])
def test_a_template_is_a_template_of_itself(domain: Path) -> None:
    text = template.make_template(domain.read_text())
    assert template.make_template(text) == text


def test_a_built_template_is_one_already() -> None:
    assert template.make_template(plain()) == plain()


@pytest.mark.parametrize("text", ["", "<domain", "hello", "<network/>"])
def test_what_is_no_domain_is_refused(text: str) -> None:
    with pytest.raises(HeadroomError):
        template.make_template(text)


def test_entities_stay_closed() -> None:
    text = "<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><domain><title>t</title><genid>&x;</genid></domain>"
    assert "root:" not in template.make_template(text)


WORDS = st.text("abcdefgh", min_size=1, max_size=6)
ELEMENTS: st.SearchStrategy[t.Any] = st.recursive(
    st.builds(
        lambda tag, attributes: (f"kept-{tag}", attributes, []),
        WORDS,
        st.dictionaries(WORDS, WORDS, max_size=2),
    ),
    lambda children: st.builds(
        lambda tag, attributes, inner: (f"kept-{tag}", attributes, inner),
        WORDS,
        st.dictionaries(WORDS, WORDS, max_size=2),
        st.lists(children, max_size=3),
    ),
    max_leaves=6,
)
PLACES = [
    "",
    "os",
    "cpu",
    "devices",
    "devices/disk",
    "devices/interface",
    "devices/channel",
    "devices/graphics",
]


def to_element(described: t.Any) -> etree._Element:
    tag, attributes, children = described
    element = etree.Element(tag, attributes)
    element.extend([to_element(child) for child in children])
    return element


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(DOMAINS), st.lists(st.tuples(st.sampled_from(PLACES), ELEMENTS), max_size=6))
def test_what_is_not_the_machines_own_is_kept(
    domain: Path, additions: list[tuple[str, t.Any]]
) -> None:
    root = element_xml.parse_element(domain.read_text())
    expected: dict[str, list[bytes]] = {}
    for place, described in additions:
        parent = root.find(place) if place else root
        if parent is not None:
            parent.append(to_element(described))
            expected.setdefault(place, []).append(
                etree.tostring(to_element(described), method="c14n")
            )
    text = element_xml.serialise(root)
    if expected:
        with pytest.raises(Unsupported, match="kept-"):
            template.make_template(text)
    made = element_xml.parse_element(clone(template.make_template(text, keep_unknown=True)))
    for place, elements in expected.items():
        parent = made.find(place) if place else made
        assert parent is not None
        kept = [child for child in parent if str(child.tag).startswith("kept-")]
        assert [etree.tostring(bare(child), method="c14n") for child in kept] == elements


def bare(element: etree._Element) -> etree._Element:
    """Return the element without the white space and the namespaces that stand around it in a document."""
    return to_element(describe(element))


def describe(element: etree._Element) -> t.Any:
    return str(element.tag), dict(element.attrib), [describe(child) for child in element]


@pytest.mark.parametrize(
    ("last", "expected"), [("vdb", "vdc"), ("vdz", "vdaa"), ("vdaa", "vdab"), ("vdzz", "vdaaa")]
)
def test_a_seed_takes_the_name_after_the_last_disk(last: str, expected: str) -> None:
    text = build.build(build.Hardware(memory_bytes=64 << 20), ["vda", last])
    seeded = dataclasses.replace(IDENTITY, seed="/pool/web-1.seed.iso")
    disks = domain_xml.parse(clone(text, identity=seeded)).disks
    assert [(disk.target, disk.alias) for disk in disks] == [
        ("vda", None),
        (last, None),
        (expected, domain_xml.SEED_ALIAS),
    ]


def test_a_machine_without_disks_gets_a_drive_for_its_seed() -> None:
    seeded = dataclasses.replace(IDENTITY, seed="/pool/web-1.seed.iso")
    (disk,) = domain_xml.parse(clone("<domain type='kvm'/>", identity=seeded)).disks
    assert (disk.device, disk.bus, disk.target) == ("cdrom", "sata", "sda")


def test_memory_is_set_at_once_with_what_the_balloon_leaves() -> None:
    root = root_of(
        template.make_template((GOLDEN / "bios.domain.xml").read_text()), memory_bytes=512 << 20
    )
    assert element_xml.read_size_bytes(root.find("memory")) == 512 << 20
    assert element_xml.read_size_bytes(root.find("currentMemory")) == 512 << 20


@pytest.mark.parametrize(("limit", "fits"), [("1", False), ("2", True), ("9007199254740991", True)])
def test_no_more_memory_than_the_host_may_give(limit: str, fits: bool) -> None:
    """Beyond its limit the kernel ends a guest; the largest number is libvirt's word for none."""
    tuning = f"<memtune><hard_limit unit='GiB'>{limit}</hard_limit></memtune>"
    text = plain().replace("<vcpu>", f"{tuning}<vcpu>")
    if fits:
        assert "hard_limit" in clone(text, overrides=Overrides(memory_bytes=2 << 30))
    else:
        with pytest.raises(InvalidInput, match="memtune/hard_limit: 1073741824 bytes"):
            clone(text, overrides=Overrides(memory_bytes=2 << 30))


def test_memory_in_cells_is_not_guessed() -> None:
    text = plain().replace(
        '<cpu mode="host-model"/>', "<cpu><numa><cell id='0' cpus='0' memory='1'/></numa></cpu>"
    )
    with pytest.raises(InvalidInput, match="NUMA cells"):
        clone(text, overrides=Overrides(memory_bytes=1 << 30))


def test_another_number_of_vcpus_drops_the_topology_and_the_same_keeps_it() -> None:
    text = template.make_template((GOLDEN / "bios.domain.xml").read_text())
    assert root_of(text, vcpus=3).find("cpu/topology") is None
    assert root_of(text, vcpus=3).findtext("vcpu") == "3"
    assert root_of(text, vcpus=4).find("cpu/topology") is not None


def test_the_first_interface_moves_to_another_network_and_keeps_its_model() -> None:
    text = template.make_template((GOLDEN / "disks-and-cdrom.domain.xml").read_text())
    read = domain_xml.parse(clone(text, overrides=Overrides(network="lab")))
    assert [(one.source, one.model, one.mac) for one in read.interfaces] == [
        ("lab", "virtio", IDENTITY.macs[0]),
        ("back", "e1000", IDENTITY.macs[1]),
    ]


def test_a_bridge_becomes_a_network_with_nothing_of_the_bridge_left() -> None:
    root = root_of(
        template.make_template((GOLDEN / "uefi-nvram.domain.xml").read_text()), network="lab"
    )
    interface = root.find("devices/interface")
    assert interface is not None
    assert interface.get("type") == "network"
    assert interface.find("virtualport") is None


def test_a_machine_without_network_card_gets_one() -> None:
    read = domain_xml.parse(clone(plain(network=None), overrides=Overrides(network="lab")))
    assert [(one.source, one.mac) for one in read.interfaces] == [("lab", IDENTITY.macs[0])]


def test_text_for_people_is_data_not_markup() -> None:
    read = domain_xml.parse(clone(plain(), overrides=Overrides(title="<b>&", description="a\nb")))
    assert (read.title, read.description) == ("<b>&", "a\nb")


def test_an_emulated_machine_has_nothing_that_needs_kvm() -> None:
    features = (
        "<features><kvm><hidden state='on'/></kvm><hyperv mode='custom'/><ioapic "
        "driver='kvm'/><acpi/></features>"
    )
    text = (
        plain().replace("<features>", f"{features}<x>").replace("</features>\n  <cpu", "</x><cpu")
    )
    text = text.replace(
        '<clock offset="utc"/>',
        "<clock offset='utc'><timer name='kvmclock'/><timer name='rtc'/></clock>",
    )
    root = root_of(text, Platform("qemu", emulated_cpu=True))
    assert root.get("type") == "qemu"
    assert root.find("cpu").attrib == {"mode": "maximum"}  # type: ignore[union-attr]
    assert [child.tag for child in root.find("features")] == ["acpi"]  # type: ignore[union-attr]
    assert [timer.get("name") for timer in root.iterfind("clock/timer")] == ["rtc"]


@pytest.mark.parametrize(
    ("count", "scheduler", "cache"), [(1, "0", "0"), (2, "0-1", "0-1"), (3, "0-2", "0-1")]
)
def test_tuning_names_only_vcpus_that_the_clone_has(count: int, scheduler: str, cache: str) -> None:
    tuning = (
        "<cputune><vcpusched vcpus='0-3,^3' scheduler='fifo' priority='1'/>"
        "<vcpusched vcpus='3' scheduler='rr' priority='1'/><cachetune vcpus='0-1'>"
        "<cache id='0' level='3' type='both' size='3' unit='MiB'/><monitor level='3' vcpus='1'/></cachetune>"
        "<memorytune vcpus='3'><node id='0' bandwidth='60'/></memorytune></cputune>"
    )
    text = plain(vcpus=4).replace("<os>", tuning + "<os>")
    root = root_of(text, vcpus=count)
    assert [element.get("vcpus") for element in root.iterfind("cputune/*")] == [scheduler, cache]
    assert (root.find("cputune/cachetune/monitor") is None) == (count == 1)


def test_vcpus_of_a_template_with_slots_for_memory_cannot_be_set() -> None:
    numa = "<maxMemory slots='4' unit='GiB'>4</maxMemory><os>"
    with pytest.raises(InvalidInput, match="vcpus"):
        root_of(plain(vcpus=4).replace("<os>", numa), vcpus=2)


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (["hda"], "hdb"),
        (["hda", "hdd"], "hdb"),
        (["hda", "hdb", "hdd"], "hdc"),
        (["hdb", "hdc", "hdd"], "hda"),
    ],
)
def test_a_seed_takes_a_place_that_ide_has(targets: list[str], expected: str) -> None:
    seeded = dataclasses.replace(IDENTITY, seed="/pool/web-1.seed.iso")
    disks = domain_xml.parse(clone(on_ide(targets), identity=seeded)).disks
    assert [disk.target for disk in disks if disk.alias] == [expected]


def test_a_seed_beside_four_ide_drives_is_refused() -> None:
    seeded = dataclasses.replace(IDENTITY, seed="/pool/web-1.seed.iso")
    with pytest.raises(InvalidInput, match="IDE"):
        clone(on_ide(["hda", "hdb", "hdc", "hdd"]), identity=seeded)


def on_ide(targets: list[str]) -> str:
    return build.build(build.Hardware(memory_bytes=64 << 20), targets).replace(
        'bus="virtio"', 'bus="ide"'
    )


def test_every_disk_is_a_writable_qcow2_overlay_whatever_its_base_is() -> None:
    for domain in DOMAINS:
        for disk in domain_xml.parse(clone(template.make_template(domain.read_text()))).disks:
            if disk.device == "disk":
                assert (disk.type, disk.format, disk.readonly) == ("file", "qcow2", False)
                assert disk.source == f"/pool/web-1.{disk.target}.qcow2"
            else:
                assert disk.source is None


@pytest.mark.parametrize("name", ["uefi-nvram", "uefi-explicit-loader"])
def test_the_firmware_finds_what_it_kept_in_a_file_of_the_clones_own(name: str) -> None:
    text = template.make_template((GOLDEN / f"{name}.domain.xml").read_text())
    made = clone(text, identity=dataclasses.replace(IDENTITY, nvram="/pool/web-7.nvram.raw"))
    assert domain_xml.parse(made).nvram == "/pool/web-7.nvram.raw"
    assert nvram.find_path(made) == "/pool/web-7.nvram.raw"


def test_a_disk_in_ceph_is_said_to_be_there_and_raw() -> None:
    text = build.build(build.Hardware(1 << 30), ["vda"], None)
    rbd = RbdSource("vms", (("mon1", "6789"),), "me", SecretRef("0" * 8))
    disk = dataclasses.replace(
        overlay("vda", "raw"), path="vms/web-1.vda.raw", base_path="vms/base", rbd=rbd
    )
    made = rewrite.make_clone_xml(
        text, "web-1", IDENTITY, {"vda": disk}, METADATA, KVM, Overrides()
    )
    element = element_xml.parse_element(made).find("devices/disk")
    assert element is not None
    assert (element.get("type"), element.xpath("string(driver/@type)")) == ("network", "raw")
    assert element.xpath("string(source/@name)") == "vms/web-1.vda.raw"
    assert element.xpath("string(auth/secret/@uuid)") == "0" * 8
    assert domain_xml.parse(made).disks[0].image == "vms/web-1.vda.raw"
