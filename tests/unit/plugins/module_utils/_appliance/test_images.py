# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images as they come: packed or not, from a file, a feed or another host, and what is refused of them."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import shutil
import subprocess
import tarfile
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import (
    build,
    images,
    offer,
    register,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import ApplianceId
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._feed import (
    read,
    simplestreams,
    transfer,
    virt_builder,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.entry import Checksum

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.images import Location
    from ansible_collections.headroom.libvirt.plugins.module_utils._feed.download import Download
    from ansible_collections.headroom.libvirt.plugins.module_utils._feed.entry import FeedEntry

SITE = "https://images.example.org/"
SIZE = 1 << 20


def zstd(content: bytes) -> bytes:
    return subprocess.run(["zstd", "-qc"], input=content, capture_output=True, check=True).stdout


PACKERS: dict[str, t.Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
if shutil.which("zstd"):
    PACKERS["zstd"] = zstd


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A disk of each format, the qcow2 one as QEMU makes it."""
    raw = b"\xeb\x63\x90".ljust(510, b"\0") + b"\x55\xaa" + bytes(SIZE - 512)
    if shutil.which("qemu-img") is None:
        pytest.skip("qemu-img is not installed")
    path = tmp_path_factory.mktemp("disks") / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-qf", "qcow2", path, str(SIZE)], check=True)
    return {"raw": raw, "qcow2": path.read_bytes()}


def look(folder: Path, location: Location, content: bytes) -> tuple[str, int, bytes]:
    """Return (format, size that a guest sees, content) of what becomes of a file."""
    path = folder / "image"
    path.write_bytes(content)
    means = images.Means(folder=folder / "unpacked")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with images.open_disk("vda", location, descriptor, means) as disk:
            size = os.fstat(disk.descriptor).st_size
            return disk.format, disk.virtual_size_bytes, os.pread(disk.descriptor, size, 0)
    finally:
        os.close(descriptor)


def locate(entry: FeedEntry, feed_format: str) -> Location:
    """Return where the feed's disk is, as a task that asks for the entry is told."""
    feed = read.Feed(read.FeedAddress(SITE, None, feed_format), (entry,), {})
    request = register.ApplianceRequest(
        ApplianceId("web", "1"),
        created="2026-01-01T00:00:00Z",
        token="0" * 12,
        hardware=build.Hardware(64 << 20),
    )
    return offer.complete_request(feed, entry, request).files[""]


def template(form: str | None) -> Location:
    said = "" if form is None else f"format={form}\n"
    index = f"[web]\nfile=web.img\nsize={SIZE}\nchecksum={'b' * 128}\n{said}"
    (entry,) = virt_builder.read_index(index.encode())
    return locate(entry, "virt-builder")


def product(kind: str) -> Location:
    item = {"ftype": kind, "path": "web.img", "sha256": "a" * 64, "size": 9}
    versions = {"1": {"items": {"disk": item}}}
    (entry,) = simplestreams.read_products({"products": {"web:amd64": {"versions": versions}}})
    return locate(entry, "simplestreams")


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("form", ["raw", "qcow2"])
def test_a_disk_comes_out_of_whatever_it_was_packed_by(
    tmp_path: Path, disks: dict[str, bytes], form: str, packer: str
) -> None:
    """virt-builder says the format of what is packed in a file, and nearly all of its files are packed raw disks."""
    content = PACKERS[packer](disks[form])
    for location in (
        template(form),
        template(None),
        product("disk1.img"),
        images.Location(f"/srv/{form}"),
    ):
        assert look(tmp_path, location, content) == (form, SIZE, disks[form])


@pytest.mark.parametrize("form", ["raw", "qcow2"])
def test_what_comes_packed_twice_is_told(
    tmp_path: Path, disks: dict[str, bytes], form: str
) -> None:
    content = gzip.compress(lzma.compress(disks[form]))
    with pytest.raises(InvalidInput, match="is no disk image, but packed by xz"):
        look(tmp_path, images.Location("/srv/disk.xz.gz"), content)


def test_a_feed_that_says_another_format_is_told(tmp_path: Path, disks: dict[str, bytes]) -> None:
    with pytest.raises(InvalidInput, match=r"is said to be raw, but begins like .* qcow2"):
        look(tmp_path, template("raw"), lzma.compress(disks["qcow2"]))
    with pytest.raises(InvalidInput, match="'qcow2' is not the format of"):
        look(tmp_path, template("qcow2"), lzma.compress(disks["raw"]))


@pytest.mark.parametrize("may_be_packed", [None, False])
def test_a_disk_that_is_said_to_be_raw_stays_as_it_is(
    tmp_path: Path, may_be_packed: bool | None
) -> None:
    """Such as the base of another host: what a guest once wrote at its beginning unpacks nothing."""
    content = gzip.compress(bytes(2048)).ljust(1024, b"\0")
    location = images.Location("/srv/x", image_format="raw", may_be_packed=may_be_packed)
    assert look(tmp_path, location, content) == ("raw", 1024, content)


def pack_tar() -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("disk.raw")
        member.size = SIZE
        tar.addfile(member, io.BytesIO(bytes(SIZE)))
    return archive.getvalue()


@pytest.mark.parametrize("packer", PACKERS)
def test_an_archive_is_no_disk_however_it_is_packed(tmp_path: Path, packer: str) -> None:
    content = PACKERS[packer](pack_tar())
    for location in (images.Location("/srv/disk.tar"), product("disk1.img"), template(None)):
        with pytest.raises(InvalidInput, match="is no disk image, but a tar archive"):
            look(tmp_path, location, content)
    raw = images.Location("/srv/disk.tar", image_format="raw")
    if packer == "plain":
        assert look(tmp_path, raw, content)[:2] == ("raw", len(content))


def test_an_image_has_the_checksum_that_the_list_beside_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = {f"{SITE}SHA512SUMS": f"{'0' * 128}  other.img\n{'b' * 128}  a box.img\n".encode()}
    downloads: list[Download] = []

    @contextlib.contextmanager
    def fetch(_web: object, download: Download, _folder: Path) -> t.Iterator[int]:
        downloads.append(download)
        yield os.open(os.devnull, os.O_RDONLY)

    monkeypatch.setattr(transfer, "get", lambda _web, url, _limit: lists[url])
    monkeypatch.setattr(images, "fetch", fetch)
    location = images.Location(
        f"{SITE}v1/a%20box.img?x=1", remote=True, checksums=f"{SITE}SHA512SUMS"
    )
    with (
        pytest.raises(InvalidInput, match="is not a raw disk image: it is 0 bytes long"),
        images.open_images({"vda": location}, images.Means(folder=tmp_path)),
    ):
        raise AssertionError
    assert [download.checksum for download in downloads] == [Checksum("sha512", "b" * 128)]


def test_a_fixed_vhd_is_no_raw_disk_unless_one_says_so(
    tmp_path: Path, disks: dict[str, bytes]
) -> None:
    """Clouds hand these out: the disk as it is, and a sector behind it."""
    content = disks["raw"] + b"conectix".ljust(512, b"\0")
    with pytest.raises(InvalidInput, match="is in the format VHD"):
        look(tmp_path, images.Location("image"), content)
    with pytest.raises(InvalidInput, match="is in the format VHD"):
        look(tmp_path, images.Location("image"), gzip.compress(content))
    raw = images.Location("image", image_format="raw")
    assert look(tmp_path, raw, content)[:2] == ("raw", SIZE + 512)
