# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of libvirt's test driver, described in full."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
)

HOSTS = Path(__file__).parent / "hosts"


@pytest.fixture
def host(tmp_path: Path) -> t.Iterator[t.Callable[[str], Connection]]:
    """Opens the host of that description: the name of a file in `hosts`, or XML of domains and pools."""
    opened: list[t.Any] = []

    def open_host(description: str) -> Connection:
        path = HOSTS / f"{description}.xml"
        if description.startswith("<"):
            path = tmp_path / f"node{len(opened)}.xml"
            path.write_text(f"<node>{description}</node>")
        manager = open_connection(f"test://{path}")
        opened.append(manager)
        return manager.__enter__()

    yield open_host
    for manager in opened:
        manager.__exit__(None, None, None)
