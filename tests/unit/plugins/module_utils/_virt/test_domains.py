# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Domains of libvirt's own test driver, which knows less than QEMU's."""

from __future__ import annotations

import typing as t

import libvirt
import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

BOX = """<domain type='test'><name>box</name><memory unit='MiB'>16</memory><os><type>hvm</type></os></domain>"""


def test_a_driver_without_checkpoints_nvram_and_tpm_undefines_all_the_same(
    node: Connection,
) -> None:
    domain = domains.define(node, BOX)
    domains.start(domain)
    domains.save(domain)
    with pytest.raises(libvirt.libvirtError, match="managed save image"):
        domain.undefineFlags(0)
    domains.undefine(domain)
    assert node.handle.listAllDomains(0) == []


def test_what_else_a_driver_says_is_told(node: Connection) -> None:
    domain = domains.define(node, BOX)
    domains.undefine(domain)
    with pytest.raises(NotFound, match="could not undefine 'box'") as failure:
        domains.undefine(domain)
    assert "unsupported flags" not in failure.value.message
