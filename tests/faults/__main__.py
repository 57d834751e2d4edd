# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`./dev faults NAME`: provoke faults on real hosts, print what came of each; exit code 1 unless all held."""

from __future__ import annotations

import argparse
import subprocess
import sys
import typing as t

from faults import (
    appliance,
    clocks,
    clone,
    drain,
    every,
    finish,
    full,
    migrate,
    mutations,
    others,
    outage,
    pairs,
    power,
    second,
)

if t.TYPE_CHECKING:
    from collections.abc import Sequence


INTERRUPTED = 130


class Faults(t.Protocol):
    """What a module of faults has."""

    HELP: str

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add its own options."""

    def run(self, options: argparse.Namespace) -> int:
        """Provoke them; the exit code."""


FAULTS: dict[str, Faults] = {
    "appliance": appliance,
    "clone": clone,
    "drain": drain,
    "migrate": migrate,
    "mutations": mutations,
    "others": others,
    "outage": outage,
    "second": second,
    "finish": finish,
    "power": power,
    "full": full,
    "clocks": clocks,
    "random": pairs,
    "all": every,
}


def main(arguments: Sequence[str]) -> int:
    """Run; the exit code."""
    parser = argparse.ArgumentParser(
        prog="dev faults", description="Faults, provoked on real hosts and guests."
    )
    commands = parser.add_subparsers(required=True, metavar="NAME")
    for name, faults in FAULTS.items():
        command = commands.add_parser(name, help=faults.HELP, description=faults.HELP)
        faults.add_options(command)
        command.set_defaults(faults=faults)
    options = parser.parse_args(arguments)
    try:
        return int(options.faults.run(options))
    except subprocess.CalledProcessError as error:
        print(f"faults: {error}: what it said is above", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("faults: interrupted", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
