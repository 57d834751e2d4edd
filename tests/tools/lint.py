# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The linters of `./dev lint`, each one command from the checkout or from its path as a collection."""

from __future__ import annotations

import subprocess
import sys
import time
import typing as t

from tools.checkout import NAME, NAMESPACE, ROOT, cache_path, collections_path, files

if t.TYPE_CHECKING:
    from pathlib import Path

PLUGINS = f"ansible_collections/{NAMESPACE}/{NAME}/plugins"
TESTS = str(ROOT / "tests")
_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


class Linter(t.NamedTuple):
    """A command and the directory in which it runs."""

    command: list[str]
    cwd: Path


def here(*command: str) -> Linter:
    return Linter(list(command), ROOT)


def as_collection(*command: str) -> Linter:
    return Linter(list(command), collections_path() / "ansible_collections" / NAMESPACE / NAME)


def mypy(python: str, *paths: str) -> Linter:
    """Types, seen from above ansible_collections: a module's name is the one by which it is imported."""
    options = [
        f"--config-file={ROOT}/pyproject.toml",
        f"--cache-dir={cache_path() / 'mypy'}",  # of contents, so checkouts may share it
        "--no-error-summary",
    ]
    return Linter(["mypy", *options, f"--python-version={python}", *paths], collections_path())


def shell_scripts() -> list[str]:
    """Every file of ours that a shell reads: by its suffix, or by its first line."""
    return [str(path) for path in files() if path.suffix == ".sh" or _starts_a_shell(ROOT / path)]


def _starts_a_shell(path: Path) -> bool:
    with path.open("rb") as lines:
        first = lines.readline(64).rstrip()
    return first.startswith(b"#!") and first.endswith(b"sh")


LINTERS: dict[str, t.Callable[[], Linter]] = {
    "ruff": lambda: here("ruff", "check", "--quiet"),
    "format": lambda: here("ruff", "format", "--check", "--quiet"),
    "vermin": lambda: here(
        "vermin", "--quiet", "--no-tips", "--target=3.9-", "--violations", "plugins"
    ),
    "types": lambda: mypy("3.10", PLUGINS),
    "test-types": lambda: mypy(
        "3.11", TESTS, f"{ROOT}/conftest.py", f"{ROOT}/extensions/eda/plugins"
    ),
    # Blanks at the ends of lines, and what a merge left: all that differs from a tree without files.
    "whitespace": lambda: here("git", "diff", "--check", _EMPTY_TREE),
    "yamllint": lambda: here("yamllint", "--strict", "."),
    "shellcheck": lambda: here("shellcheck", "--external-sources", *shell_scripts()),
    "licences": lambda: here("reuse", "lint-file", *map(str, files())),
    "changelog": lambda: as_collection("antsibull-changelog", "lint"),
    "docs": lambda: as_collection("antsibull-docs", "lint-collection-docs", "--plugin-docs", "."),
    "ansible-lint": lambda: as_collection("ansible-lint", "-q"),
}


def run(name: str) -> tuple[bool, str]:
    """Whether a linter is content, and what it said."""
    linter = LINTERS[name]()
    done = subprocess.run(
        linter.command,
        cwd=linter.cwd,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode == 0, done.stdout


def main(names: list[str]) -> int:
    unknown = set(names) - set(LINTERS)
    if unknown:
        print(
            f"there is no linter {', '.join(sorted(unknown))}; there are: {', '.join(LINTERS)}",
            file=sys.stderr,
        )
        return 2
    failed = 0
    for name in names or LINTERS:
        start = time.monotonic()
        content, said = run(name)
        failed += not content
        print(
            f"{'ok' if content else 'FAILED':6} {name} ({time.monotonic() - start:.1f} s)",
            flush=True,
        )
        if not content:
            print(said, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
