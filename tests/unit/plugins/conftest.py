# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._connection import Connection, open_connection

if t.TYPE_CHECKING:
    from pathlib import Path

_NODE = """<node>
  <network><name>default</name><bridge name='virbr0'/></network>
  <pool type='dir'><name>default</name><target><path>/images</path></target></pool>
  <pool type='dir'><name>fast</name><target><path>/fast</path></target></pool>
</node>"""


@pytest.fixture
def node(tmp_path: Path) -> t.Iterator[Connection]:
    """A host of libvirt's own test driver that this test has for itself; test:///default is shared by a process."""
    description = tmp_path / "node.xml"
    description.write_text(_NODE)
    with open_connection(f"test://{description}") as connection:
        yield connection
