# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names of guests change nothing of what other inventory sources have, whichever Ansible reads first."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import typing as t
import uuid
from pathlib import Path

import libvirt
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader

from tools.inventories import Inventories, domain

ADDRESS = "192.168.122.66"
STATIC = """
[hypervisors]
kvm1 ansible_host=10.0.0.1 ansible_user=root ansible_become_password=SuperSecret
kvm2
10.0.0.3

[db-servers]
db

[web]
static-web

[site:children]
web
hypervisors

[hypervisors:vars]
role=hypervisor
"""
NAMES = (
    *("kvm1", "kvm2", "KVM1", "kvm1.", "10.0.0.1", "10.0.0.3", "db", "static-web"),
    *("hypervisors", "web", "site", "db-servers", "db_servers", "all", "ungrouped", "localhost"),
    *("127.0.0.1", "127.1", "::1", "kvmx", "kvm1.kvmx", "windows", "my_group", "my-group", "vars"),
    *("state_running", "host_kvmx", "tenant_acme", "tag_kvm1", "stale", "_acme", "acme", "guests"),
    *("-oProxyCommand=id", "kvm[1:2]", "kvm*", "!kvm1", "&kvm1", "~kvm.*", "@kvm1", "web-1"),
    *("kvm1,kvm2", "kvm1:22", "{{ 7 * 7 }}", "hypervisors.kvmx", "_meta", "*", "a b", "children"),
)
CONSTRUCTED: dict[str, t.Any] = {
    "compose": {"ansible_host": "'192.0.2.1'", "role": "libvirt_name"},
    "groups": {"windows": "true", "my-group": "'kvm' in inventory_hostname"},
    "keyed_groups": [
        {"key": "libvirt_tenant", "separator": ""},
        {"key": "libvirt_name", "separator": "", "parent_group": "guests"},
        {"key": "libvirt_title", "prefix": "", "separator": "", "parent_group": "web"},
        {"key": "libvirt_tags", "parent_group": "hypervisors"},
    ],
}


def xml(name: str, **text: t.Any) -> str:
    """A running domain with a card, whose address the network of `network()` keeps."""
    card = (
        "<devices><interface type='network'><mac address='52:54:00:00:00:01'/>"
        "<source network='default'/></interface></devices></domain>"
    )
    identity = f"<uuid>{uuid.uuid5(uuid.NAMESPACE_DNS, name)}</uuid>"
    definition = domain(name.replace("&", "&amp;"), **text)
    return definition.replace("</domain>", identity + card)


def network() -> str:
    return (
        "<network><name>default</name><bridge name='virbr9'/><forward/>"
        "<ip address='192.168.122.1' netmask='255.255.255.0'><dhcp>"
        "<range start='192.168.122.2' end='192.168.122.254'/>"
        f"<host mac='52:54:00:00:00:01' ip='{ADDRESS}'/></dhcp></ip></network>"
    )


def write_guests(inventories: Inventories, *domains: str, **options: t.Any) -> str:
    host = inventories.host("kvmx", network(), *domains)
    return str(inventories.file(host, address_sources=["reservation"], **options))


def read(*sources: str) -> InventoryManager:
    return InventoryManager(loader=DataLoader(), sources=list(sources))


def describe(inventory: InventoryManager, names: t.Iterable[str]) -> dict[str, t.Any]:
    """What is known of hosts: their own variables, those of their groups, and which groups these are."""
    return {
        name: (
            inventory.hosts[name].get_vars(),
            {group.name: group.vars for group in inventory.hosts[name].get_groups()},
            [host.name for host in inventory.get_hosts(name)],
        )
        for name in names
    }


@pytest.fixture
def static(tmp_path: Path) -> str:
    path = tmp_path / "static.ini"
    path.write_text(STATIC)
    return str(path)


@pytest.mark.parametrize("first", ["static", "guests"])
def test_a_guest_that_is_called_like_a_hypervisor_or_its_group_is_qualified(
    inventories: Inventories, static: str, first: str, warnings: list[str]
) -> None:
    guests = write_guests(
        inventories, xml("kvm2", tenant="acme"), xml("hypervisors", tenant="acme")
    )
    sources = (static, guests) if first == "static" else (guests, static)
    inventory = read(*sources)
    names = ["kvm1", "kvm2", "10.0.0.3"]
    assert describe(inventory, names) == describe(read(static), names)
    assert [host.name for host in inventory.get_hosts("hypervisors")] == names
    assert sorted(host.name for host in inventory.get_hosts("tenant_acme")) == [
        "hypervisors.kvmx",
        "kvm2.kvmx",
    ]
    assert inventory.hosts["kvm2.kvmx"].vars["ansible_host"] == ADDRESS
    assert any("'kvm2'" in text and "shared_names" in text for text in warnings)


