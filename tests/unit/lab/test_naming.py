# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ipaddress
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.naming import (
    MAX_HOSTS,
    RELEASES,
    check_name,
    default_name,
    name_releases,
    namespace,
    namespace_lab,
    plan_lab,
)
from lab.shell import LabError

if t.TYPE_CHECKING:
    from pathlib import Path

NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,31}", fullmatch=True)


def test_releases_are_dealt_round_robin() -> None:
    lab = plan_lab("x", 3, ["trixie", "bookworm"])
    assert [(host.name, host.release) for host in lab.hosts] == [
        ("k1", "trixie"),
        ("k2", "bookworm"),
        ("k3", "trixie"),
    ]


def test_a_kind_is_a_part_of_the_release() -> None:
    hosts = plan_lab("x", 2, name_releases("trixie", "storage")).hosts
    assert [host.release for host in hosts] == ["trixie-storage"] * 2
    assert all(host.is_storage and not host.is_bare for host in hosts)
    with pytest.raises(LabError, match="bookworm-storage"):
        plan_lab("x", 1, name_releases("bookworm", "storage"))


@given(NAMES, st.integers(1, MAX_HOSTS))
def test_no_two_hosts_share_an_address(name: str, count: int) -> None:
    hosts = plan_lab(name, count, RELEASES).hosts
    cables = ipaddress.ip_network("10.77.0.0/24")
    networks = [cables, *(host.guests for host in hosts)]
    assert len({host.address for host in hosts}) == count
    assert all(ipaddress.ip_address(host.address) in cables for host in hosts)
    assert not any(a.overlaps(b) for i, a in enumerate(networks) for b in networks[:i])


@given(NAMES, NAMES)
def test_a_namespace_tells_its_lab(lab: str, host: str) -> None:
    assert namespace_lab(namespace(lab)) == lab
    assert namespace_lab(namespace(lab, host)) == lab


@pytest.mark.parametrize(
    "name", ["headroom", "docker0", "headroom.", "headroom.a.b.c", "other.a", "headroom.A"]
)
def test_foreign_namespaces_are_left_alone(name: str) -> None:
    assert namespace_lab(name) is None


@pytest.mark.parametrize("name", ["", "-x", "a.b", "a/b", "..", "a\nb", "Ä", "x" * 33])
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="--name"):
        check_name(name)


@pytest.mark.parametrize(
    ("hosts", "releases"), [(0, ["trixie"]), (MAX_HOSTS + 1, ["trixie"]), (1, ["sid"]), (1, [""])]
)
def test_an_impossible_shape_is_refused(hosts: int, releases: list[str]) -> None:
    with pytest.raises(LabError, match=r"--hosts|--release"):
        plan_lab("x", hosts, releases)


def test_checkouts_of_one_folder_name_have_labs_of_their_own(tmp_path: Path) -> None:
    names = {default_name(tmp_path / parent / "My Checkout.d") for parent in ("a", "b")}
    assert len(names) == 2
    assert all(check_name(name).startswith("my-checkout-d-") for name in names)


def test_an_unknown_host_is_named_with_those_that_exist() -> None:
    with pytest.raises(LabError, match="'k3': lab x has k1, k2"):
        plan_lab("x", 2, ["trixie"]).host("k3")


def test_identities_differ_between_hosts_and_labs() -> None:
    a, b = plan_lab("a", 2, ["trixie"]), plan_lab("b", 2, ["trixie"])
    assert len({lab.uuid(host.name) for lab in (a, b) for host in lab.hosts}) == 4
    assert a.uuid("k1") == a.uuid("k1")
