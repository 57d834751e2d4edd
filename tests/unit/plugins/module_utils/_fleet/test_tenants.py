# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tenants have on a host counts whatever fleet it is of, and whether it runs."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    InvalidInput,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._fleet.tenants import (
    measure_tenants,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import Metadata

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_xml import (
        Definition,
    )

DOMAIN = """<domain type='test'><name>{name}</name><memory unit='MiB'>64</memory><vcpu>2</vcpu>
<os><type>hvm</type></os></domain>"""
MIB = 1024**2


def define(node: Connection, name: str, tenant: str | None, fleet: str | None = None) -> None:
    domain = domains.define(node, DOMAIN.format(name=name))
    domains.set_metadata(domain, Metadata(fleet=fleet, tenant=tenant))


def test_machines_of_all_fleets_and_those_that_are_off_count(node: Connection) -> None:
    define(node, "web-1", "shop", "web")
    define(node, "db-1", "shop", "db")
    define(node, "pet", "shop")
    define(node, "other-1", "lab", "web")
    domains.start(domains.look_up(node, "web-1"))
    assert measure_tenants(node, ["shop", "nobody"]) == {
        "shop": {"machines": 3, "vcpus": 6, "memory_bytes": 192 * MIB},
        "nobody": {"machines": 0, "vcpus": 0, "memory_bytes": 0},
    }


def test_a_domain_that_goes_meanwhile_does_not_count(
    node: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    define(node, "web-1", "shop")
    define(node, "web-2", "shop")
    read = domains.read_definition

    def read_unless_gone(domain: domains.Domain) -> Definition:
        if domain.name() == "web-1":
            raise NotFound("it is gone")
        return read(domain)

    monkeypatch.setattr(domains, "read_definition", read_unless_gone)
    assert measure_tenants(node, ["shop"])["shop"]["machines"] == 1


def test_nobody_is_read_where_nobody_asks(
    node: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domains, "iterate_definitions", lambda _node: pytest.fail("it is read"))
    assert measure_tenants(node, []) == {}


def test_what_is_no_name_is_refused(node: Connection) -> None:
    with pytest.raises(InvalidInput, match="tenants"):
        measure_tenants(node, ["qemu+tcp://admin:secret@kvm1/system"])
