# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._virt import blocks

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )


@pytest.fixture(autouse=True)
def _driver_without_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test driver starts nothing paused; it refuses the flag."""

    def create(connection: Connection, name: str, xml: str) -> blocks.Domain:
        del name
        return connection.handle.createXML(xml, 0)

    monkeypatch.setattr(blocks, "create_transient_paused", create)
