# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory plugin as Ansible loads it, over libvirt's test driver."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import typing as t
from pathlib import Path
from xml.sax.saxutils import escape

import libvirt
import pytest
import yaml

from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader
from ansible.template import Templar, trust_as_template
from ansible.vars.manager import VariableManager

PLUGIN = "headroom.libvirt.domains"


class Inventories:
    """Writes inventory files and the hosts that they name, and reads them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def host(self, label: str, *xml: str) -> dict[str, str]:
        """Make a host with domains, or without any; return its entry in ``uris``."""
        path = self.folder / f"{label}.xml"
        path.write_text(f"<node>{''.join(xml)}</node>")
        return {"uri": f"test://{path}", "name": label}

    def file(self, *uris: t.Any, **options: t.Any) -> Path:
        """Write an inventory file."""
        path = self.folder / "test.headroom.yml"
        path.write_text(yaml.safe_dump({"plugin": PLUGIN, "uris": list(uris), **options}))
        return path

    def read(self, *uris: t.Any, use_cache: bool = False, **options: t.Any) -> InventoryData:
        """Parse an inventory file; what the plugin raises is raised."""
        inventory = InventoryData()
        plugin = inventory_loader.get(PLUGIN)
        plugin.parse(inventory, DataLoader(), str(self.file(*uris, **options)), cache=use_cache)
        if plugin.get_option("cache"):
            plugin.update_cache_if_changed()
        return inventory


@pytest.fixture
def inventories(tmp_path: Path) -> Inventories:
    return Inventories(tmp_path)


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr("ansible.utils.display.Display.warning", lambda _self, text, *_rest, **_more: said.append(text))
    return said


def domain(name: str, *, title: str = "", description: str = "", tags: t.Sequence[str] = (), **metadata: str) -> str:
    said = [*metadata.items(), *(("tag", tag) for tag in tags)]
    ours = "".join(f"<h:{key}>{escape(value)}</h:{key}>" for key, value in said)
    return (
        f"<domain type='test'><name>{name}</name><title>{escape(title)}</title>"
        f"<description>{escape(description)}</description>"
        f"<metadata><h:machine xmlns:h='urn:headroom:libvirt:1'>{ours}</h:machine></metadata>"
        "<memory unit='MiB'>64</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>"
    )


def members(inventory: InventoryData, group: str) -> list[str]:
    return sorted(host.name for host in inventory.groups[group].get_hosts())


def test_domains_of_many_hosts_with_groups_out_of_the_box(inventories: Inventories) -> None:
    inventory = inventories.read(
        inventories.host("k1", domain("web-1", fleet="web", tenant="acme", appliance="nginx:1.2"), domain("db")),
        inventories.host("k2", domain("web-2", fleet="web", appliance="nginx:2")),
        inventories.host("k3"),
    )
    assert sorted(inventory.hosts) == ["db", "web-1", "web-2"]
    assert members(inventory, "state_running") == ["db", "web-1", "web-2"]
    assert members(inventory, "host_k1") == ["db", "web-1"]
    assert members(inventory, "fleet_web") == ["web-1", "web-2"]
    assert members(inventory, "tenant_acme") == ["web-1"]
    assert members(inventory, "appliance_nginx") == ["web-1", "web-2"]
    assert members(inventory, "appliance_nginx_1_2") == ["web-1"]
    variables = inventory.hosts["web-1"].vars
    assert variables["libvirt_host"] == "k1"
    assert variables["libvirt_memory_bytes"] == 64 * 1024**2
    assert variables["libvirt_machine"] == {
        "uri": variables["libvirt_uri"],
        "name": "web-1",
        "uuid": variables["libvirt_uuid"],
    }
    assert "ansible_host" not in variables


def test_a_lease_becomes_ansible_host(inventories: Inventories, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"mac": "aa:bb:cc:dd:ee:ff", "ipaddr": "192.168.122.3", "type": 0, "hostname": "{{ 1 + 1 }}"}
    monkeypatch.setattr(libvirt.virNetwork, "DHCPLeases", lambda _network: [row])
    variables = inventories.read("test:///default").hosts["test"].vars
    assert variables["ansible_host"] == "192.168.122.3"
    assert variables["libvirt_interfaces"][0]["hostname"] == "{{ 1 + 1 }}"


def test_constructed_groups_and_variables(inventories: Inventories) -> None:
    host = inventories.host("k1", domain("web-1", fleet="web"), domain("db"))
    inventory = inventories.read(
        host,
        default_groups=False,
        strict=True,
        compose={"size": "libvirt_memory_bytes // 1024 ** 2"},
        groups={"servers": "inventory_hostname is defined or libvirt_name.startswith('web')"},
        keyed_groups=[{"key": "libvirt_fleet", "prefix": "serves", "default_value": "nobody"}],
    )
    assert set(inventory.groups) == {"all", "ungrouped", "servers", "serves_web", "serves_nobody"}
    assert members(inventory, "servers") == ["db", "web-1"]
    assert members(inventory, "serves_nobody") == ["db"]
    assert inventory.hosts["db"].vars["size"] == 64


def test_tags_become_groups_and_facts(inventories: Inventories) -> None:
    inventory = inventories.read(inventories.host("k1", domain("web-1", tags=["edge", "eu west"]), domain("db")))
    assert members(inventory, "tag_edge") == members(inventory, "tag_eu_west") == ["web-1"]
    assert inventory.hosts["web-1"].vars["libvirt_tags"] == ["edge", "eu west"]
    assert inventory.hosts["db"].vars["libvirt_tags"] == []


def test_only_what_names_and_filters_let_through_is_listed(inventories: Inventories) -> None:
    host = inventories.host("k1", domain("web-1", tags=["edge"]), domain("web-2"), domain("db", tags=["edge"]))
    assert sorted(inventories.read(host, names=["web-.*"]).hosts) == ["web-1", "web-2"]
    assert list(inventories.read(host, names=["web-.*"], filters=["contains(tags, 'edge')"]).hosts) == ["web-1"]
    assert list(inventories.read(host, filters=["host == 'k2'"]).hosts) == []
    with pytest.raises(AnsibleParserError, match=r"names: .* is not a regular expression"):
        inventories.read(host, names=["("])


def test_the_name_in_the_inventory_is_an_expression(inventories: Inventories) -> None:
    hosts = [inventories.host("k1", domain("web", title="{{ 1 + 1 }}")), inventories.host("k2", domain("web"))]
    inventory = inventories.read(*hosts, inventory_hostname="libvirt_name ~ '.' ~ libvirt_host")
    assert sorted(inventory.hosts) == ["web.k1", "web.k2"]
    assert list(inventories.read(hosts[0], inventory_hostname="libvirt_title").hosts) == ["{{ 1 + 1 }}"]
    assert list(inventories.read(hosts[0], inventory_hostname="'localhost'").hosts) == ["localhost.k1"]
    for wrong in ("libvirt_vcpus", "nowhere.found", "libvirt_name ~"):
        with pytest.raises(AnsibleParserError, match="inventory_hostname: "):
            inventories.read(hosts[0], inventory_hostname=wrong)


def test_hypervisors_of_another_inventory_are_hosts(inventories: Inventories) -> None:
    hosts = [inventories.host("k1", domain("web")), inventories.host("k2", domain("db")), inventories.host("k3")]
    earlier = inventories.folder / "1.yml"
    earlier.write_text(
        yaml.safe_dump(
            {"hypervisors": {"hosts": {host["name"]: {"where": host["uri"]} for host in hosts}, "vars": {"end": ""}}}
        )
    )
    path = inventories.file(hypervisors="hypervisors", hypervisor_uri="where ~ end")
    inventory = InventoryManager(loader=DataLoader(), sources=[str(earlier), str(path)])
    assert [host.name for host in inventory.get_hosts("host_k2")] == ["db"]
    assert [host.name for host in inventory.get_hosts("host_k1")] == ["web"]
    with pytest.raises(AnsibleParserError, match="hypervisors: 'nobody' is no group that Ansible knows yet"):
        inventories.read(hypervisors="nobody")
    with pytest.raises(AnsibleParserError, match=r"uris: .* names no host"):
        inventories.read()


def test_xml_and_statistics_only_if_asked(inventories: Inventories) -> None:
    host = inventories.host("k1", domain("web"))
    plain = inventories.read(host).hosts["web"].vars
    assert not {"libvirt_xml", "libvirt_statistics"} & set(plain)
    more = inventories.read(host, xml=True, statistics=True).hosts["web"].vars
    assert "<name>web</name>" in more["libvirt_xml"]


def test_a_guest_is_reached_as_asked(inventories: Inventories) -> None:
    host = inventories.host("k1", domain("web"))
    variables = inventories.read(host, connect="guest_agent").hosts["web"].vars
    assert variables["ansible_connection"] == "community.libvirt.libvirt_qemu"
    assert "ansible_connection" not in inventories.read(host, connect="proxy_jump").hosts["web"].vars


def test_a_dead_host_is_listed_as_it_was_last_known(inventories: Inventories, warnings: list[str]) -> None:
    hosts = [inventories.host("k1", domain("db")), inventories.host("k2", domain("web", fleet="web"))]
    options: dict[str, t.Any] = {"unreachable": "cached", "last_known": str(inventories.folder / "known")}
    inventory = inventories.read(*hosts, **options)
    assert "stale" not in inventory.groups
    assert warnings == []
    for label in ("k1", "k2"):
        (inventories.folder / f"{label}.xml").unlink()
        inventory = inventories.read(*hosts, **options)
        assert sorted(inventory.hosts) == ["db", "web"]
        assert members(inventory, "fleet_web") == ["web"]
    assert members(inventory, "stale") == ["db", "web"]
    assert inventory.hosts["db"].vars["libvirt_stale_seconds"] >= 0
    assert warnings[0].startswith("Listed as it was last known: k1")
    with pytest.raises(AnsibleParserError, match="could not be read: k1"):
        inventories.read(hosts[0], unreachable="cached", last_known=str(inventories.folder / "nothing"))


def test_a_host_that_was_never_read_is_left_out(inventories: Inventories, warnings: list[str]) -> None:
    file = inventories.folder / "file"
    file.write_text("no folder")
    hosts = [inventories.host("k1", domain("db")), {"uri": "test:///missing.xml", "name": "k2"}]
    inventory = inventories.read(*hosts, unreachable="cached", last_known=str(file))
    assert list(inventory.hosts) == ["db"]
    assert warnings[0].startswith("last_known: what the hosts say could not be kept")
    assert warnings[1].startswith("Left out of the inventory: k2")


def test_strict_decides_about_expressions_that_fail(inventories: Inventories) -> None:
    host = inventories.host("k1", domain("web-1"))
    assert "x" not in inventories.read(host, compose={"x": "nowhere.found"}).hosts["web-1"].vars
    with pytest.raises(Exception, match="Could not set x for host web-1"):
        inventories.read(host, compose={"x": "nowhere.found"}, strict=True)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("headroom.yml", True),
        ("kvm.headroom.yaml", True),
        ("headroom_libvirt.yml", True),
        ("libvirt.yml", False),
        ("headroom.yml.bak", False),
        ("missing.headroom.yml", False),
    ],
)
def test_files_that_the_plugin_answers_to(tmp_path: Path, name: str, wanted: bool) -> None:
    path = tmp_path / name
    if not name.startswith("missing"):
        path.write_text(f"plugin: {PLUGIN}\n")
    assert inventory_loader.get(PLUGIN).verify_file(str(path)) is wanted


def test_a_dead_host_is_left_out_with_a_warning(inventories: Inventories, warnings: list[str]) -> None:
    inventory = inventories.read(inventories.host("k1", domain("db")), {"uri": "test:///missing.xml", "name": "k2"})
    assert list(inventory.hosts) == ["db"]
    assert len(warnings) == 1
    assert "Left out of the inventory: k2 (test:///missing.xml)" in warnings[0]


def test_a_dead_host_can_be_an_error(inventories: Inventories) -> None:
    with pytest.raises(AnsibleParserError, match=r"1 host\(s\) could not be read: k2"):
        inventories.read(
            inventories.host("k1", domain("db")), {"uri": "test:///missing.xml", "name": "k2"}, unreachable="error"
        )


def test_no_inventory_is_made_when_every_host_is_dead(inventories: Inventories) -> None:
    with pytest.raises(AnsibleParserError, match=r"2 host\(s\) could not be read"):
        inventories.read({"uri": "test:///a.xml", "name": "a"}, {"uri": "test:///b.xml", "name": "b"})


def test_a_host_that_hangs_costs_its_timeout(
    inventories: Inventories, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    never, answer = threading.Event(), libvirt.virConnect.getAllDomainStats

    def hang_on_k2(self: libvirt.virConnect, *arguments: int) -> t.Any:
        if self.getURI().endswith("k2.xml"):
            never.wait(30)
        return answer(self, *arguments)

    monkeypatch.setattr(libvirt.virConnect, "getAllDomainStats", hang_on_k2)
    try:
        hosts = [inventories.host("k1", domain("db")), inventories.host("k2", domain("web"))]
        inventory = inventories.read(*hosts, timeout=0.5, parallel=1)
    finally:
        never.set()
    assert list(inventory.hosts) == ["db"]
    assert "no answer within 0.5 s" in warnings[0]


@pytest.mark.parametrize("option", ["timeout", "parallel", "agent_timeout"])
def test_limits_must_be_above_zero(inventories: Inventories, option: str) -> None:
    with pytest.raises(AnsibleParserError, match=f"{option}: .* is not above 0"):
        inventories.read(inventories.host("k1"), **t.cast("dict[str, t.Any]", {option: 0}))


def test_one_name_on_two_hosts(inventories: Inventories, warnings: list[str]) -> None:
    hosts = [inventories.host("k1", domain("web"), domain("db")), inventories.host("k2", domain("web"))]
    assert sorted(inventories.read(*hosts).hosts) == ["db", "web.k1", "web.k2"]
    assert inventories.read(*hosts).hosts["web.k2"].vars["libvirt_name"] == "web"
    assert list(inventories.read(*hosts, on_duplicate="skip").hosts) == ["db"]
    assert warnings == ["Left out for their names: 'web'"]
    with pytest.raises(AnsibleParserError, match="on_duplicate: the name 'web' is ambiguous"):
        inventories.read(*hosts, on_duplicate="error")


def test_the_cache_serves_hosts_and_is_filled_by_host(inventories: Inventories) -> None:
    folder = str(inventories.folder)
    options: dict[str, t.Any] = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": folder}
    first, second = inventories.host("k1", domain("db")), inventories.host("k2", domain("web", fleet="web"))
    inventories.read(first, use_cache=True, **options)
    (inventories.folder / "k1.xml").unlink()
    inventory = inventories.read(first, second, use_cache=True, unreachable="error", **options)
    assert sorted(inventory.hosts) == ["db", "web"]
    assert members(inventory, "fleet_web") == ["web"]
    with pytest.raises(AnsibleParserError, match="could not be read: k1"):
        inventories.read(first, second, use_cache=False, unreachable="error", **options)


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
    said = domain("web-1", title=math, description=attack, fleet=attack, tenant=math, appliance=attack)
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
        [sys.executable, "-m", "ansible", *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_ansible_inventory_lists_what_a_guest_says_as_it_is(hostile: Path, attack: str, proof: Path) -> None:
    variables = json.loads(run("inventory", "-i", str(hostile), "--host", "web-1"))
    assert variables["libvirt_description"] == attack
    graph = run("inventory", "-i", str(hostile), "--graph", "--vars")
    assert "@tenant____1___1___:" in graph
    assert attack in graph
    assert "web-1" in json.loads(run("inventory", "-i", str(hostile), "--list"))["state_running"]["hosts"]
    assert not proof.exists()


def test_ansible_inventory_needs_no_home_and_no_terminal(hostile: Path, tmp_path: Path) -> None:
    bare = {name: value for name, value in os.environ.items() if name in {"PATH", "ANSIBLE_COLLECTIONS_PATH", "LANG"}}
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "inventory", "-i", str(hostile), "--list", "--limit", "web-1"],
        env={**bare, "HOME": "/nonexistent", "ANSIBLE_LOCAL_TEMP": str(tmp_path), "ANSIBLE_HOME": str(tmp_path)},
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
    said = run("adhoc", "web-1", "-i", str(hostile), "-m", "ansible.builtin.debug", "-a", "var=libvirt_description")
    assert attack in said
    assert not proof.exists()
