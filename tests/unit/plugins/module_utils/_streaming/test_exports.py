# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a machine's metadata says of the export that it reads from."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import exports
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.exports import (
    ExportRef,
    StreamRecord,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import Export
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    serialise,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

TOKEN = "0123456789abcdef" * 2
CLONE = "<domain type='test'><name>{}</name><memory>8192</memory><os><type>hvm</type></os></domain>"
RECORDS = st.builds(
    StreamRecord,
    token=st.text("0123456789abcdef", min_size=32, max_size=32),
    address=st.sampled_from(["10.0.0.1", "fd00::1"]),
    port=st.integers(1, 65535),
    source_uri=st.sampled_from(
        ["qemu:///system", "qemu+ssh://root@kvm1/system?keyfile=/a&no_verify=1"]
    ),
    source_pool=st.sampled_from(["default", 'a"<b']),
    appliance=st.just("web:1"),
    bytes_per_second=st.integers(0, 2**62),
) | st.builds(
    StreamRecord,
    token=st.just(TOKEN),
    address=st.just("10.0.0.1"),
    port=st.just(10809),
    source_uri=st.just("qemu+ssh://root@kvm1/system"),
    source_pool=st.just("default"),
    appliance=st.just("web:1"),
    bytes_per_second=st.just(0),
    tls=st.just(True),
    tls_name=st.sampled_from([None, "kvm1"]),
)


@given(RECORDS)
def test_a_record_comes_back_from_the_metadata(record: StreamRecord) -> None:
    assert exports.read_record(exports.record_element(record)) == record
    root = parse_element(CLONE.format("web-1"))
    exports.put_record(root, record)
    (stored,) = root.findall(f"metadata/{{{exports.RECORD_NAMESPACE}}}stream")
    assert exports.read_record(serialise(stored)) == record


def test_a_record_of_a_release_without_tls_is_understood() -> None:
    record = exports.read_record(
        f"<stream token='{TOKEN}' address='10.0.0.1' port='10809' source_uri='qemu+ssh://root@kvm1/system' "
        "source_pool='default' appliance='web:1' bandwidth='0'/>"
    )
    assert record is not None
    assert record.tls is False
    assert record.ref == ExportRef("qemu+ssh://root@kvm1/system", "headroom-export-0123456789ab")
    assert record.export_of("vda") == Export(f"{TOKEN}-vda", "10.0.0.1", 10809)


@pytest.mark.parametrize("text", [None, "<stream/>", "<stream token='a' port='x'/>"])
def test_what_is_no_whole_record_is_none(text: str | None) -> None:
    assert exports.read_record(text) is None


def test_an_export_is_needed_as_long_as_a_machine_says_so(node: Connection) -> None:
    record = StreamRecord(TOKEN, "10.0.0.1", 10809, "test:///default", "default", "web:1", 0)
    domain = domains.define(node, CLONE.format("web-1"))
    domains.define(node, CLONE.format("web-2"))
    assert exports.find_record(domain) is None
    domains.set_metadata_xml(
        domain, exports.record_element(record), exports.RECORD_PREFIX, exports.RECORD_NAMESPACE
    )
    assert exports.find_record(domain) == record
    assert exports.find_exports_of(domain) == (record.ref,)
    assert exports.is_needed(node, record.ref)
    assert not exports.is_needed(node, record.ref, without=domain.UUIDString())
    assert not exports.is_needed(node, ExportRef("test:///default", "headroom-export-0"))
