# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module's collection against `virsh domstats` and the plain loop, over real guests."""

from __future__ import annotations

import argparse

from bench import frame, host

HELP = "domain_stats_info's collection against virsh domstats and one call a device; guests have one disk and one NIC"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the benchmark's own options."""
    parser.add_argument("--domains", type=_numbers, default="1,20,100", help="how many guests (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=11, help="turns of each contender (default: %(default)s)")
    parser.add_argument(
        "--round-trips",
        type=_numbers,
        default="10,50",
        metavar="MS",
        help="also through a proxy that delays by so many ms (default: %(default)s)",
    )
    parser.add_argument("--release", default="trixie", help="the host's Debian release (default: %(default)s)")


def run(options: argparse.Namespace) -> list[frame.Row]:
    """Measure on a lab host of its own."""
    with host.lab_host(options.release) as measured:
        numbers = (",".join(map(str, listed)) for listed in (options.domains, options.round_trips))
        text = measured.measure("stats", *numbers, str(options.rounds))
    return frame.from_json(text)


def _numbers(text: str) -> list[int]:
    numbers = sorted({int(number) for number in text.split(",")})
    if numbers[0] < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: write whole numbers from 1 on")
    return numbers
