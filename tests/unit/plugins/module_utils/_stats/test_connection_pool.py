# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import os
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import ConnectionFailed
from ansible_collections.headroom.libvirt.plugins.module_utils._stats import connection_pool
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.connection_pool import (
    ConnectionPool,
    choose_workers,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import Connection


@pytest.mark.parametrize(
    ("uri", "processors", "domains", "workers"),
    [
        ("qemu:///system", 64, 0, 1),
        ("qemu:///system", 64, 1, 1),
        ("qemu:///system", 64, 9, 3),
        ("qemu:///system", 2, 100, 5),
        ("qemu:///system", 64, 50, 13),
        ("qemu:///system", 64, 5000, 16),
        ("qemu+ssh://root@k1/system", 64, 5000, 5),
        ("qemu+unix:///system?socket=/run/x", 8, 5000, 8),
    ],
)
def test_workers_follow_domains_and_processors(
    uri: str, processors: int, domains: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    assert choose_workers(Connection(t.cast("t.Any", None), uri), domains) == workers


def test_connections_are_opened_when_they_are_needed_and_closed_but_the_first(
    node: Connection,
) -> None:
    domains = node.handle.listAllDomains()
    with contextlib.closing(ConnectionPool(node, domains)) as pool:
        first = [pool.take() for _request in range(5)]
        another = pool.take()
    assert [pooled and pooled.connection for pooled in first] == [node] * 5
    assert another is not None
    assert another.connection.handle is not node.handle
    assert node.handle.isAlive()


def test_more_workers_than_one_connection_carries_get_more_connections(node: Connection) -> None:
    with contextlib.closing(ConnectionPool(node, [])) as pool:
        taken = [pool.take() for _worker in range(8)]
    assert len({id(pooled) for pooled in taken}) == 2


def test_there_is_an_end_to_them(node: Connection) -> None:
    with contextlib.closing(ConnectionPool(node, [])) as pool:
        taken = [pool.take() for _request in range(8 * connection_pool.REQUESTS_PER_CONNECTION)]
        assert None not in taken
        assert pool.take() is None


def test_a_host_that_refuses_another_client_has_less_room(
    node: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_uri: str) -> t.NoReturn:
        raise ConnectionFailed("too many clients")

    monkeypatch.setattr(connection_pool, "open_connection", refuse)
    with contextlib.closing(ConnectionPool(node, [])) as pool:
        assert [pool.take() is None for _request in range(6)] == [False] * 5 + [True]
