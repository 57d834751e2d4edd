# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-builder takes the guide's definition, and reads from the collection all that its modules need.

Whether an image comes of it is not shown here: that takes a base image and a container engine.
"""

from __future__ import annotations

import textwrap
import typing as t

import yaml

from tools import checkout
from tools.tarball import ansible

if t.TYPE_CHECKING:
    from pathlib import Path

GUIDE = checkout.ROOT / "docs/docsite/rst/guide_running.rst"


def read_requirements(text: str) -> set[str]:
    lines = (line.partition("#")[0].strip().lower() for line in text.splitlines())
    return {line.split()[0] for line in lines if line}


def test_what_the_modules_need_is_read_from_the_collection(installed: Path, tmp_path: Path) -> None:
    pip, system = tmp_path / "pip.txt", tmp_path / "system.txt"
    words = [f"--write-pip={pip}", f"--write-bindep={system}", str(installed)]
    ansible(installed, "ansible-builder", "introspect", *words)
    own = (checkout.ROOT / "requirements.txt").read_text()
    assert read_requirements(pip.read_text()) == read_requirements(own)
    assert {"libvirt-python", "lxml", "jmespath"} <= read_requirements(pip.read_text())
    own = (checkout.ROOT / "bindep.txt").read_text()
    assert read_requirements(system.read_text()) == read_requirements(own)


def test_the_definition_of_the_guide_is_one(tmp_path: Path) -> None:
    text = GUIDE.read_text().split("# execution-environment.yml\n", 1)[1].partition("\n\n")[0]
    definition = textwrap.dedent(text)
    assert yaml.safe_load(definition)["dependencies"]["galaxy"]["collections"]
    (tmp_path / "execution-environment.yml").write_text(definition)
    ansible(tmp_path, "ansible-builder", "create", "--output-filename", "Containerfile")
    made = (tmp_path / "context/_build/requirements.yml").read_text()
    assert yaml.safe_load(made) == {"collections": [{"name": "headroom.libvirt"}]}
    assert "ansible-core>=2.19" in (tmp_path / "context/Containerfile").read_text()
