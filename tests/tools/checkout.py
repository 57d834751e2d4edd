# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where this checkout is, which files are its own, and the path under which Ansible finds it as a collection."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

NAMESPACE, NAME = "headroom", "libvirt"
ROOT = Path(__file__).resolve().parents[2]


def files() -> list[Path]:
    """The paths (relative to ROOT) that git tracks or would add: what a commit of the work tree would hold."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = (Path(name) for name in sorted(set(listing.split("\0"))) if name)
    return [path for path in paths if (ROOT / path).is_symlink() or (ROOT / path).is_file()]


def cache_path() -> Path:
    """Where everything goes that is made once and kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headroom-libvirt"


def collections_path() -> Path:
    """A directory outside the tree in which `ansible_collections/headroom/libvirt` is a link to this checkout.

    One a checkout, so that a checkout may live in a folder of any name and never meets another one.
    """
    base = cache_path() / "checkouts" / hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:12]
    link = base / "ansible_collections" / NAMESPACE / NAME
    if not link.is_symlink() or link.readlink() != ROOT:
        link.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=link.parent) as scratch:
            fresh = Path(scratch, NAME)
            fresh.symlink_to(ROOT)
            fresh.replace(link)  # atomic: two runs may set up at once
    return base


def stage(base: Path) -> Path:
    """Copy this checkout's own files to `base/ansible_collections/headroom/libvirt`; return that path.

    An earlier copy there is replaced, but for what ansible-test keeps in it between runs.
    """
    target = base / "ansible_collections" / NAMESPACE / NAME
    kept = base / "kept"
    if (target / "tests/output").exists():
        (target / "tests/output").replace(kept)
    shutil.rmtree(target, ignore_errors=True)
    for path in files():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, target / path, follow_symlinks=False)
    if kept.exists():
        kept.replace(target / "tests/output")
    return target


if __name__ == "__main__":
    print(collections_path())
