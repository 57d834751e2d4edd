# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Images in Ceph, read and written by the tools of QEMU, as libvirt moves no bytes into or out of an RBD pool.

fill_image(), digest_image(), take_snapshot() and remove_snapshot() are for disks, read_content() and write_content()
for what is small. They work wherever this runs, as long as the monitors of Ceph are reached from there. The key is
libvirt's secret: it stands in memory of this process that the tool is given a descriptor of, on no disk and on no
command line.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ChecksumMismatch,
    HeadroomError,
    MissingDependency,
    NotFound,
    TimedOut,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._files import (
    ensure_private_folder,
    find_runtime_folder,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import node
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.content import Digest
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK, Waiter

from .nbd import Client
from .nodes import OBJECT_ID, FileImage, Image, RbdImage, build_options

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

# Ceph's client waits as long as it takes for a monitor. A manifest is read in a tenth of a second.
_ANSWER_SECONDS: t.Final = 60.0
# A disk of some terabytes over a slow network; a monitor that is down for a minute is waited for.
_FILL_SECONDS: t.Final = 24 * 3600.0
# A guest may stand still as long as its snapshot is taken, which is a second. After a run that was killed in that, its
# tool has the image locked for half a minute, for the guest as well; who waits less would fail for that alone.
_SNAPSHOT_SECONDS: t.Final = 45.0
# How qemu-img tells that there is none of that name.
_NO_SNAPSHOT: t.Final = "snapshot not found"
_CHUNK_BYTES: t.Final = 4 * 1024 * 1024
_LONGEST_WORDS: t.Final = 600


def fill_image(connection: Connection, source: Image, target: RbdImage) -> Digest:
    """Copy ``source``, at rest, into the new image ``target`` of its size; return the Digest of what a guest sees.

    Raises ChecksumMismatch when something else is read back.
    """
    options = ["--target-image-opts", "-n", "--target-is-zero", "-t", "none"]
    with _hold_key(connection, source, target) as (secret, descriptors):
        _run(
            [
                *("qemu-img", "convert", *secret, *options, "--image-opts"),
                *(build_options(source), build_options(target)),
            ],
            descriptors,
            f"fill the image {target}",
        )
    digests = [digest_image(connection, image) for image in (source, target)]
    if digests[0] != digests[1]:
        raise ChecksumMismatch(
            f"the image {target} is not what was copied into it. Look at the health of Ceph, then run the task again.",
            image=str(target),
        )
    return digests[1]


def digest_image(connection: Connection, image: Image) -> Digest:
    """Return the SHA-256 and the size of what a guest sees of the image."""
    running = hashlib.sha256()
    with _open_image(connection, image, _FILL_SECONDS) as client:
        for offset in range(0, client.size_bytes, _CHUNK_BYTES):
            running.update(client.read(offset, min(_CHUNK_BYTES, client.size_bytes - offset)))
        return Digest(running.hexdigest(), client.size_bytes)


def take_snapshot(connection: Connection, image: RbdImage) -> None:
    """Make the snapshot that ``image`` names, of what is in it now; a guest that has it open writes on beside it.

    Raises TimedOut after three quarters of a minute. Nobody protects it, so that remove_snapshot() is all that it takes
    to have it gone.
    """
    _change_snapshots(connection, image, "-c", f"take the snapshot {image}", _SNAPSHOT_SECONDS)


def remove_snapshot(connection: Connection, image: RbdImage) -> bool:
    """Remove the snapshot that ``image`` names, or know that all of the image has gone; False where there is none."""
    try:
        _change_snapshots(connection, image, "-d", f"remove the snapshot {image}", _ANSWER_SECONDS)
    except NotFound:
        return True
    except HeadroomError as error:
        if _NO_SNAPSHOT not in error.message:
            raise
        return False
    return True


def _change_snapshots(
    connection: Connection, image: RbdImage, change: str, action: str, timeout: float
) -> None:
    whole = dataclasses.replace(image, snapshot=None)
    with _hold_key(connection, whole) as (secret, descriptors):
        words = ("qemu-img", "snapshot", *secret, "--image-opts", change, str(image.snapshot))
        _run([*words, build_options(whole)], descriptors, action, timeout)


def read_content(connection: Connection, image: RbdImage, limit: int) -> bytes:
    """Return the content of a small image; raises HeadroomError when it is longer than ``limit`` bytes."""
    with _open_image(connection, image, _ANSWER_SECONDS) as client:
        if client.size_bytes > limit:
            raise HeadroomError(f"the image {image} is longer than {limit} bytes")
        return client.read(0, client.size_bytes) if client.size_bytes else b""


def write_content(connection: Connection, image: RbdImage, content: bytes) -> None:
    """Write ``content`` into a small image, and return when that is durable."""
    with _open_image(connection, image, _ANSWER_SECONDS, writable=True) as client:
        client.write(0, content)
        client.flush()


@contextlib.contextmanager
def _open_image(
    connection: Connection, image: Image, timeout: float, *, writable: bool = False
) -> t.Iterator[Client]:
    """Yield what reads, or writes, an image that a server of QEMU's has for this block."""
    action = f"{'write' if writable else 'read'} the image {image}"
    with contextlib.ExitStack() as stack:
        secret, descriptors = stack.enter_context(_hold_key(connection, image))
        place = str(stack.enter_context(_make_folder()) / "nbd")
        mode = "--cache=none" if writable else "--read-only"
        command = [
            *("qemu-nbd", *secret, mode, "--socket", place),
            *("--image-opts", build_options(image)),
        ]
        process = stack.enter_context(_start(command, descriptors))
        link = stack.enter_context(socket.socket(socket.AF_UNIX))
        try:
            _connect(link, process, place)
            link.settimeout(timeout)
            client = Client(link)
            yield client
            client.disconnect()
            # whoever is killed with an image open is taken for a user of it for half a minute more, one who reads, too
            process.wait(timeout)
        except ConnectionError as error:  # it listens before it has opened the image
            process.kill()
            raise _translate(_read_words(process), action) from error
        except (socket.timeout, subprocess.TimeoutExpired) as error:
            raise _describe_silence(action, timeout) from error


def _connect(link: socket.socket, process: subprocess.Popen[bytes], place: str) -> None:
    """Connect to the server's socket as soon as it is there; raises ConnectionError when the server ends before."""

    def is_connected() -> bool:
        if process.poll() is not None:
            raise ConnectionAbortedError
        try:
            link.connect(place)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return True

    if not Waiter(_ANSWER_SECONDS, SYSTEM_CLOCK, first_pause=0.01).holds(is_connected):
        raise _describe_silence("start the server of an image", _ANSWER_SECONDS)


def _read_words(process: subprocess.Popen[bytes]) -> bytes:
    """Return what a tool has said before it ended."""
    return b"" if process.stderr is None else process.stderr.read()


@contextlib.contextmanager
def _hold_key(
    connection: Connection, *images: Image
) -> t.Iterator[tuple[list[str], tuple[int, ...]]]:
    """Yield the arguments that name the key of the images, if they have one, and the descriptors to hand on."""
    sources = [image.source for image in images if isinstance(image, RbdImage)]
    files = [image.descriptors for image in images if isinstance(image, FileImage)]
    descriptors = tuple(itertools.chain.from_iterable(files))
    secret = next((source.secret for source in sources if source.secret is not None), None)
    if secret is None:
        yield [], descriptors
        return
    held = os.memfd_create("headroom-key", os.MFD_CLOEXEC)
    try:
        os.write(held, base64.b64encode(node.read_secret(connection, secret)))
        path = f"/proc/self/fd/{held}"
        yield (
            ["--object", f"secret,id={OBJECT_ID},file={path},format=base64"],
            (*descriptors, held),
        )
    finally:
        os.close(held)


@contextlib.contextmanager
def _make_folder() -> t.Iterator[Path]:
    runtime = find_runtime_folder()
    try:
        ensure_private_folder(runtime)
        made = tempfile.TemporaryDirectory(prefix="image-", dir=runtime)
    except OSError as error:
        raise HeadroomError(
            f"{runtime}: no folder can be made there: {error.strerror}.", path=str(runtime)
        ) from error
    with made as folder:
        yield Path(folder)


@contextlib.contextmanager
def _start(
    command: t.Sequence[str], descriptors: t.Sequence[int]
) -> t.Iterator[subprocess.Popen[bytes]]:
    """Yield a tool of QEMU's that works for this process, and no longer than it."""
    if not shutil.which(command[0]):
        raise _describe_missing(command[0])
    # a run that is killed leaves nobody behind who goes on writing
    bound = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
    with subprocess.Popen(
        [*bound, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=descriptors,
        env={**os.environ, "LC_ALL": "C"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _run(
    command: t.Sequence[str],
    descriptors: t.Sequence[int],
    action: str,
    timeout: float = _FILL_SECONDS,
) -> None:
    with _start(command, descriptors) as process:
        try:
            _output, words = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise _describe_silence(action, timeout) from error
    if process.returncode:
        raise _translate(words, action)


def _translate(words: bytes, action: str) -> HeadroomError:
    text = words.decode(errors="replace").strip()[-_LONGEST_WORDS:]
    if "Unknown driver 'rbd'" in text:
        return _describe_missing("QEMU's driver for RBD")
    family = NotFound if "No such file or directory" in text else HeadroomError
    return family(f"could not {action}: {text or 'the tool of QEMU said nothing'}")


def _describe_missing(name: str) -> MissingDependency:
    return MissingDependency(
        f"{name} is not on the machine where this module runs, and images in Ceph are read and written by it. Install "
        "it: qemu-utils and qemu-block-extra on Debian, qemu-img and qemu-kvm-block-rbd on Fedora and its relatives."
    )


def _describe_silence(action: str, seconds: float) -> TimedOut:
    return TimedOut(
        f"could not {action} within {seconds:g} s. Look at the health of Ceph (ceph -s), and whether its monitors are "
        "reached from here; then run the task again."
    )
