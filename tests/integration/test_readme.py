# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The README's way from nothing to a running fleet, word by word, from the tarball alone in an empty directory.

What is the reader's own is put in: the names of the hosts, who logs in, and how the guest that is captured is sealed,
as the lab's tiny guest has nothing that virt-sysprep knows. The hosts are alike: an older libvirt knows less than a
newer one puts into what is captured, and then refuses it by name.
"""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Lab

HERE = Path(__file__).parent / "readme"
OWN = (
    ("kvm1.example.org", "k1"),
    ("kvm2.example.org", "k2"),
    ("ansible_user=admin", "ansible_user=root"),
    (
        "        source:\n          domain: web-golden",
        "        seal: none\n        source:\n          domain: web-golden",
    ),
)


def read_start(collection: Path) -> str:
    """Return the first section, with what is the reader's own."""
    text = (collection / "README.md").read_text(encoding="utf-8")
    section = text[text.index("\n## Start\n") : text.index("\n## Which collection when\n")]
    for theirs, ours in OWN:
        assert theirs in section
        section = section.replace(theirs, ours)
    return section


@pytest.fixture
def site(full: None, twins: Lab, tmp_path: Path) -> Iterator[Path]:  # noqa: ARG001 - before the lab
    """An empty directory, and a guest on the first host that is shut down and ready."""
    twins.playbook(HERE / "guest.yml")
    try:
        yield tmp_path
    finally:
        twins.playbook(HERE / "clean_up.yml")


@pytest.mark.usefixtures("full")
def test_from_the_readme_to_a_running_fleet(twins: Lab, site: Path) -> None:
    section = read_start(twins.collections / "ansible_collections/headroom/libvirt")
    for name, content in re.findall(r"```\w+\n# (\S+)\n(.+?)```", section, re.DOTALL):
        (site / name).write_text(content)
    assert {path.name for path in site.iterdir()} == {"inventory", "appliance.yml", "fleets.yml"}
    commands = re.findall(r"(?m)^    (ansible(?:-playbook)? .+)$", section)
    assert len(commands) == 3
    for command in commands:
        done = twins.run("sh", "-c", command, cwd=site)
        assert done.returncode == 0, f"{command}\n{done.stdout}"
    look = (
        "ansible -i inventory hypervisors -m headroom.libvirt.domain_info -a fleet=web"
        " -o --tree found"
    )
    done = twins.run("sh", "-c", look, cwd=site)
    assert done.returncode == 0, done.stdout
    answers = [json.loads(path.read_text()) for path in (site / "found").iterdir()]
    members = [domain for answer in answers for domain in answer["domains"]]
    assert [member["state"] for member in members] == ["running", "running"]
