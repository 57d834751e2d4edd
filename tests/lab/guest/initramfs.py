# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guest's initramfs, made in memory: busybox, kernel modules, the guest agent, sshd, our programs and rootfs/."""

from __future__ import annotations

import re
import stat
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ..shell import run

OVERLAY = Path(__file__).with_name("rootfs")
PROGRAMS = ("/usr/sbin/qemu-ga", "/usr/sbin/dropbear")

# In what order they are loaded follows from their own dependencies, see load_order().
MODULES = (
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "virtio_balloon",
    "virtio_console",  # the guest agent's channel
    "button",  # ACPI power button ...
    "evdev",  # ... and how it reaches acpid
)


@dataclass(frozen=True)
class Entry:
    """One file, link or directory; `mode` with its type bits, `data` the content or the link's target."""

    path: str
    mode: int
    data: bytes = b""


def directory(path: str) -> Entry:
    return Entry(path, stat.S_IFDIR | 0o755)


def executable(path: str, data: bytes) -> Entry:
    return Entry(path, stat.S_IFREG | 0o755, data)


def plain(path: str, data: bytes) -> Entry:
    return Entry(path, stat.S_IFREG | 0o644, data)


def link(path: str, target: str) -> Entry:
    return Entry(path, stat.S_IFLNK | 0o777, target.encode())


def pack(entries: t.Iterable[Entry]) -> bytes:
    """A cpio archive in the "newc" format that the kernel unpacks (its buffer-format.rst); parents come first."""
    archive = bytearray()
    for number, entry in enumerate([*entries, Entry("TRAILER!!!", 0)], start=1):
        name = entry.path.lstrip("/").encode() + b"\0"
        # inode, mode, uid, gid, links, mtime, size, device (4 fields), name's size, checksum (none)
        fields = (number, entry.mode, 0, 0, 1, 0, len(entry.data), 0, 0, 0, 0, len(name), 0)
        archive += b"070701" + b"".join(b"%08x" % field for field in fields) + name
        archive += bytes(-len(archive) % 4) + entry.data
        archive += bytes(-len(archive) % 4)
    return bytes(archive)


def with_parents(entries: t.Iterable[Entry]) -> list[Entry]:
    """The entries, each folder that they need named once and before them."""
    seen: set[str] = set()
    result: list[Entry] = []
    for entry in entries:
        for parent in reversed(Path(entry.path).parents):
            if str(parent) != "/" and str(parent) not in seen:
                seen.add(str(parent))
                result.append(directory(str(parent)))
        if entry.path not in seen:
            seen.add(entry.path)
            result.append(entry)
    return result


def load_order(wanted: t.Iterable[str], depends: t.Callable[[str], t.Iterable[str]]) -> list[str]:
    """Every module that is needed, each after those that it depends on."""
    order: list[str] = []

    def visit(module: str) -> None:
        if module not in order:
            for dependency in depends(module):
                visit(dependency)
            order.append(module)

    for module in wanted:
        visit(module)
    return order


def contents(tree: Path, programs: t.Mapping[str, bytes]) -> list[Entry]:
    """Everything in the initramfs. `tree` holds unpacked Debian packages, `programs` our own, compiled, by name."""
    return with_parents(
        [
            *(directory(path) for path in ("/proc", "/sys", "/dev", "/run", "/tmp", "/state")),
            *_busybox(tree),
            *_modules(tree),
            *_programs(tree),
            *(executable(f"/sbin/{name}", code) for name, code in programs.items()),
            *_overlay(),
        ]
    )


def _busybox(tree: Path) -> t.Iterator[Entry]:
    yield executable("/bin/busybox", (tree / "bin/busybox").read_bytes())
    own = {path.name for path in OVERLAY.rglob("*")}  # ours come before busybox's
    for applet in run("chroot", tree, "/bin/busybox", "--list").split():
        if applet not in own | {"busybox"}:
            yield link(f"/bin/{applet}", "busybox")


def _modules(tree: Path) -> t.Iterator[Entry]:
    files = {
        path.stem.replace("-", "_"): path.read_bytes()
        for path in (tree / "lib/modules").rglob("*.ko")
    }

    def depends(module: str) -> list[str]:
        found = re.search(rb"\0depends=([^\0]*)\0", files[module])
        return [name.decode() for name in found[1].split(b",") if name] if found else []

    order = load_order(MODULES, depends)
    for module in order:
        yield plain(f"/modules/{module}.ko", files[module])
    yield plain("/modules/order", "".join(f"/modules/{module}.ko\n" for module in order).encode())


def _programs(tree: Path) -> t.Iterator[Entry]:
    """What is not busybox's, and the libraries that it needs."""
    loader = "/lib64/ld-linux-x86-64.so.2"
    said = [run("chroot", tree, loader, "--list", program) for program in PROGRAMS]
    libraries = dict.fromkeys(re.findall(r"=> (/\S+)", "".join(said)))
    for path in (*PROGRAMS, loader, *(name for name in libraries if name != loader)):
        yield executable(path, (tree / path.lstrip("/")).read_bytes())


def _overlay() -> t.Iterator[Entry]:
    for path in sorted(OVERLAY.rglob("*")):
        if path.is_file():
            mode = stat.S_IFREG | (0o755 if path.stat().st_mode & 0o100 else 0o644)
            yield Entry(f"/{path.relative_to(OVERLAY)}", mode, path.read_bytes())