@pytest.mark.parametrize("first", ["static", "guests"])
def test_a_name_that_others_have_is_skipped_or_an_error_as_asked(
    inventories: Inventories, static: str, first: str, warnings: list[str]
) -> None:
    def read_with(policy: str) -> InventoryManager:
        guests = write_guests(inventories, xml("kvm1"), xml("web-1"), on_duplicate=policy)
        return read(*((static, guests) if first == "static" else (guests, static)))

    static_names = set(read(static).hosts)
    assert set(read_with("skip").hosts) == {*static_names, "web-1"}
    warnings.clear()
    assert set(read_with("error").hosts) == static_names
    told = "Unable to parse" if first == "static" else "nothing of"
    assert any(told in text for text in warnings)


@pytest.mark.parametrize("first", ["static", "guests"])
def test_a_host_that_shares_its_name_keeps_what_its_source_says(
    inventories: Inventories, static: str, first: str, warnings: list[str]
) -> None:
    guests = write_guests(
        inventories, xml("kvm1", tenant="acme"), xml("kvm2"), shared_names=["kvm1", "db"]
    )
    inventory = read(*((static, guests) if first == "static" else (guests, static)))
    shared = inventory.hosts["kvm1"]
    assert shared.vars["ansible_host"] == "10.0.0.1"
    assert shared.vars["libvirt_tenant"] == "acme"
    assert {"hypervisors", "tenant_acme"} <= {group.name for group in shared.get_groups()}
    assert "ansible_host" not in inventory.hosts["kvm2"].vars
    assert "kvm2.kvmx" in inventory.hosts
    assert not any("'kvm1'" in text for text in warnings)


def test_a_shared_host_without_an_address_gets_the_guest_s(
    inventories: Inventories, static: str
) -> None:
    guests = write_guests(
        inventories, xml("kvm2"), shared_names=["kvm2"], compose={"ansible_user": "'admin'"}
    )
    for sources in ((static, guests), (guests, static)):
        variables = read(*sources).hosts["kvm2"].vars
        assert variables["ansible_host"] == ADDRESS
        assert variables["ansible_user"] == "admin"


def test_one_domain_in_two_files_is_one_host(inventories: Inventories) -> None:
    first = write_guests(inventories, xml("web-1"), groups={"one": "true"})
    second = Path(first).with_name("second.headroom.yml")
    options = yaml.safe_load(Path(first).read_text())
    second.write_text(yaml.safe_dump({**options, "groups": {"two": "true"}}))
    inventory = read(first, str(second))
    assert list(inventory.hosts) == ["web-1"]
    assert {"one", "two"} <= {group.name for group in inventory.hosts["web-1"].get_groups()}


def test_a_machine_is_never_its_own_group(inventories: Inventories) -> None:
    guests = write_guests(
        inventories,
        xml("windows", tenant="acme"),
        xml("tenant_acme", title="b"),
        xml("acme", title="a"),
        xml("b"),
        groups={"windows": "'win' in libvirt_name"},
        keyed_groups=[{"key": "libvirt_title", "separator": "", "parent_group": "a"}],
    )
    inventory = read(guests)
    assert [host.name for host in inventory.get_hosts("windows")] == ["windows.kvmx"]
    assert [host.name for host in inventory.get_hosts("tenant_acme")] == ["windows.kvmx"]
    assert [host.name for host in inventory.get_hosts("b")] == ["tenant_acme.kvmx"]
    assert sorted(inventory.hosts) == ["acme", "b.kvmx", "tenant_acme.kvmx", "windows.kvmx"]


def test_a_group_of_guests_is_never_called_like_a_host_of_others(
    inventories: Inventories, static: str, warnings: list[str]
) -> None:
    guests = write_guests(
        inventories,
        xml("web-1", title="kvm1"),
        keyed_groups=[{"key": "libvirt_title", "separator": "", "parent_group": "guests"}],
    )
    for sources in ((static, guests), (guests, static)):
        inventory = read(*sources)
        assert "kvm1" not in inventory.groups
        assert [host.name for host in inventory.get_hosts("kvm1")] == ["kvm1"]
        assert inventory.hosts["kvm1"].vars == read(static).hosts["kvm1"].vars
    assert any("'kvm1'" in text for text in warnings)


def test_a_group_that_guests_share_with_hosts_of_others_gets_no_parent(
    inventories: Inventories, static: str
) -> None:
    guests = write_guests(
        inventories,
        xml("web-1", title="web"),
        xml("web-2", title="site"),
        keyed_groups=[{"key": "libvirt_title", "separator": "", "parent_group": "guests"}],
    )
    for sources in ((static, guests), (guests, static)):
        inventory = read(*sources)
        assert [host.name for host in inventory.get_hosts("web") if host.name != "static-web"] == [
            "web-1"
        ]
        groups = {group.name for group in inventory.hosts["kvm1"].get_groups()}
        assert groups == {"all", "site", "hypervisors"}
        assert {host.name for host in inventory.get_hosts("guests")} == {"web-1", "web-2"}


