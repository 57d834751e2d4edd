# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the playbook build_appliance says before anything is made, on libvirt's test driver."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
import uuid
from pathlib import Path

import pytest
import yaml

from ansible_collections.headroom.libvirt.plugins.module_utils._feed.clouds import CLOUDS
from ansible_collections.headroom.libvirt.plugins.modules import appliance

from tools.checkout import ROOT, collections_path

ROLE: t.Final = ROOT / "roles" / "build"
NODE: t.Final = """<node><cpu><mhz>3000</mhz><model>x86_64</model><active>8</active><nodes>1</nodes>
  <sockets>1</sockets><cores>8</cores><threads>1</threads></cpu><memory>33554432</memory>
  <network><name>default</name><bridge name='virbr0'/></network>
  <pool type='dir'><name>default</name><target><path>{path}</path></target></pool>{guest}</node>"""
GUEST: t.Final = """<domain type='test'><name>build-web-1.0</name><uuid>{uuid}</uuid>{title}<memory>1024</memory>
  <os><type>hvm</type></os></domain>"""
RIGHT: t.Final = {
    "build_name": "web",
    "build_version": "1.0",
    "build_cloud": "debian-13",
    "build_recipes": ["nginx"],
}
JUMP: t.Final = """
- hosts: kvm1
  gather_facts: false
  tasks:
    - ansible.builtin.include_vars: {{file: {role}/vars/main.yml}}
    - ansible.builtin.set_fact: {{command: "{{{{ __build_jump_command }}}}"}}
    - ansible.builtin.copy: {{content: "{{{{ command }}}}", dest: {folder}/jump.sh, mode: "0600"}}
      delegate_to: localhost
"""


def options() -> t.Any:
    text = (ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["argument_specs"]["begin"]["options"]


def run(tmp_path: Path, book: str, *words: str, host: str = "ansible_connection=local") -> t.Any:
    (tmp_path / "inventory").write_text(
        f"[hypervisors]\nkvm1 {host}\n[all:vars]\nansible_python_interpreter={sys.executable}\n"
    )
    program = Path(sys.executable).with_name("ansible-playbook")
    return subprocess.run(
        [program, "-i", "inventory", book, *words],
        cwd=tmp_path,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collections_path()), "COLUMNS": "999"},
        check=False,
        capture_output=True,
        text=True,
    )


def build(tmp_path: Path, given: dict[str, t.Any], *words: str, guest: str = "") -> tuple[int, str]:
    (tmp_path / "pool").mkdir(exist_ok=True)
    (tmp_path / "node.xml").write_text(NODE.format(path=tmp_path / "pool", guest=guest))
    variables = {"build_uri": f"test://{tmp_path}/node.xml", **given}
    done = run(tmp_path, "headroom.libvirt.build_appliance", "-e", json.dumps(variables), *words)
    return done.returncode, done.stdout


def test_the_options_are_those_of_the_module() -> None:
    assert options()["build_cloud"]["choices"] == list(CLOUDS)
    for name in ("seal", "firmware"):
        ours = appliance.ARGUMENTS.options[name]
        assert options()[f"build_{name}"]["choices"] == ours["choices"]


def test_every_recipe_is_there() -> None:
    recipes = {path.stem for path in (ROLE / "tasks" / "recipes").glob("*.yml")}
    assert set(options()["build_recipes"]["choices"]) == recipes


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    wrong = {
        "build_name": "headroom-web",
        "build_version": "1 0",
        "build_cloud": "debian-13",
        "build_base": "debian",
        "build_base_version": "1",
        "build_publish": {"path": "/srv/www"},
        "build_recipes": ["gitlab_runner"],
    }
    code, output = build(tmp_path, wrong, "--limit", "kvm1")
    assert code != 0
    for sentence in (
        "'headroom-web' cannot name an appliance",
        "'1 0' is not the version",
        "build_base and build_cloud are given. Leave all out but one",
        "Write build_base: NAME:VERSION",
        "needs build_runner_url and build_runner_checksum",
        "build_publish.key is needed",
        "A run with --limit leaves the guest out",
    ):
        assert sentence in output


