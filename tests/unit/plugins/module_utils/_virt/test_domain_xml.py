# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.layers import read_layers
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domain_xml, element_xml

DOMAIN = """
<domain type='kvm'>
  <name>web-1</name>
  <uuid>5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55</uuid>
  <title>Web {{ 1 + 1 }}</title>
  <memory unit='MiB'>64</memory>
  <vcpu placement='static'>2</vcpu>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><nvram>/var/lib/nvram/web-1.fd</nvram></os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/><source file='/pool/web-1.qcow2'/>
      <backingStore type='file'><source file='/pool/base.qcow2'/>
        <backingStore type='file'><source file='/pool/root.raw'/></backingStore></backingStore>
      <target dev='vda' bus='virtio'/>
    </disk>
    <disk type='volume' device='disk'><source pool='default' volume='data'/><target dev='vdb'/><shareable/></disk>
    <disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>
    <interface type='network'><mac address='52:54:00:00:00:01'/><source network='default'/></interface>
    <interface type='user'/>
  </devices>
</domain>
"""


def test_reads_a_domain() -> None:
    definition = domain_xml.parse(DOMAIN)
    assert (definition.name, definition.vcpus, definition.memory_bytes) == (
        "web-1",
        2,
        64 * 1024**2,
    )
    assert definition.title == "Web {{ 1 + 1 }}"
    assert definition.nvram == "/var/lib/nvram/web-1.fd"
    first, second, cdrom = definition.disks
    assert first.source == "/pool/web-1.qcow2"
    assert [str(layer) for layer in read_layers(DOMAIN)["vda"]] == [
        "/pool/web-1.qcow2",
        "/pool/base.qcow2",
        "/pool/root.raw",
    ]
    assert (second.pool, second.volume, second.shareable) == ("default", "data", True)
    assert (cdrom.source, cdrom.readonly, cdrom.device) == (None, True, "cdrom")
    assert [interface.mac for interface in definition.interfaces] == ["52:54:00:00:00:01", None]


def test_does_not_expand_entities() -> None:
    text = (
        '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]><domain><name>&x;</name></domain>'
    )
    assert domain_xml.parse(text).name == ""


@pytest.mark.parametrize("text", ["", "<domain>", "not xml", "<domain>\x00</domain>"])
def test_says_that_it_is_no_xml(text: str) -> None:
    with pytest.raises(HeadroomError, match="could not be parsed"):
        domain_xml.parse(text)


@given(
    st.integers(min_value=0, max_value=2**40),
    st.sampled_from(
        [
            ("b", 1),
            ("bytes", 1),
            ("KB", 1000),
            ("k", 1024),
            ("KiB", 1024),
            ("MB", 10**6),
            ("GiB", 2**30),
        ]
    ),
)
def test_sizes_follow_libvirts_units(number: int, unit: tuple[str, int]) -> None:
    element = element_xml.parse_element(f"<memory unit='{unit[0]}'>{number}</memory>")
    assert element_xml.read_size_bytes(element) == number * unit[1]


@pytest.mark.parametrize(
    ("interface", "kind", "source"),
    [
        ("<interface type='network'><source network='lan'/>", "network", "lan"),
        (
            "<interface type='bridge'><source network='lan' portid='0d5a' bridge='br-kvm1'/>",
            "network",
            "lan",
        ),
        (
            "<interface type='direct'><source network='lan' dev='eth0' mode='bridge'/>",
            "network",
            "lan",
        ),
        (
            "<interface type='network'><source network='lan' bridge='br0'/><actual type='bridge'/>",
            "network",
            "lan",
        ),
        ("<interface type='bridge'><source bridge='br-kvm1'/>", "bridge", "br-kvm1"),
        ("<interface type='direct'><source dev='eth0' mode='bridge'/>", "direct", "eth0"),
        ("<interface type='user'>", "user", None),
    ],
)
def test_a_card_is_on_the_network_that_its_source_names(
    interface: str, kind: str, source: str | None
) -> None:
    """Whatever libvirt made of it when the guest was started."""
    text = f"<domain type='kvm'><devices>{interface}</interface></devices></domain>"
    (card,) = domain_xml.parse(text).interfaces
    assert (card.type, card.source) == (kind, source)
