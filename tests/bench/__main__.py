# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`./dev bench NAME`: run one benchmark, print its table, write its rows."""

from __future__ import annotations

import argparse
import subprocess
import sys
import typing as t
from pathlib import Path

from tools.checkout import collections_path

sys.path.insert(0, str(collections_path()))  # for benchmarks of the collection's own code

from bench import (
    clone,
    domain_info,
    drain,
    flashcrowd,
    frame,
    inventory,
    migrate,
    opcount,
    planning,
    priorities,
    provision,
    run,
    runway,
    stats,
    storage,
)
from crowd.stage import StageError

if t.TYPE_CHECKING:
    from collections.abc import Sequence


class Bench(t.Protocol):
    """What a module of a benchmark has."""

    HELP: str

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the benchmark's own options."""

    def run(self, options: argparse.Namespace) -> list[frame.Row]:
        """Measure."""


BENCHES: dict[str, Bench] = {
    "clone": clone,
    "domain_info": domain_info,
    "drain": drain,
    "flashcrowd": flashcrowd,
    "inventory": inventory,
    "migrate": migrate,
    "opcount": opcount,
    "planning": planning,
    "priorities": priorities,
    "provision": provision,
    "run": run,
    "runway": runway,
    "stats": stats,
    "storage": storage,
}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options, with the benchmark in `bench`."""
    parser = argparse.ArgumentParser(
        prog="dev bench",
        description="Side-by-side measurements on real guests and recorded demand.",
    )
    commands = parser.add_subparsers(required=True, metavar="NAME")
    for name, bench in BENCHES.items():
        command = commands.add_parser(name, help=bench.HELP, description=bench.HELP)
        command.add_argument("--json", type=Path, metavar="FILE", help="also write the rows there")
        bench.add_options(command)
        command.set_defaults(bench=bench)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Run one benchmark; its exit code."""
    options = parse(arguments)
    try:
        rows = options.bench.run(options)
    except subprocess.CalledProcessError as error:
        print(f"bench: {error}: what it said is above", file=sys.stderr)
        return 1
    except StageError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    print(getattr(options.bench, "table", frame.table)(rows))
    if options.json:
        options.json.write_text(frame.to_json(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