def test_something_to_build_upon_and_with_is_needed(tmp_path: Path) -> None:
    code, output = build(tmp_path, {"build_name": "web", "build_version": "1.0"})
    assert code != 0
    assert "none is given. Give one." in output
    assert "nothing to build" in output


def test_a_cloud_that_is_not_known_is_refused_with_those_that_are(tmp_path: Path) -> None:
    code, output = build(tmp_path, {**RIGHT, "build_cloud": "debian"})
    assert code != 0
    assert "must be one of" in output
    assert all(name in output for name in CLOUDS)


@pytest.mark.parametrize("base", ["debian", "debian:13"])
def test_a_base_that_is_not_there_is_told(tmp_path: Path, base: str) -> None:
    given = {name: value for name, value in RIGHT.items() if name != "build_cloud"}
    code, output = build(tmp_path, {**given, "build_base": base})
    assert code != 0
    assert f"kvm1 has no appliance {base} in the pool default" in output


def test_check_mode_tells_what_would_be_built(tmp_path: Path) -> None:
    image = tmp_path / "debian.raw"
    image.write_bytes(bytes(1 << 20))
    given = {name: value for name, value in RIGHT.items() if name != "build_cloud"}
    source = {"build_source": {"file": str(image)}, "build_arch": "i686"}
    code, output = build(tmp_path, {**given, **source}, "--check")
    assert code == 0, output
    assert "web:1.0 would be built on kvm1 from web-base:" in output
    assert "with nginx." in output
    assert not list((tmp_path / "pool").iterdir())


@pytest.mark.parametrize(
    ("title", "replace", "words"),
    [
        ("", False, "has a guest build-web-1.0 that no build has made"),
        ("<title>Mine</title>", True, "has a guest build-web-1.0 that no build has made"),
        ("<title>Being built into web:1.0 by x</title>", False, "another run is building web:1.0"),
        ("<title>Being built into web:1.0 by x</title>", True, "web:1.0 would be built"),
    ],
)
def test_a_guest_of_that_name_is_only_replaced_when_a_build_has_made_it(
    tmp_path: Path, title: str, replace: bool, words: str
) -> None:
    image = tmp_path / "debian.raw"
    image.write_bytes(bytes(1 << 20))
    given = {name: value for name, value in RIGHT.items() if name != "build_cloud"}
    source = {"build_source": {"file": str(image)}, "build_arch": "i686"}
    _code, output = build(
        tmp_path,
        {**given, **source, "build_replace": replace},
        "--check",
        guest=GUEST.format(title=title, uuid=uuid.UUID(int=1)),
    )
    assert words in output


@pytest.mark.parametrize(
    ("host", "command"),
    [
        (
            "ansible_host=10.1.2.3 ansible_user=admin ansible_port=2222 ansible_ssh_args=-C "
            "ansible_ssh_private_key_file='/keys/of mine'",
            "ssh -C -o BatchMode=yes -i '/keys/of mine' -p 2222 -l admin -W \"[$1]:$2\" 10.1.2.3",
        ),
        (
            "ansible_ssh_args=-C ansible_ssh_common_args='-o ProxyCommand=\"ssh -W %h:%p bastion\"' "
            "ansible_ssh_extra_args='-F /etc/own'",
            'ssh -C -o ProxyCommand="ssh -W %h:%p bastion" -F /etc/own -o BatchMode=yes -W "[$1]:$2" kvm1',
        ),
    ],
)
def test_the_way_through_the_host_is_that_of_the_inventory(
    tmp_path: Path, host: str, command: str
) -> None:
    (tmp_path / "jump.yml").write_text(JUMP.format(role=ROLE, folder=tmp_path))
    done = run(tmp_path, "jump.yml", host=host)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "jump.sh").read_text() == f"exec {command}"
