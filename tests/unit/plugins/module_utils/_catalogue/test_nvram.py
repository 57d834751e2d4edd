# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import errno
import typing as t
import zlib

import libvirt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import nvram, packed_nvram
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
    InvalidManifest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import LibvirtFailed
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    content,
    storage,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import Connection

from tools.refusals import refusal


@given(st.binary(max_size=4096))
def test_what_was_packed_is_unpacked(variables: bytes) -> None:
    assert packed_nvram.unpack_variables(packed_nvram.pack_variables(variables)) == variables


def test_the_flash_of_an_arm_machine_fits_into_a_manifest() -> None:
    assert len(packed_nvram.pack_variables(bytes(packed_nvram.LONGEST_BYTES))) < 200_000


@pytest.mark.parametrize(
    "packed",
    [
        "",
        "%%%",
        base64.b64encode(b"no stream").decode(),
        packed_nvram.pack_variables(b"x" * 1000)[:12],
        base64.b64encode(zlib.compress(bytes(packed_nvram.LONGEST_BYTES + 1))).decode(),
        "A" * (3 * 1024**2),
    ],
    ids=["nothing", "no base64", "no zlib", "cut", "bomb", "long"],
)
def test_what_cannot_be_is_refused(packed: str) -> None:
    with pytest.raises(InvalidManifest, match="nvram of the manifest cannot be used"):
        packed_nvram.unpack_variables(packed)


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("<nvram template='/t.fd'>/var/lib/web_VARS.fd</nvram>", "/var/lib/web_VARS.fd"),
        ("<nvram type='file'><source file='/pool/web.fd'/></nvram>", "/pool/web.fd"),
        ("<nvram format='raw'>/v.fd</nvram>", "/v.fd"),
        ("<nvram template='/t.fd'/>", None),
        ("<nvram format='qcow2'>/v.qcow2</nvram>", None),
        ("<nvram type='block'><source dev='/dev/vg/v'/></nvram>", None),
        ("", None),
    ],
)
def test_where_the_firmware_keeps_it(written: str, path: str | None) -> None:
    assert nvram.find_path(f"<domain><os><type>hvm</type>{written}</os></domain>") == path


@pytest.mark.parametrize("written", ["", "<nvram template='/t.fd'/>"])
def test_older_libvirt_does_not_write_down_the_usual_place(written: str) -> None:
    definition = (
        f"<domain><name>web</name><os firmware='efi'><type>hvm</type>{written}</os></domain>"
    )
    assert nvram.find_path(definition) == "/var/lib/libvirt/qemu/nvram/web_VARS.fd"


def test_it_is_read_through_the_pool_that_it_lies_in(
    node: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = storage.look_up_pool(node, "default")
    path = storage.read_volume_path(
        storage.create(
            pool, "vars.fd", storage_xml.build_volume_xml(storage_xml.NewVolume("vars.fd", 8))
        )
    )
    monkeypatch.setattr(
        content,
        "read_bytes",
        lambda _connection, volume, limit: f"{volume.name()} {limit}".encode(),
    )
    packed = nvram.read(node, f"<domain><os><nvram>{path}</nvram></os></domain>")
    assert packed is not None
    assert packed_nvram.unpack_variables(packed) == f"vars.fd {packed_nvram.LONGEST_BYTES}".encode()


class WithoutFolder:
    """A host whose libvirt says so of a pool: what of the system's errors it was is in the first spare integer."""

    def __init__(self, number: int) -> None:
        self.number = number

    def storageVolLookupByPath(self, _path: str) -> t.NoReturn:  # noqa: N802 - libvirt's name
        raise refusal(libvirt.VIR_ERR_NO_STORAGE_VOL)

    def storagePoolCreateXML(self, _xml: str, _flags: int) -> t.NoReturn:  # noqa: N802 - libvirt's name
        raise refusal(libvirt.VIR_ERR_SYSTEM_ERROR, number=self.number)


_EFI = "<domain><name>web</name><os firmware='efi'><type>hvm</type></os></domain>"


def test_where_no_machine_ever_kept_anything_there_is_nothing() -> None:
    host = Connection(t.cast("t.Any", WithoutFolder(errno.ENOENT)), "qemu:///system")
    assert nvram.read(host, _EFI) is None


def test_a_folder_that_cannot_be_read_is_an_error() -> None:
    host = Connection(t.cast("t.Any", WithoutFolder(errno.EACCES)), "qemu:///system")
    with pytest.raises(LibvirtFailed, match="could not read /var/lib/libvirt/qemu/nvram"):
        nvram.read(host, _EFI)
