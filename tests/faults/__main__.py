# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`./dev faults NAME`: provoke one kind of faults, print the table; exit code 1 unless every cell holds."""

from __future__ import annotations

import argparse
import sys
import typing as t

from faults import migrate

if t.TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Run; the exit code."""
    parser = argparse.ArgumentParser(prog="dev faults", description="Faults, provoked on real guests.")
    commands = parser.add_subparsers(required=True, metavar="NAME")
    command = commands.add_parser("migrate", help=migrate.HELP, description=migrate.HELP)
    migrate.add_options(command)
    command.set_defaults(run=migrate.run)
    options = parser.parse_args(arguments)
    return int(options.run(options))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("faults: interrupted", file=sys.stderr)
        sys.exit(130)
