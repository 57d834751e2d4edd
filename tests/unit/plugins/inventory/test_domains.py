# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory plugin as Ansible loads it, over libvirt's test driver: what it lists, and how."""

from __future__ import annotations

from pathlib import Path

import libvirt
import pytest

from ansible.errors import AnsibleParserError
from ansible.plugins.loader import inventory_loader

from tools.inventories import PLUGIN, Inventories, domain, members


def test_domains_of_many_hosts_with_groups_out_of_the_box(inventories: Inventories) -> None:
    inventory = inventories.read(
        inventories.host(
            "k1", domain("web-1", fleet="web", tenant="acme", appliance="nginx:1.2"), domain("db")
        ),
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


def test_a_lease_becomes_ansible_host(
    inventories: Inventories, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {
        "mac": "aa:bb:cc:dd:ee:ff",
        "ipaddr": "192.168.122.3",
        "type": 0,
        "hostname": "{{ 1 + 1 }}",
    }
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
    inventory = inventories.read(
        inventories.host("k1", domain("web-1", tags=["edge", "eu west"]), domain("db"))
    )
    assert members(inventory, "tag_edge") == members(inventory, "tag_eu_west") == ["web-1"]
    assert inventory.hosts["web-1"].vars["libvirt_tags"] == ["edge", "eu west"]
    assert inventory.hosts["db"].vars["libvirt_tags"] == []


def test_only_what_names_and_filters_let_through_is_listed(inventories: Inventories) -> None:
    host = inventories.host(
        "k1", domain("web-1", tags=["edge"]), domain("web-2"), domain("db", tags=["edge"])
    )
    assert sorted(inventories.read(host, names=["web-.*"]).hosts) == ["web-1", "web-2"]
    assert list(
        inventories.read(host, names=["web-.*"], filters=["contains(tags, 'edge')"]).hosts
    ) == ["web-1"]
    assert list(inventories.read(host, filters=["host == 'k2'"]).hosts) == []
    with pytest.raises(AnsibleParserError, match=r"names: .* is not a regular expression"):
        inventories.read(host, names=["("])


def test_the_name_in_the_inventory_is_an_expression(inventories: Inventories) -> None:
    hosts = [
        inventories.host("k1", domain("web", title="{{ 1 + 1 }}")),
        inventories.host("k2", domain("web")),
    ]
    inventory = inventories.read(*hosts, inventory_hostname="libvirt_name ~ '.' ~ libvirt_host")
    assert sorted(inventory.hosts) == ["web.k1", "web.k2"]
    assert list(inventories.read(hosts[0], inventory_hostname="libvirt_title").hosts) == [
        "{{ 1 + 1 }}"
    ]
    assert list(inventories.read(hosts[0], inventory_hostname="'localhost'").hosts) == [
        "localhost.k1"
    ]
    for wrong in ("libvirt_vcpus", "nowhere.found", "libvirt_name ~"):
        with pytest.raises(AnsibleParserError, match="inventory_hostname: "):
            inventories.read(hosts[0], inventory_hostname=wrong)


def test_a_domain_without_a_name_by_the_expression_has_its_own(
    inventories: Inventories, warnings: list[str]
) -> None:
    host = inventories.host("k1", domain("web", title="shop"), domain("db"))
    inventory = inventories.read(host, inventory_hostname="libvirt_title or ''")
    assert sorted(inventory.hosts) == ["db", "shop"]
    assert warnings[0].startswith("1 domain(s) are listed by their own names: inventory_hostname")


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
    assert (
        "ansible_connection" not in inventories.read(host, connect="proxy_jump").hosts["web"].vars
    )


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


def test_one_name_on_two_hosts(inventories: Inventories, warnings: list[str]) -> None:
    hosts = [
        inventories.host("k1", domain("web"), domain("db")),
        inventories.host("k2", domain("web")),
    ]
    assert sorted(inventories.read(*hosts).hosts) == ["db", "web.k1", "web.k2"]
    assert inventories.read(*hosts).hosts["web.k2"].vars["libvirt_name"] == "web"
    assert list(inventories.read(*hosts, on_duplicate="skip").hosts) == ["db"]
    assert warnings == ["Left out for their names: 'web'"]
    with pytest.raises(AnsibleParserError, match="on_duplicate: the name 'web' is ambiguous"):
        inventories.read(*hosts, on_duplicate="error")
