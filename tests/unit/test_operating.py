# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the guide says of errors, ports and files is what the code has."""

from __future__ import annotations

import re
import typing as t

import yaml

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import images
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import database
from ansible_collections.headroom.libvirt.plugins.module_utils._feed import history
from ansible_collections.headroom.libvirt.plugins.module_utils._journal import store
from ansible_collections.headroom.libvirt.plugins.module_utils._stats import previous
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import ports
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import NAMESPACE
from ansible_collections.headroom.libvirt.plugins.modules import appliance_clone

from tools.checkout import ROOT

PAGE = (ROOT / "docs/docsite/rst/guide_operating.rst").read_text(encoding="utf-8")
UTILS = ROOT / "plugins/module_utils"


def read_section(title: str) -> str:
    """Return the text below a heading, up to the next one."""
    match = re.search(rf"(?ms)^{title}\n-+\n(.+?)(?=^[^\n]+\n-{{4,}}\n|\Z)", PAGE)
    assert match is not None
    return match[1]


def test_every_kind_of_error_has_its_remedy() -> None:
    texts = [path.read_text(encoding="utf-8") for path in UTILS.rglob("*.py")]
    kinds = {kind for text in texts for kind in re.findall(r'(?m)^    kind = "(\w+)"', text)}
    rows = re.findall(r"(?m)^``(\w+)`` +(\S.*)$", read_section("When a task fails"))
    assert sorted(kind for kind, _remedy in rows) == sorted(kinds)


def describe(numbers: t.Sequence[int]) -> str:
    return f"{numbers[0]} to {numbers[-1]}"


def test_the_ports_are_those_that_are_used() -> None:
    section = read_section("Ports")
    assert describe(ports.MIGRATIONS) in section
    assert describe(ports.EXPORTS) in section
    clones = appliance_clone.ARGUMENTS.options["source_ports"]["default"]
    assert clones.replace("-", " to ") in section


def test_the_files_are_those_that_are_written() -> None:
    section = read_section("What lies where")
    known = {
        database.DEFAULT_PATH,
        store.DEFAULT_PATH,
        previous.DEFAULT_PATH,
        str(history.FOLDER),
        str(images.DOWNLOADS),
    }
    assert set(re.findall(r"``(/var/lib/headroom/\S+?)``", section)) == known
    assert NAMESPACE in section
    assert "~/.local/state/headroom" in section
    defaults = yaml.safe_load(
        (ROOT / "roles/optimistic_provisioning/defaults/main.yml").read_text(encoding="utf-8")
    )
    assert defaults["optimistic_provisioning_forecast_state"].startswith("~/.local/state/headroom/")
