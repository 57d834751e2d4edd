# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How hypervisors reach each other at other ports and by IPv6, as ssh itself reads what the role writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from tools.checkout import ROOT, collections_path

ROLE: t.Final = ROOT / "roles" / "hypervisor"
INVENTORY: t.Final = """
[hypervisors]
kvm1
kvm2 ansible_host=fd00::2 ansible_port=2222
kvm3 ansible_host=192.0.2.3 hypervisor_address=198.51.100.3 hypervisor_port=2223 ansible_port=22003
kvm4 ansible_host=192.0.2.4
[all:vars]
ansible_connection=local
"""
KEY: t.Final = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKkGvJyPSVxWWMjEzaWTGL8xC3Jg3Ky6sFB5kmNwOcYh"


def list_tasks(path: str, *names: str) -> list[dict[str, t.Any]]:
    """Return tasks of a file of the role, out of its blocks, by their names."""
    rows = yaml.safe_load((ROLE / "tasks" / path).read_text(encoding="utf-8"))
    rows = [task for row in rows for task in row.get("block", [row])]
    return [row for row in rows if row["name"] in names]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What kvm1 writes about the others, of which kvm4 is not in the run, and what all tell."""
    folder = tmp_path_factory.mktemp("peers")
    (folder / "inventory").write_text(f"{INVENTORY}ansible_python_interpreter={sys.executable}\n")
    known, forgotten = (
        list_tasks("access.yml", "Know the others"),
        list_tasks("forget.yml", "Know their keys no more"),
    )
    for task in (*known, *forgotten):
        task["ansible.builtin.known_hosts"]["path"] = "{{ playbook_dir }}/known_hosts"
        task["when"] = [task.get("when", True), "inventory_hostname == 'kvm1'"]
    write = [
        {
            "template": {
                "src": str(ROLE / "templates" / f"{name}.j2"),
                "dest": "{{ playbook_dir }}/" + name,
            },
            "when": "inventory_hostname == 'kvm1'",
        }
        for name in ("ssh_config", "membership.sh")
    ]
    play = {
        "hosts": "hypervisors",
        "gather_facts": False,
        "vars": {"hypervisor_peers": "{{ groups['hypervisors'] }}", "hypervisor_removed": ["kvm2"]},
        "tasks": [
            *({"include_vars": {"file": str(ROLE / name)}} for name in ("vars/main.yml",)),
            {"set_fact": {"__hypervisor_uuid": "u", "__hypervisor_host_key": KEY}},
            *known,
            {
                "copy": {
                    "src": "{{ playbook_dir }}/known_hosts",
                    "dest": "{{ playbook_dir }}/before",
                },
                "run_once": True,
            },
            *forgotten,
            *write,
            {
                "template": {
                    "src": str(ROLE / "templates" / "membership.sh.j2"),
                    "dest": "{{ playbook_dir }}/alone.sh",
                },
                "vars": {"hypervisor_peers": ["kvm1"]},
                "when": "inventory_hostname == 'kvm1'",
            },
            *list_tasks("main.yml", "Warn of hypervisors of which nothing is known"),
            *(
                {"include_vars": {"file": str(ROOT / "roles" / name / "defaults/main.yml")}}
                for name in ("selftest", "placement")
            ),
            {
                "copy": {
                    "content": "{{ [selftest_peer_uri, placement_destination_uri] | to_json }}",
                    "dest": "{{ playbook_dir }}/{{ inventory_hostname }}.json",
                }
            },
        ],
    }
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [program, "-i", "inventory", "play.yml", "--limit", "!kvm4"],
        cwd=folder,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collections_path())},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "FutureWarning" not in done.stderr
    (folder / "said").write_text(done.stdout)
    return folder


@pytest.mark.parametrize(
    ("name", "host", "port"),
    [
        ("kvm2", "fd00::2", "2222"),
        ("fd00::2", "fd00::2", "2222"),
        ("kvm3", "198.51.100.3", "2223"),
        ("198.51.100.3", "198.51.100.3", "2223"),
        ("kvm4", "192.0.2.4", "22"),
    ],
)
def test_ssh_reaches_each_by_its_names(folder: Path, name: str, host: str, port: str) -> None:
    done = subprocess.run(
        ["ssh", "-G", "-F", folder / "ssh_config", name], check=True, capture_output=True, text=True
    )
    lines = done.stdout.splitlines()
    assert f"hostname {host}" in lines
    assert f"port {port}" in lines


def find_key(path: Path, name: str) -> bool:
    done = subprocess.run(["ssh-keygen", "-F", name, "-f", path], check=False, capture_output=True)
    return done.returncode == 0


@pytest.mark.parametrize("name", ["[kvm3]:2223", "[198.51.100.3]:2223"])
def test_ssh_knows_each_by_what_it_looks_up(folder: Path, name: str) -> None:
    assert find_key(folder / "known_hosts", name)


@pytest.mark.parametrize("name", ["[kvm2]:2222", "[fd00::2]:2222"])
def test_the_keys_of_one_that_was_removed_go(folder: Path, name: str) -> None:
    assert find_key(folder / "before", name)
    assert not find_key(folder / "known_hosts", name)


def test_one_that_starts_asks_each_at_its_port(folder: Path) -> None:
    script = (folder / "membership.sh").read_text()
    assert "places='2222@fd00::2 2223@198.51.100.3 22@192.0.2.4'" in script
    assert "places=''" in (folder / "alone.sh").read_text()


@pytest.mark.parametrize(
    ("name", "place"), [("kvm1", "kvm1"), ("kvm2", "[fd00::2]:2222"), ("kvm3", "198.51.100.3:2223")]
)
def test_uris_say_how_a_host_is_reached(folder: Path, name: str, place: str) -> None:
    uris = json.loads((folder / f"{name}.json").read_text())
    assert uris == [f"qemu+ssh://root@{place}/system"] * 2


def test_one_of_which_nothing_is_known_is_named_once(folder: Path) -> None:
    said = (folder / "said").read_text()
    assert said.count("WARNING: kvm4 did not answer, or --limit leaves it out.") == 1
