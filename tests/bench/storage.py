# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Appliances and clones in each kind of pool that the lab has, against the tools of that storage."""

from __future__ import annotations

import argparse
import sys

from bench import frame, host

HELP = "register and clone in a folder and in Ceph, against qemu-img convert and rbd clone"
_KINDS = ("dir", "rbd")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the benchmark's own options."""
    parser.add_argument("--clones", type=int, default=20, help="how many (default: %(default)s)")
    parser.add_argument(
        "--copies",
        type=int,
        default=2,
        help="how many full copies are measured, of which the time for all clones follows (default: %(default)s)",
    )
    parser.add_argument(
        "--size", type=int, default=1024, metavar="MIB", help="of the disk (default: %(default)s)"
    )
    parser.add_argument(
        "--kinds", type=_read_kinds, default=",".join(_KINDS), help="default: %(default)s"
    )


def run(options: argparse.Namespace) -> list[frame.Row]:
    """Measure on the host of a lab of its own that has the cluster, too."""
    rows: list[frame.Row] = []
    with host.lab_hosts("trixie-storage", 1) as hosts:
        hosts[0].measure("storage", "prepare", str(options.size))
        for kind in options.kinds:
            print(f"bench: {kind}", file=sys.stderr, flush=True)
            text = hosts[0].measure("storage", kind, str(options.clones), str(options.copies))
            rows += frame.from_json(text)
    return rows


def _read_kinds(text: str) -> list[str]:
    unknown = sorted(set(text.split(",")) - set(_KINDS))
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(_KINDS)}")
    return text.split(",")
