# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tools of QEMU on images: real ones on files here, in Ceph by the target full_rbd."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ChecksumMismatch,
    HeadroomError,
    MissingDependency,
    NotFound,
    TimedOut,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._rbd import images, nodes
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import node
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import (
    RbdSource,
    SecretRef,
)

NOWHERE: t.Any = None
SOURCE = RbdSource("pool", (("mon1", "3300"), ("2001:db8::1", None)), "me", SecretRef("uuid"))
CONTENT = bytes(range(256)) * 8 + bytes(8192)


@pytest.fixture(autouse=True)
def _runtime(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(images, "find_runtime_folder", lambda: tmp_path / "run")


@pytest.fixture
def raw(tmp_path: Path) -> nodes.FileImage:
    path = tmp_path / "disk, with a comma.raw"
    path.write_bytes(CONTENT)
    return nodes.FileImage(str(path), "raw")


def as_rbd(monkeypatch: pytest.MonkeyPatch, image: nodes.FileImage) -> nodes.RbdImage:
    """An image in Ceph that is a file: all is as it is but where QEMU finds it."""
    plain, target = nodes.build_options, nodes.RbdImage(RbdSource("pool"), "image")
    monkeypatch.setattr(
        images, "build_options", lambda asked: plain(image if asked == target else asked)
    )
    return target


def test_an_image_in_ceph_is_raw_and_named_with_all_its_monitors() -> None:
    assert nodes.build_options(nodes.RbdImage(SOURCE, "a,b")) == (
        "driver=raw,file.driver=rbd,file.pool=pool,file.image=a,,b,file.server.0.host=mon1,file.server.0.port=3300,"
        "file.server.1.host=2001:db8::1,file.server.1.port=6789,file.user=me,file.key-secret=headroom-key"
    )
    without = nodes.build_options(nodes.RbdImage(RbdSource("pool"), "a"))
    assert without == "driver=raw,file.driver=rbd,file.pool=pool,file.image=a"
    snapshot = nodes.RbdImage(RbdSource("pool"), "a", "b,c")
    assert nodes.build_options(snapshot) == f"{without},file.snapshot=b,,c"
    assert str(snapshot) == "pool/a@b,c"


@given(st.text(min_size=1).filter(lambda name: "\0" not in name))
def test_no_name_of_an_image_is_more_than_one_value(name: str) -> None:
    text = nodes.build_options(nodes.RbdImage(RbdSource("pool"), name))
    values = text.replace(",,", "\0").split(",")
    assert values[3].replace("\0", ",") == f"file.image={name}"
    assert len(values) == 4


@pytest.mark.parametrize("image_format", ["raw", "qcow2"])
def test_what_a_guest_sees_of_an_image_is_digested(
    raw: nodes.FileImage, tmp_path: Path, image_format: str
) -> None:
    path = str(tmp_path / "disk")
    subprocess.run(
        ["qemu-img", "convert", "-f", "raw", "-O", image_format, raw.path, path], check=True
    )
    descriptor = os.open(path, os.O_RDONLY)
    image = nodes.FileImage(f"/proc/self/fd/{descriptor}", image_format, (descriptor,))
    found = images.digest_image(NOWHERE, image)
    os.close(descriptor)
    assert (found.sha256, found.size_bytes) == (hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


def test_small_content_is_written_and_read_back(
    raw: nodes.FileImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = as_rbd(monkeypatch, raw)
    images.write_content(NOWHERE, image, b"x" * 512)
    assert images.read_content(NOWHERE, image, 1 << 20) == b"x" * 512 + CONTENT[512:]
    with pytest.raises(HeadroomError, match="longer than 100 bytes"):
        images.read_content(NOWHERE, image, 100)


def test_an_image_is_filled_and_compared(
    raw: nodes.FileImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "target"
    path.write_bytes(bytes(len(CONTENT)))
    image = as_rbd(monkeypatch, nodes.FileImage(str(path), "raw"))
    assert images.fill_image(NOWHERE, raw, image).sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert path.read_bytes() == CONTENT
    path.write_bytes(b"older" + bytes(len(CONTENT) - 5))
    monkeypatch.setattr(images, "_run", lambda *_arguments: None)
    with pytest.raises(ChecksumMismatch, match="pool/image is not what was copied"):
        images.fill_image(NOWHERE, raw, image)


def test_a_snapshot_is_taken_and_removed_as_often_as_one_likes(
    raw: nodes.FileImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "disk"
    convert = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw.path, str(path)]
    subprocess.run(convert, check=True)
    image = as_rbd(monkeypatch, nodes.FileImage(str(path), "qcow2"))

    def list_snapshots() -> str:
        words = ["qemu-img", "snapshot", "-l", str(path)]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout

    snapshots = [dataclasses.replace(image, snapshot=name) for name in ("ours", "theirs")]
    for snapshot in snapshots:
        images.take_snapshot(NOWHERE, snapshot)
    assert [images.remove_snapshot(NOWHERE, snapshots[0]) for _again in range(2)] == [True, False]
    assert " theirs " in list_snapshots()
    assert " ours " not in list_snapshots()
    path.write_bytes(b"spoilt")
    with pytest.raises(HeadroomError, match="could not remove the snapshot pool/image@theirs"):
        images.remove_snapshot(NOWHERE, snapshots[1])
    path.unlink()
    assert images.remove_snapshot(NOWHERE, snapshots[1])
    with pytest.raises(NotFound, match="could not take the snapshot pool/image@theirs"):
        images.take_snapshot(NOWHERE, snapshots[1])


def test_a_guest_does_not_wait_for_a_monitor_that_is_down(
    raw: nodes.FileImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = dataclasses.replace(as_rbd(monkeypatch, raw), snapshot="ours")
    start = images._start
    monkeypatch.setattr(images, "_SNAPSHOT_SECONDS", 0.1)
    monkeypatch.setattr(images, "_start", lambda _command, held: start(["sleep", "60"], held))
    with pytest.raises(
        TimedOut, match=r"could not take the snapshot pool/image@ours within 0\.1 s"
    ):
        images.take_snapshot(NOWHERE, image)


def test_the_key_is_on_no_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    key, commands = b"very secret", []
    monkeypatch.setattr(node, "read_secret", lambda *_arguments: key)
    start = images._start

    def note(command: t.Sequence[str], descriptors: t.Sequence[int]) -> t.Any:
        held = command[command.index("--object") + 1].split(",")[2].removeprefix("file=")
        commands.append((list(command), Path(held).read_bytes(), descriptors))
        return start(["false"], ())

    monkeypatch.setattr(images, "_start", note)
    with pytest.raises(HeadroomError):
        images.read_content(NOWHERE, nodes.RbdImage(SOURCE, "a"), 10)
    ((command, content, descriptors),) = commands
    assert content == b"dmVyeSBzZWNyZXQ="
    assert not any("dmVyeSB" in word or "very secret" in word for word in command)
    assert len(descriptors) == 1
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptors[0])


def test_what_is_missing_is_told(
    raw: nodes.FileImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = as_rbd(monkeypatch, nodes.FileImage(str(tmp_path / "gone"), "raw"))
    with pytest.raises(NotFound, match=r"could not read the image pool/image: .*gone"):
        images.read_content(NOWHERE, gone, 10)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency, match="qemu-nbd is not on the machine"):
        images.digest_image(NOWHERE, raw)
    words = b"qemu-nbd: Unknown driver 'rbd'\n"
    assert "qemu-block-extra" in images._translate(words, "open it").message
