# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory plugin and what guests say: text, wherever it ends up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import libvirt
import pytest

from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible.vars.manager import VariableManager

from tools.inventories import Inventories, domain


@pytest.fixture
def proof(tmp_path: Path) -> Path:
    """A file that is only made if somebody evaluates what a guest says."""
    return tmp_path / "proof"


@pytest.fixture
def attack(proof: Path) -> str:
    return "{{ lookup('ansible.builtin.pipe', 'touch PROOF') }}".replace("PROOF", str(proof))


@pytest.fixture
def hostile(inventories: Inventories, attack: str) -> Path:
    """An inventory file of a host whose domain says templates wherever metadata can say something."""
    math = "{{ 1 + 1 }}"
    said = domain(
        "web-1", title=math, description=attack, fleet=attack, tenant=math, appliance=attack
    )
    return inventories.file(
        inventories.host("k1", said),
        "test:///default",
        strict=True,
        compose={"composed": "libvirt_description"},
        keyed_groups=[{"key": "libvirt_description", "prefix": "said", "default_value": "nothing"}],
    )


def test_ansible_would_evaluate_the_attack_if_it_trusted_it(attack: str, proof: Path) -> None:
    Templar(loader=DataLoader(), variables={}).template(trust_as_template(attack))
    assert proof.exists()


def test_nothing_that_a_guest_says_is_evaluated(
    hostile: Path, attack: str, proof: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"mac": "aa:bb:cc:dd:ee:ff", "ipaddr": "192.168.122.3", "type": 0, "hostname": attack}
    monkeypatch.setattr(libvirt.virNetwork, "DHCPLeases", lambda _network: [row])
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=[str(hostile)])
    manager = VariableManager(loader=loader, inventory=inventory)

    def rendered(host: str) -> dict[str, t.Any]:
        variables = manager.get_vars(host=inventory.get_host(host), include_hostvars=False)
        templar = Templar(loader=loader, variables=variables)
        names = [name for name in variables if name.startswith("libvirt_") or name == "composed"]
        return {name: templar.template(trust_as_template(f"{{{{ {name} }}}}")) for name in names}

    clone = rendered("web-1")
    assert clone["libvirt_title"] == clone["libvirt_tenant"] == "{{ 1 + 1 }}"
    assert clone["libvirt_description"] == clone["composed"] == clone["libvirt_fleet"] == attack
    assert rendered("test")["libvirt_interfaces"][0]["hostname"] == attack
    assert not proof.exists()


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ansible", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_ansible_inventory_lists_what_a_guest_says_as_it_is(
    hostile: Path, attack: str, proof: Path
) -> None:
    variables = json.loads(run("inventory", "-i", str(hostile), "--host", "web-1"))
    assert variables["libvirt_description"] == attack
    graph = run("inventory", "-i", str(hostile), "--graph", "--vars")
    assert "@tenant____1___1___:" in graph
    assert attack in graph
    assert (
        "web-1"
        in json.loads(run("inventory", "-i", str(hostile), "--list"))["state_running"]["hosts"]
    )
    assert not proof.exists()


def test_ansible_inventory_needs_no_home_and_no_terminal(hostile: Path, tmp_path: Path) -> None:
    bare = {
        name: value
        for name, value in os.environ.items()
        if name in {"PATH", "ANSIBLE_COLLECTIONS_PATH", "LANG"}
    }
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "ansible",
            "inventory",
            "-i",
            str(hostile),
            "--list",
            "--limit",
            "web-1",
        ],
        env={
            **bare,
            "HOME": "/nonexistent",
            "ANSIBLE_LOCAL_TEMP": str(tmp_path),
            "ANSIBLE_HOME": str(tmp_path),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        start_new_session=True,
    )
    assert done.returncode == 0, done.stderr
    assert list(json.loads(done.stdout)["_meta"]["hostvars"]) == ["web-1"]


def test_a_task_prints_what_a_guest_says_as_it_is(hostile: Path, attack: str, proof: Path) -> None:
    said = run(
        "adhoc",
        "web-1",
        "-i",
        str(hostile),
        "-m",
        "ansible.builtin.debug",
        "-a",
        "var=libvirt_description",
    )
    assert attack in said
    assert not proof.exists()
