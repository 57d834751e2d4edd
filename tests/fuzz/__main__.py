# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`./dev fuzz`: spoilt input for parsers as long as you like, with figures."""

from __future__ import annotations

import argparse
import secrets
import sys
import typing as t

from tools.checkout import collections_path

sys.path.insert(0, str(collections_path()))

from fuzz.runner import fuzz, list_bombs_that_go_off
from fuzz.targets import TARGETS

if t.TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./dev fuzz", description=__doc__)
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)} (default: all)"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="for each (default: 60)")
    parser.add_argument("--seed", type=int, help="which inputs (default: others each time)")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.targets) - set(TARGETS))
    if unknown:
        parser.error(f"there is no target {', '.join(unknown)}")
    seed = secrets.randbelow(10**6) * 1000 if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    executions, findings = 0, 0
    for name in options.targets or TARGETS:
        figures = fuzz(TARGETS[name], seed, seconds=options.seconds)
        problems = {**figures.findings, **list_bombs_that_go_off(TARGETS[name])}
        print(figures, flush=True)
        for problem, content in problems.items():
            print(f"  {problem}: {content[:300]!r}", flush=True)
        executions += figures.executions
        findings += len(problems)
    print(f"{executions} executions, {findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
