# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The look over SSH: the command that it is, and what comes back."""

from __future__ import annotations

import inspect
import resource
import shlex
import subprocess
import sys
import typing as t
import zipfile
import zlib
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ConnectionFailed,
    LibvirtFailed,
    TimedOut,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory import remote
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.answer import MAGIC
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.reader import LookRequest

from tools import checkout


def command(uri: str) -> str | None:
    target = remote.parse_target(uri)
    return None if target is None else " ".join(target.command)


@pytest.mark.parametrize(
    ("uri", "wanted"),
    [
        ("qemu+ssh://kvm1/system", "ssh -T -e none -- kvm1"),
        ("qemu+ssh://root@kvm1:2222/system", "ssh -T -e none -p 2222 -l root -- kvm1"),
        (
            "qemu+ssh://a%40b@[fd00::1]/session?no_tty=1",
            "ssh -T -e none -l a@b -o BatchMode=yes -- fd00::1",
        ),
        (
            "qemu+ssh://kvm1/system?keyfile=/k&known_hosts=/h&no_verify=1&command=/bin/ssh",
            "/bin/ssh -T -e none -i /k -o UserKnownHostsFile=/h -o StrictHostKeyChecking=no -- kvm1",
        ),
        ("qemu+ssh://-oProxyCommand=id/system", None),
        ("qemu+ssh://root:secret@kvm1/system", None),
        ("qemu+ssh://kvm1/system?socket=/run/other", None),
        ("qemu+libssh://kvm1/system", None),
        ("qemu+tls://kvm1/system", None),
        ("qemu:///system", None),
    ],
)
def test_ssh_is_called_as_libvirt_calls_it(uri: str, wanted: str | None) -> None:
    assert command(uri) == wanted


def test_the_libvirt_there_is_the_one_that_the_uri_names() -> None:
    target = remote.parse_target("qemu+ssh://kvm1/session?no_tty=1")
    assert target is not None
    assert target.uri == "qemu:///session"


def look(folder: Path, script: str, timeout: float = 20.0) -> dict[str, t.Any] | None:
    """What comes of a look when `ssh` is this script; its last two arguments are what the host would run."""
    ssh = folder / "ssh"
    ssh.write_text(f"#!/bin/sh\n{script}\n")
    ssh.chmod(0o755)
    target = remote.SshTarget((str(ssh), "--", "kvm1"), f"test://{folder}/node.xml")
    return remote.look("qemu+ssh://kvm1/system", target, LookRequest(), timeout)


def test_the_reader_runs_on_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # No places of this machine: the test's user may be root, and its files are not the test's to read.
    monkeypatch.setattr(
        inspect,
        "getsource",
        lambda module: Path(module.__file__).read_text().replace("geteuid() == 0", "geteuid() < 0"),
    )
    (tmp_path / "node.xml").write_text("<node><network><name>n</name></network></node>")
    report = look(tmp_path, f"echo welcome; exec {shlex.quote(sys.executable)} -")
    assert report is not None
    assert report["domains"] == []
    (tmp_path / "node.xml").unlink()
    with pytest.raises(LibvirtFailed, match=r"could not read the domains: .*node\.xml"):
        look(tmp_path, f"exec {shlex.quote(sys.executable)} -")


@pytest.mark.parametrize(
    "script", ["echo restricted account; exit 1", "exit 127", "printf headroom-look-1:broken"]
)
def test_a_host_that_cannot_run_it_is_left_to_libvirt(tmp_path: Path, script: str) -> None:
    assert look(tmp_path, f"cat >/dev/null; {script}") is None


def test_a_host_that_does_not_let_in_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConnectionFailed, match="Permission denied"):
        look(tmp_path, "echo Permission denied >&2; exit 255")


def test_a_host_that_swallows_everything_costs_its_timeout(tmp_path: Path) -> None:
    with pytest.raises(TimedOut, match=r"no answer within 0\.2 s"):
        look(tmp_path, "exec sleep 30", timeout=0.2)


def test_without_ssh_it_says_so() -> None:
    with pytest.raises(ConnectionFailed, match="could not run /missing/ssh"):
        remote.look(
            "qemu+ssh://k/system",
            remote.SshTarget(("/missing/ssh", "k"), "qemu:///system"),
            LookRequest(),
            5,
        )


@pytest.mark.parametrize("answer", [b"[" * 100_000, b"[]", b"7", b"\xff", b'{"domains": '])
def test_an_answer_that_is_none_is_left_to_libvirt(answer: bytes, tmp_path: Path) -> None:
    (tmp_path / "answer").write_bytes(MAGIC + zlib.compress(answer))
    assert look(tmp_path, f"cat {tmp_path}/answer") is None


def test_an_answer_that_unpacks_to_gigabytes_is_refused_before_that(tmp_path: Path) -> None:
    packing = zlib.compressobj(9)
    bomb = b"".join(packing.compress(bytes(1024**2)) for _mebibyte in range(200)) + packing.flush()
    assert len(bomb) < 1024**2
    (tmp_path / "answer").write_bytes(MAGIC + bomb)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(LibvirtFailed, match="the host's answer is larger than 64 MiB"):
        look(tmp_path, f"cat {tmp_path}/answer")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150 * 1024  # KiB


@pytest.mark.parametrize("stream", ["1", "2"])
def test_a_host_that_never_stops_talking_is_cut_off(tmp_path: Path, stream: str) -> None:
    with pytest.raises(LibvirtFailed, match="the host's answer is larger than 64 MiB"):
        look(tmp_path, f"exec cat /dev/zero >&{stream}")


_FROM_ARCHIVE = """
import linecache, sys, threading
sys.setswitchinterval(1e-6)
sys.path.insert(0, sys.argv[1])
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory import remote
assert sys.argv[1] in remote.__file__
start, failures = threading.Barrier(16), []
def build():
    start.wait()
    try:
        for _turn in range(20):
            linecache.clearcache()  # as at the first turn
            assert b"HEADROOM" in remote.build_program(remote.reader, ()).upper()
    except Exception as error:
        failures.append(error)
threads = [threading.Thread(target=build) for _number in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
sys.exit(str(failures[0]) if failures else 0)
"""


def test_threads_of_a_module_that_ansible_sends_as_an_archive_build_the_program(
    tmp_path: Path,
) -> None:
    archive = tmp_path / "module.zip"
    folders: set[Path] = set()
    with zipfile.ZipFile(archive, "w") as packed:
        for path in (checkout.ROOT / "plugins/module_utils").rglob("*.py"):
            place = Path("ansible_collections/headroom/libvirt") / path.relative_to(checkout.ROOT)
            packed.write(path, str(place))
            folders.update(place.parents[:-1])
        for folder in folders:
            packed.writestr(f"{folder}/__init__.py", "")
    subprocess.run([sys.executable, "-I", "-c", _FROM_ARCHIVE, str(archive)], check=True)