def test_what_a_later_file_constructs_is_of_the_guest_and_not_of_a_group(
    inventories: Inventories, static: str, tmp_path: Path
) -> None:
    later = tmp_path / "later.yml"
    later.write_text(
        yaml.safe_dump(
            {
                "plugin": "ansible.builtin.constructed",
                "strict": True,
                "compose": {"seen": "inventory_hostname"},
                "groups": {"windows": "true"},
                "keyed_groups": [{"key": "libvirt_name | default('none')", "prefix": "is"}],
            }
        )
    )
    guests = write_guests(inventories, xml("windows"), xml("web-1"))
    inventory = read(static, guests, str(later))
    assert inventory.groups["windows"].vars == {}
    assert sorted(host.name for host in inventory.groups["windows"].get_hosts()) == sorted(
        ["windows.kvmx", "web-1", *read(static).hosts]
    )
    assert inventory.hosts["kvm1"].vars["seen"] == "kvm1"
    assert "is_web_1" in {group.name.replace("-", "_") for group in inventory.hosts["web-1"].groups}


class AddedHost(dict[str, t.Any]):
    """What a task with add_host hands in: a mapping for older ansible-cores, attributes for newer ones."""

    host_name = "web-1"
    host_vars: t.ClassVar = {"port": 80}
    parent_group_names: t.ClassVar = ["chosen"]

    def __init__(self) -> None:
        super().__init__(
            host_name=self.host_name, host_vars=self.host_vars, groups=self.parent_group_names
        )


def test_a_host_that_a_task_adds_is_the_guest_of_that_name(inventories: Inventories) -> None:
    inventory = read(write_guests(inventories, xml("web-1")))
    inventory.add_dynamic_host(AddedHost(), {})
    assert list(inventory.hosts) == ["web-1"]
    assert [host.name for host in inventory.get_hosts("chosen")] == ["web-1"]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_guest_changes_a_host_that_was_there(data: st.DataObject) -> None:
    texts = st.sampled_from(NAMES)
    names = data.draw(st.lists(texts, unique=True, min_size=1, max_size=5), "names")
    options: dict[str, t.Any] = {
        key: value for key, value in CONSTRUCTED.items() if data.draw(st.booleans(), key)
    }
    options["on_duplicate"] = data.draw(st.sampled_from(["qualify", "skip", "error"]))
    options["connect"] = data.draw(st.sampled_from(["direct", "guest_agent"]))
    before = data.draw(st.booleans(), "static first")
    with tempfile.TemporaryDirectory() as folder:
        static = Path(folder, "static.ini")
        static.write_text(STATIC)
        domains = [
            xml(name, title=data.draw(texts), tenant=data.draw(texts), tags=[data.draw(texts)])
            for name in names
        ]
        guests = write_guests(Inventories(Path(folder)), *domains, **options)
        alone = read(str(static))
        inventory = read(*((str(static), guests) if before else (guests, str(static))))
    assert describe(inventory, alone.hosts) == describe(alone, alone.hosts)
    for group in alone.groups:
        assert [host.name for host in inventory.get_hosts(group) if host.name in alone.hosts] == [
            host.name for host in alone.get_hosts(group)
        ]
        assert inventory.groups[group].vars == alone.groups[group].vars
    assert inventory.get_host("localhost").implicit


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


def test_the_commands_of_ansible_list_no_guest_among_the_hypervisors(
    inventories: Inventories, static: str
) -> None:
    guests = write_guests(inventories, *(xml(name, tenant=name) for name in NAMES))
    for sources in (("-i", static, "-i", guests), ("-i", guests, "-i", static)):
        listed = run("adhoc", *sources, "hypervisors", "--list-hosts").split()
        assert listed == ["hosts", "(3):", "kvm1", "kvm2", "10.0.0.3"]
    assert json.loads(run("inventory", *sources, "--host", "kvm1")) == {
        "ansible_become_password": "SuperSecret",
        "ansible_host": "10.0.0.1",
        "ansible_user": "root",
        "role": "hypervisor",
    }


def test_names_are_checked_for_what_a_cache_holds_too(
    inventories: Inventories, static: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, t.Any] = {
        "cache": True,
        "cache_plugin": "ansible.builtin.jsonfile",
        "cache_connection": str(inventories.folder / "cache"),
    }
    guests = write_guests(inventories, xml("kvm1"), **options)
    read(guests)
    monkeypatch.setattr(libvirt, "openReadOnly", None)  # what is cached asks no host
    for sources in ((static, guests), (guests, static)):
        inventory = InventoryManager(loader=DataLoader(), sources=list(sources), cache=True)
        assert "kvm1.kvmx" in inventory.hosts
        assert inventory.hosts["kvm1"].vars["ansible_host"] == "10.0.0.1"
