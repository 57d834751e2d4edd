# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making clones against virt-clone, qemu-img, uploading, and booting, with an appliance of random content."""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

from bench import frame, host

if t.TYPE_CHECKING:
    from collections.abc import Iterator

HELP = (
    "appliance_clone's modes against virt-clone, qemu-img convert, upload then boot, and cold boot"
)
CASES = ("linked", "linked+start", "full", "reflink", "streamed", "warm")
_FOLDER = "/var/lib/headroom-bench"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the benchmark's own options."""
    parser.add_argument(
        "--clones", type=int, default=20, help="how many, of linked (default: %(default)s)"
    )
    parser.add_argument(
        "--size", type=int, default=1024, metavar="MIB", help="of the disk (default: %(default)s)"
    )
    parser.add_argument(
        "--cases", type=_cases, default=",".join(CASES), help="default: %(default)s"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="turns of full, reflink, warm (default: %(default)s)"
    )
    parser.add_argument(
        "--rate", default="100mbit", help="of the link that streamed uses (default: %(default)s)"
    )
    parser.add_argument(
        "--release", default="trixie", help="the hosts' Debian release (default: %(default)s)"
    )


def run(options: argparse.Namespace) -> list[frame.Row]:
    """Measure on lab hosts of its own: all on one, and streamed from that one to another."""
    rows: list[frame.Row] = []
    wanted = [case for case in options.cases if case != "streamed"]
    with host.lab_hosts(options.release, 2 if "streamed" in options.cases else 1) as hosts:
        first = hosts[0]
        _measure(first, "prepare", str(options.size))
        with _xfs(first, options.size) if "reflink" in wanted else contextlib.nullcontext():
            for case in wanted:
                rows += _measure(first, case, str(options.clones), str(options.rounds))
        if "streamed" in options.cases:
            rows += _streamed(first, hosts[1], options.rate)
    return rows


def _measure(measured: host.Host, case: str, *arguments: str) -> list[frame.Row]:
    print(f"bench: {case}", file=sys.stderr, flush=True)
    rows = frame.from_json(measured.measure("clone", case, *arguments))
    if rows:  # now, in case that a later one fails
        print(frame.table(rows), file=sys.stderr, flush=True)
    return rows


def _streamed(source: host.Host, target: host.Host, rate: str) -> list[frame.Row]:
    source.link("--rate", rate)
    try:
        return _measure(target, "streamed", source.name)
    finally:
        source.link("--rate", "none")


@contextlib.contextmanager
def _xfs(measured: host.Host, size_mib: int) -> Iterator[None]:
    """Mount an XFS file system on the host for as long as the block lasts, from a file on this machine."""
    with contextlib.ExitStack() as stack:
        image = (
            Path(
                stack.enter_context(
                    tempfile.TemporaryDirectory(prefix="headroom-bench-", dir="/var/tmp")
                )
            )
            / "xfs"
        )
        with image.open("wb") as file:
            file.truncate((2 * size_mib + 1024) * 1024**2)
        _run("mkfs.xfs", "-q", "-m", "reflink=1", str(image))
        device = _run("losetup", "--find", "--show", str(image)).strip()
        stack.callback(_run, "losetup", "--detach", device)
        # The host has no loop devices of its own, so it gets a node for this one.
        inside = ["nsenter", "--target", str(measured.process), "--mount", "--"]
        number = Path(f"/sys/class/block/{Path(device).name}/dev").read_text().strip().split(":")
        _run(*inside, "mkdir", "-p", _FOLDER)
        _run(*inside, "mknod", "/dev/headroom-bench", "b", *number)
        stack.callback(_run, *inside, "rm", "/dev/headroom-bench")
        _run(*inside, "mount", "-t", "xfs", "/dev/headroom-bench", _FOLDER)
        stack.callback(_run, *inside, "umount", _FOLDER)
        yield


def _run(*words: str) -> str:
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def _cases(text: str) -> list[str]:
    cases = text.split(",")
    unknown = sorted(set(cases) - set(CASES))
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(CASES)}")
    return [case for case in CASES if case in cases]
