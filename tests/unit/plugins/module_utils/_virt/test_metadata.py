# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    dependency,
    element_xml,
    metadata,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import (
    Dependency,
    RemoteDisk,
    Service,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import (
    Metadata,
    ReservationRef,
    Standing,
    VolumeRef,
)

# What XML 1.0 can carry, and libvirt keeps: no control characters, and no white space alone.
TEXT = st.text(
    st.characters(min_codepoint=33, exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=20
)
URIS = st.sampled_from(["qemu+ssh://root@k1/system", "qemu+tls://[fd00::1]:16514/system"])
TIMES = st.integers(0, 2**33).map(dependency.format_time)
DEPENDENCIES = st.builds(
    Dependency,
    kind=st.sampled_from(["move", "clone"]),
    source_uri=URIS,
    address=st.sampled_from(["10.0.0.1", "fd00::1", "k1.example.org"]),
    port=st.integers(1, 65535),
    token=st.text("0123456789abcdef", min_size=16, max_size=32),
    since=TIMES,
    operation=st.sampled_from(["", "5f0c9a1e"]),
    disks=st.lists(
        st.builds(
            RemoteDisk,
            target=st.sampled_from(["vda", "vdb", "sda", "xvdz"]),
            path=st.sampled_from(["/images/a.qcow2", '/images/"<&ü b.raw']),
            format=st.sampled_from(["raw", "qcow2"]),
            policies=st.sampled_from(
                [(), (("error_policy", "enospace"), ("rerror_policy", "report"))]
            ),
        ),
        min_size=1,
        max_size=3,
        unique_by=lambda disk: disk.target,
    ).map(tuple),
    tls=st.booleans(),
    tls_name=st.sampled_from([None, "k1"]),
    removes_source=st.booleans(),
    autostart=st.booleans(),
    bytes_per_second=st.integers(0, 2**40),
)
SERVICES = st.builds(
    Service,
    reader_uri=URIS,
    reader_uuid=st.none() | st.uuids().map(str),
    since=st.just("") | TIMES,
)
METADATA = st.builds(
    Metadata,
    fleet=st.none() | TEXT,
    tenant=st.none() | TEXT,
    appliance=st.none() | TEXT,
    parent=st.none() | TEXT,
    created=st.none() | TEXT,
    protected=st.booleans(),
    volumes=st.lists(st.builds(VolumeRef, pool=TEXT, name=TEXT), max_size=3).map(tuple),
    reservations=st.lists(
        st.builds(ReservationRef, network=TEXT, mac=TEXT, address=TEXT), max_size=3
    ).map(tuple),
    tags=st.lists(TEXT, max_size=3).map(tuple),
    dependency=st.none() | DEPENDENCIES,
    service=st.none() | SERVICES,
    labelled=st.booleans(),
    standing=st.none() | st.builds(Standing, in_service=st.booleans(), since=TIMES),
    parked_for=st.none() | TEXT,
)


@given(METADATA)
def test_what_is_written_is_read(value: Metadata) -> None:
    for element in (metadata.build_element(value), metadata.build_bare_element(value)):
        assert (
            metadata.read_element(element_xml.parse_element(element_xml.serialise(element)))
            == value
        )


@given(METADATA, METADATA)
def test_replaces_ours_and_leaves_others_alone(first: Metadata, second: Metadata) -> None:
    domain = element_xml.parse_element(
        "<domain><metadata><o:os xmlns:o='urn:other'>12</o:os></metadata></domain>"
    )
    metadata.put_in(domain, first)
    metadata.put_in(domain, second)
    again = element_xml.parse_element(element_xml.serialise(domain))
    assert metadata.find_in(again) == second
    assert again.findtext("metadata/{urn:other}os") == "12"
    assert len(again.findall("metadata/*")) == 2


@given(METADATA)
def test_what_a_newer_release_wrote_stays(value: Metadata) -> None:
    domain = element_xml.parse_element(
        f"<domain><metadata><h:machine xmlns:h='{metadata.NAMESPACE}'><h:fleet>old</h:fleet>"
        "<h:zone rack='7'>eu</h:zone></h:machine></metadata></domain>"
    )
    metadata.put_in(domain, value)
    (element,) = domain.findall("metadata/*")
    assert metadata.read_element(element) == value
    assert [dict(child.attrib) for child in metadata.find_unknown(element)] == [{"rack": "7"}]
    bare = metadata.build_bare_element(value, metadata.find_unknown(element))
    assert [child.text for child in metadata.find_unknown(bare)] == ["eu"]
    assert len(metadata.find_unknown(element)) == 1


@pytest.mark.parametrize(
    ("value", "is_member"),
    [
        (Metadata(fleet="web", appliance="web:1"), True),
        (Metadata(fleet="web", appliance="web:1", labelled=True), False),
        (Metadata(fleet="web"), False),
        (Metadata(appliance="web:1"), False),
    ],
)
def test_only_what_a_clone_task_made_for_its_fleet_is_its_member(
    value: Metadata, is_member: bool
) -> None:
    assert value.is_member is is_member


def test_no_metadata_says_nothing() -> None:
    assert metadata.find_in(element_xml.parse_element("<domain/>")) == Metadata()


@pytest.mark.parametrize("text", ["a\x00", "a\x1b", "\ud800", "\ufffe"])
def test_what_xml_cannot_hold_is_refused_by_name(text: str) -> None:
    for value in (
        Metadata(fleet=text),
        Metadata(tags=(text,)),
        Metadata(volumes=(VolumeRef(text, "v"),)),
    ):
        with pytest.raises(HeadroomError, match="Use printable text"):
            metadata.build_element(value)
