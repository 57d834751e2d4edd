# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What libvirt says of an address that DHCP gave out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dhcp import Lease, read_lease

IPV6 = 1


def test_a_lease_is_read() -> None:
    row = {
        "iface": "virbr0",
        "expirytime": 1700000000,
        "type": 0,
        "mac": "52:54:00:AA:BB:CC",
        "ipaddr": "192.168.122.7",
        "prefix": 24,
        "hostname": "web-1",
        "clientid": None,
        "iaid": None,
    }
    assert read_lease("default", row, ipv6_type=IPV6) == Lease(
        "default", "52:54:00:aa:bb:cc", "192.168.122.7", False, "web-1", 1700000000
    )


@given(
    st.dictionaries(
        st.sampled_from(["mac", "ipaddr", "type", "hostname", "expirytime", "else"]),
        st.none(),
        max_size=6,
    )
)
def test_a_lease_that_says_nothing_is_no_lease(row: dict[str, None]) -> None:
    assert read_lease("default", row, ipv6_type=IPV6) is None
