# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import LibvirtFailed
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import ports


def test_every_port_is_tried_once_until_one_is_free() -> None:
    tried: list[int] = []

    def listen(port: int) -> None:
        tried.append(port)
        if port != 105:
            raise LibvirtFailed("Failed to bind socket: Address already in use")

    assert ports.find_port(range(100, 110), listen) == 105
    assert tried[-1] == 105
    assert len(set(tried)) == len(tried)


def test_where_all_are_taken_each_was_tried() -> None:
    tried: set[int] = set()

    def listen(port: int) -> None:
        tried.add(port)
        raise LibvirtFailed("Address already in use")

    with pytest.raises(ports.NoFreePort, match="each of the ports 100 to 109 of the source"):
        ports.find_port(range(100, 110), listen)
    assert tried == set(range(100, 110))
    with pytest.raises(ports.NoFreePort, match="the port 49216 of the source is in use"):
        ports.find_port((49216,), listen)


def test_another_error_is_no_reason_to_try_the_next() -> None:
    tried: list[int] = []

    def listen(port: int) -> None:
        tried.append(port)
        raise LibvirtFailed("no space left on device")

    with pytest.raises(LibvirtFailed, match="no space"):
        ports.find_port(range(100, 110), listen)
    assert len(tried) == 1


def test_two_searches_do_not_begin_at_the_same_port() -> None:
    firsts = {ports.find_port(ports.EXPORTS, lambda _port: None) for _unused in range(50)}
    assert len(firsts) > 1
    assert firsts <= set(ports.EXPORTS)
