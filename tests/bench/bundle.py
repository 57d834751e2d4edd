# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One archive with all that a benchmark or a test of faults needs on a host with Python and libvirt, but no Ansible.

The same code that Ansible would ship with a module, without the time that Ansible takes to ship it.
"""

from __future__ import annotations

import io
import typing as t
import zipfile
from pathlib import Path

import ansible.module_utils

from tools.checkout import ROOT

if t.TYPE_CHECKING:
    from collections.abc import Iterator

_COLLECTION = Path("ansible_collections/headroom/libvirt")
_MAIN = "from {package}.on_host.main import main\n\nmain()\n"


def archive(package: str) -> bytes:
    """The bytes of a file that `python3 FILE ARGUMENTS…` runs: `main()` of `PACKAGE.on_host.main`."""
    contents = {place: source.read_text() for place, source in _files(package)}
    # Python finds no packages without this file in an archive. Ansible's own would ask for the rest of Ansible.
    packages = {
        folder / "__init__.py" for place in contents for folder in place.parents if folder.name
    }
    contents = {
        **dict.fromkeys(packages, ""),
        **contents,
        Path("__main__.py"): _MAIN.format(package=package),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for place, content in contents.items():
            target.writestr(str(place), content)
    return buffer.getvalue()


def _files(package: str) -> Iterator[tuple[Path, Path]]:
    trees = (
        (Path("ansible/module_utils"), Path(ansible.module_utils.__path__[0])),
        (_COLLECTION / "plugins/module_utils", ROOT / "plugins/module_utils"),
        (_COLLECTION / "plugins/modules", ROOT / "plugins/modules"),
        (Path(package), ROOT / "tests" / package),
    )
    for place, tree in trees:
        for source in sorted(tree.rglob("*.py")):
            yield place / source.relative_to(tree), source
