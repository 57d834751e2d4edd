# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks, pools and volumes as real hosts have them: each is understood, or refused by name."""

from __future__ import annotations

import typing as t

import pytest
from corpus.hosts import (
    NETWORKS,
    POOLS,
    VOLUMES,
    NetworkSituation,
    PoolSituation,
    VolumeSituation,
)

from ansible_collections.headroom.libvirt.plugins.module_utils._clone import modes
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._network import plan
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    network_xml,
    node_xml,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
)


def name_of(situation: NetworkSituation | PoolSituation | VolumeSituation) -> str:
    return situation.name


@pytest.fixture(scope="module")
def connection() -> t.Iterator[Connection]:
    with open_connection("test:///default") as opened:
        yield opened


@pytest.mark.parametrize("situation", NETWORKS, ids=name_of)
def test_a_network_is_what_it_says(situation: NetworkSituation) -> None:
    network = node_xml.read_network(situation.text, active=True, autostart=False)
    assert (network.forward, network.bridge) == (situation.forward, situation.bridge)


@pytest.mark.parametrize("situation", NETWORKS, ids=name_of)
def test_an_address_is_reserved_or_refused_by_name(situation: NetworkSituation) -> None:
    network = network_xml.parse(situation.text)
    for address, refusal in situation.reserve.items():
        desired = plan.normalise_reservation(
            network_xml.Reservation("52:54:00:00:00:01", address, "web-1")
        )
        if refusal is None:
            (step,) = plan.compute_reserve_steps(network, desired, force=False)
            assert (step.command, step.reservation.address) == ("add", address)
        else:
            with pytest.raises(HeadroomError) as caught:
                plan.compute_reserve_steps(network, desired, force=False)
            assert refusal in caught.value.message


@pytest.mark.parametrize("situation", NETWORKS, ids=name_of)
def test_libvirt_takes_the_network_for_what_we_take_it(
    connection: Connection, situation: NetworkSituation
) -> None:
    text = situation.text.replace("<name>default<", "<name>default-2<")
    network = connection.handle.networkDefineXML(text)
    try:
        again = node_xml.read_network(network.XMLDesc(0), active=True, autostart=False)
        assert (again.forward, again.bridge) == (situation.forward, situation.bridge)
        subnets = network_xml.parse(network.XMLDesc(0)).subnets
        assert subnets == network_xml.parse(situation.text).subnets
    finally:
        network.undefine()


@pytest.mark.parametrize("situation", POOLS, ids=name_of)
def test_a_pool_is_told_by_its_source_where_others_can_have_it(situation: PoolSituation) -> None:
    pool = node_xml.read_pool(situation.text, state="running", autostart=True)
    assert pool.source == situation.source


@pytest.mark.parametrize("situation", POOLS, ids=name_of)
def test_clones_lie_in_a_pool_or_are_refused_by_name(situation: PoolSituation) -> None:
    pool = storage_xml.parse_pool(situation.text)
    place = modes.Place(pool.name, pool.type)
    if situation.refused is None:
        assert modes.choose_mode("auto", place).mode == "linked"
    else:
        with pytest.raises(Unsupported) as caught:
            modes.choose_mode("auto", place)
        assert situation.refused in caught.value.message
        assert "Name a pool of one of the types" in caught.value.message


@pytest.mark.parametrize("situation", VOLUMES, ids=name_of)
def test_a_volume_is_what_it_says(situation: VolumeSituation) -> None:
    volume = storage_xml.parse_volume(situation.text)
    assert (volume.format, volume.capacity_bytes) == (situation.format, situation.capacity_bytes)
    backing = volume.backing_path and (volume.backing_path, volume.backing_format)
    assert backing == situation.backing
