# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of cases, by the rule alone."""

from __future__ import annotations

import typing as t

import pytest
from corpus.addresses import CASES, list_cases

from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.addresses import (
    AddressBook,
    read_address,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_xml import Interface

TABLE = list_cases("10.88.11")
NETWORKS = {"lease": "net", "reservation": "net", "foreign": "other", "arp": None}
ATTACHED = {"n": ("network", "net"), "b": ("bridge", "br"), "u": ("user", None)}


def test_each_case_is_another_one() -> None:
    assert len({case[0] for case in CASES}) == len(CASES) == 32


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case["name"])
def test_the_address_is_the_right_one(case: dict[str, t.Any]) -> None:
    rows = [
        {
            "source": "lease" if source == "foreign" else source,
            "network": NETWORKS[source],
            "mac": mac,
            "address": address,
            "expiry": ends,
        }
        for source, mac, address, ends in case["rows"]
        if ends != 1  # of a lease that has ended libvirt says nothing
    ]
    addresses = [read_address(row) for row in rows]
    sources = ("agent", "lease", "arp", "reservation")
    book = AddressBook([address for address in addresses if address], sources)
    held = [
        book.find(
            Interface(mac=mac, type=ATTACHED[kind][0], source=ATTACHED[kind][1]),
            None,
            active=case["is_on"],
        )
        for kind, mac in case["cards"]
    ]
    assert book.choose(held) == case["right"]
