# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory plugin and its hosts: where they come from, and when they are dead, slow or cached."""

from __future__ import annotations

import threading
import typing as t

import libvirt
import pytest
import yaml

from ansible.errors import AnsibleParserError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader

from tools.inventories import Inventories, domain, members


def test_hypervisors_of_another_inventory_are_hosts(inventories: Inventories) -> None:
    hosts = [
        inventories.host("k1", domain("web")),
        inventories.host("k2", domain("db")),
        inventories.host("k3"),
    ]
    earlier = inventories.folder / "1.yml"
    earlier.write_text(
        yaml.safe_dump(
            {
                "hypervisors": {
                    "hosts": {host["name"]: {"where": host["uri"]} for host in hosts},
                    "vars": {"end": ""},
                }
            }
        )
    )
    path = inventories.file(hypervisors="hypervisors", hypervisor_uri="where ~ end")
    inventory = InventoryManager(loader=DataLoader(), sources=[str(earlier), str(path)])
    assert [host.name for host in inventory.get_hosts("host_k2")] == ["db"]
    assert [host.name for host in inventory.get_hosts("host_k1")] == ["web"]
    with pytest.raises(
        AnsibleParserError, match="hypervisors: 'nobody' is not a group that Ansible knows yet"
    ):
        inventories.read(hypervisors="nobody")
    with pytest.raises(AnsibleParserError, match=r"uris: .* does not name a host"):
        inventories.read()


def test_a_host_of_which_no_uri_can_be_made_is_left_out(
    inventories: Inventories, warnings: list[str]
) -> None:
    uri = inventories.host("k1", domain("web"))["uri"]
    earlier = inventories.folder / "1.yml"
    hosts = {"k1": {"where": uri}, "k2": {"where": "qemu+ssh://h/system?command=/opt/evil"}}
    earlier.write_text(yaml.safe_dump({"hypervisors": {"hosts": hosts}}))
    path = inventories.file(hypervisors="hypervisors", hypervisor_uri="where")
    inventory = InventoryManager(loader=DataLoader(), sources=[str(earlier), str(path)])
    assert [host.name for host in inventory.get_hosts("host_k1")] == ["web"]
    assert any(
        text.startswith("Left out of the inventory: k2: hypervisor_uri: ") for text in warnings
    )


def test_a_dead_host_is_listed_as_it_was_last_known(
    inventories: Inventories, warnings: list[str]
) -> None:
    hosts = [
        inventories.host("k1", domain("db")),
        inventories.host("k2", domain("web", fleet="web")),
    ]
    options: dict[str, t.Any] = {
        "unreachable": "cached",
        "last_known": str(inventories.folder / "known"),
    }
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
        inventories.read(
            hosts[0], unreachable="cached", last_known=str(inventories.folder / "nothing")
        )


def test_a_host_that_was_never_read_is_left_out(
    inventories: Inventories, warnings: list[str]
) -> None:
    file = inventories.folder / "file"
    file.write_text("no folder")
    hosts = [inventories.host("k1", domain("db")), {"uri": "test:///missing.xml", "name": "k2"}]
    inventory = inventories.read(*hosts, unreachable="cached", last_known=str(file))
    assert list(inventory.hosts) == ["db"]
    assert warnings[0].startswith("last_known: the answers of the hosts could not be stored")
    assert warnings[1].startswith("Left out of the inventory: k2")


def test_a_dead_host_is_left_out_with_a_warning(
    inventories: Inventories, warnings: list[str]
) -> None:
    inventory = inventories.read(
        inventories.host("k1", domain("db")), {"uri": "test:///missing.xml", "name": "k2"}
    )
    assert list(inventory.hosts) == ["db"]
    assert len(warnings) == 1
    assert "Left out of the inventory: k2 (test:///missing.xml)" in warnings[0]


def test_a_dead_host_can_be_an_error(inventories: Inventories) -> None:
    with pytest.raises(AnsibleParserError, match=r"1 host\(s\) could not be read: k2"):
        inventories.read(
            inventories.host("k1", domain("db")),
            {"uri": "test:///missing.xml", "name": "k2"},
            unreachable="error",
        )


def test_no_inventory_is_made_when_every_host_is_dead(inventories: Inventories) -> None:
    with pytest.raises(AnsibleParserError, match=r"2 host\(s\) could not be read"):
        inventories.read(
            {"uri": "test:///a.xml", "name": "a"}, {"uri": "test:///b.xml", "name": "b"}
        )


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
    with pytest.raises(AnsibleParserError, match=f"{option}: .* must be a positive number"):
        inventories.read(inventories.host("k1"), **t.cast("dict[str, t.Any]", {option: 0}))


def test_the_cache_serves_hosts_and_is_filled_by_host(inventories: Inventories) -> None:
    folder = str(inventories.folder)
    options: dict[str, t.Any] = {
        "cache": True,
        "cache_plugin": "ansible.builtin.jsonfile",
        "cache_connection": folder,
    }
    first, second = (
        inventories.host("k1", domain("db")),
        inventories.host("k2", domain("web", fleet="web")),
    )
    inventories.read(first, use_cache=True, **options)
    (inventories.folder / "k1.xml").unlink()
    inventory = inventories.read(first, second, use_cache=True, unreachable="error", **options)
    assert sorted(inventory.hosts) == ["db", "web"]
    assert members(inventory, "fleet_web") == ["web"]
    with pytest.raises(AnsibleParserError, match="could not be read: k1"):
        inventories.read(first, second, use_cache=False, unreachable="error", **options)
