# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from lxml import etree

from lab import render
from lab.guest.domain import domain_xml
from lab.naming import plan_lab

LAB = plan_lab("x", 2, ["trixie", "bookworm"])


def test_the_inventory_has_every_host_in_the_group_hypervisors() -> None:
    group = yaml.safe_load(render.inventory(LAB))["hypervisors"]
    assert group["hosts"]["k2"] == {
        "ansible_host": "10.77.0.12",
        "lab_release": "bookworm",
        "lab_uri": "qemu+ssh://root@k2/system",
    }
    assert set(group["hosts"]) == {"k1", "k2"}
    assert group["vars"]["ansible_user"] == "root"


def test_ssh_knows_each_host_by_name_and_address() -> None:
    config = render.ssh_config(LAB, Path("/key"), Path("/known"))
    assert config.startswith("Host k1 10.77.0.11 k2 10.77.0.12\n")
    assert "StrictHostKeyChecking yes" in config
    known = render.known_hosts(LAB, {"k1": "ssh-ed25519 AAA\n", "k2": "ssh-ed25519 BBB\n"})
    assert known == "k1,10.77.0.11 ssh-ed25519 AAA\nk2,10.77.0.12 ssh-ed25519 BBB\n"


def test_the_network_is_routed_and_hands_out_the_hosts_own_addresses() -> None:
    network = etree.fromstring(render.libvirt_network(LAB, LAB.hosts[1]))
    forward, ip, leases = network.find("forward"), network.find("ip"), network.find("ip/dhcp/range")
    assert forward is not None
    assert forward.get("mode") == "route"
    assert ip is not None
    assert dict(ip.attrib) == {"address": "10.77.12.1", "netmask": "255.255.255.0"}
    assert leases is not None
    assert dict(leases.attrib) == {"start": "10.77.12.2", "end": "10.77.12.254"}


def test_pools_over_ceph_have_one_secret_on_all_hosts() -> None:
    lab = plan_lab("x", 2, ["trixie-storage"])
    pool = etree.fromstring(render.libvirt_ceph_pool(lab, lab.hosts[1]))
    secret = etree.fromstring(render.libvirt_secret(lab))
    assert pool.xpath("string(source/auth/secret/@uuid)") == secret.findtext("uuid")
    assert pool.xpath("string(source/host/@name)") == "10.77.0.12"
    other = plan_lab("y", 2, ["trixie-storage"])
    assert render.secret_uuid(other) != render.secret_uuid(lab)


@pytest.mark.parametrize(("kind", "cpu"), [("qemu", "custom"), ("kvm", "host-passthrough")])
def test_the_guest_is_a_domain_of_the_type_that_the_machine_can_run(kind: str, cpu: str) -> None:
    domain = etree.fromstring(domain_xml("g1", kind, 80))
    assert domain.get("type") == kind
    assert domain.findtext("memory") == "80"
    assert [node.get("mode") for node in domain.iter("cpu")] == [cpu]
    assert [node.get("file") for node in domain.iter("source") if node.get("file")] == [
        "/var/lib/libvirt/images/g1.qcow2"
    ]


def test_odd_names_stay_text() -> None:
    domain = etree.fromstring(domain_xml("a<b'c&d", "qemu", disk="/x/it's.qcow2"))
    assert domain.findtext("name") == "a<b'c&d"
    assert [node.get("file") for node in domain.iter("source") if node.get("file")] == [
        "/x/it's.qcow2"
    ]
