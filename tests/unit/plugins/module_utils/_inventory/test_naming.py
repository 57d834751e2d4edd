# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which name and groups a domain gets."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory import naming
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.snapshot import (
    InventoryGuest,
)

NAMES = st.text("ab.-", min_size=1, max_size=3) | st.sampled_from(
    ["localhost", "all", "-oProxyCommand=id"]
)


def guest(name: str, **facts: str | list[str]) -> InventoryGuest:
    return InventoryGuest(
        name,
        f"uuid of {name}",
        "running",
        None,
        {"fleet": None, "tenant": None, "appliance": None, **facts},
    )


def hosts(**names: t.Iterable[str]) -> list[naming.InventoryEntry]:
    return [
        naming.InventoryEntry(name, host, guest(name))
        for host, on_it in names.items()
        for name in on_it
    ]


def taken(**groups: str) -> naming.TakenNames:
    names = naming.TakenNames()
    names.add_groups(groups, "is a group of this inventory file")
    return names


def named(entries: list[naming.InventoryEntry]) -> dict[str, tuple[str, str]]:
    return {entry.name: (entry.host, entry.guest.name) for entry in entries}


def test_a_name_on_two_hosts_is_qualified_on_both_and_others_are_left_alone() -> None:
    entries, left_out = naming.assign_names(hosts(k1=["web", "db"], k2=["web"]), "qualify", taken())
    assert named(entries) == {"web.k1": ("k1", "web"), "db": ("k1", "db"), "web.k2": ("k2", "web")}
    assert left_out == []


def test_a_name_on_two_hosts_is_skipped_on_both() -> None:
    entries, left_out = naming.assign_names(hosts(k1=["web", "db"], k2=["web"]), "skip", taken())
    assert named(entries) == {"db": ("k1", "db")}
    assert left_out == ["web"]


def test_a_name_on_two_hosts_is_an_error_that_says_where() -> None:
    with pytest.raises(
        Conflict, match="'web' is ambiguous, it is a domain's name on k1 and k2"
    ) as failure:
        naming.assign_names(hosts(k1=["web"], k2=["web"]), "error", taken())
    assert failure.value.details == {"name": "web", "hosts": ["k1", "k2"]}


@pytest.mark.parametrize(
    "name", ["localhost", "127.0.0.1", "127.1", "LOCALHOST.", "::1", "0", "all", "ungrouped"]
)
def test_a_name_that_ansible_knows_is_never_given_to_a_domain(name: str) -> None:
    entries, _left_out = naming.assign_names(hosts(k1=[name]), "qualify", taken())
    assert [entry.name for entry in entries] == [f"{name}.k1"]
    assert naming.assign_names(hosts(k1=[name]), "skip", taken()) == ([], [name])
    with pytest.raises(Conflict, match="has a meaning of its own for Ansible"):
        naming.assign_names(hosts(k1=[name]), "error", taken())


@pytest.mark.parametrize("policy", ["qualify", "skip", "error"])
def test_a_name_that_is_an_option_of_ssh_is_left_out(policy: naming.OnDuplicate) -> None:
    assert naming.assign_names(hosts(k1=["-oProxyCommand=id"]), policy, taken()) == (
        [],
        ["-oProxyCommand=id"],
    )


def test_who_is_qualified_less_gives_way() -> None:
    entries, left_out = naming.assign_names(
        hosts(k1=["web", "web.k1"], k2=["web"]), "qualify", taken()
    )
    assert named(entries) == {
        "web.k1": ("k1", "web"),
        "web.k1.k1": ("k1", "web.k1"),
        "web.k2": ("k2", "web"),
    }
    assert left_out == []


def test_the_uuid_qualifies_where_the_host_does_not() -> None:
    names = taken()
    names.add_hosts(["web", "web.k1"], "is a host of another inventory source")
    entries, _left_out = naming.assign_names(hosts(k1=["web"]), "qualify", names)
    assert [entry.name for entry in entries] == ["web.k1.uuid of web"]
    names.add_hosts(["web.k1.uuid of web"], "is a host of another inventory source")
    assert naming.assign_names(hosts(k1=["web", "db"]), "qualify", names)[1] == ["web"]


@pytest.mark.parametrize(
    "name", ["kvm1", "KVM1", "kvm1.", " kvm1", "\uff4bvm1", "10.0.0.1", "fe80::1"]
)
def test_a_host_of_others_is_known_however_its_name_is_written(name: str) -> None:
    names = taken()
    names.add_hosts(["kvm1", "10.0.0.1", "FE80::1"], "is a host of another inventory source")
    assert names.describe(name) == "is a host of another inventory source"
    with pytest.raises(Conflict, match="on k1 and is a host of another inventory source"):
        naming.assign_names(hosts(k1=[name]), "error", names)


@given(
    st.dictionaries(st.sampled_from(["k1", "k2", "k3"]), st.sets(NAMES, max_size=4)),
    st.sampled_from(["qualify", "skip"]),
)
def test_names_are_unique_and_nothing_is_lost_in_silence(
    names: dict[str, set[str]], policy: t.Literal["qualify", "skip"]
) -> None:
    entries, left_out = naming.assign_names(hosts(**names), policy, taken())
    assert len(named(entries)) == len(entries)
    assert not any(
        entry.name.startswith("-") or entry.name in {"localhost", "all"} for entry in entries
    )
    listed = {(entry.host, entry.guest.name) for entry in entries}
    for host, on_it in names.items():
        for name in on_it:
            assert ((host, name) in listed) != (name in left_out)


def test_groups_of_a_clone() -> None:
    entry = naming.InventoryEntry(
        "web-1",
        "k1",
        guest("web-1", fleet="web", tenant="acme", appliance="nginx:1.2", tags=["edge", "eu 1"]),
    )
    assert naming.list_default_groups(entry) == [
        "state_running",
        "host_k1",
        "fleet_web",
        "tenant_acme",
        "appliance_nginx:1.2",
        "appliance_nginx",
        "tag_edge",
        "tag_eu 1",
    ]


def test_groups_of_a_domain_that_is_not_ours() -> None:
    assert naming.list_default_groups(naming.InventoryEntry("db", "k1", guest("db"))) == [
        "state_running",
        "host_k1",
    ]


def test_a_name_that_is_a_group_of_the_file_is_never_given_to_a_domain() -> None:
    entries, left_out = naming.assign_names(
        hosts(k1=["windows", "db"]), "qualify", taken(windows="x")
    )
    assert named(entries) == {"windows.k1": ("k1", "windows"), "db": ("k1", "db")}
    assert left_out == []
    with pytest.raises(Conflict, match="is a group of this inventory file"):
        naming.assign_names(hosts(k1=["windows"]), "error", taken(windows="x"))
