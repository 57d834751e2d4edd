# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import build, register
from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.images import Location
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import catalogue
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import ApplianceId
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )


@pytest.fixture(autouse=True)
def _driver_without_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test driver knows no NVRAM or TPM to remove, and starts nothing paused; it refuses the flags."""

    def start(domain: domains.Domain, *, paused: bool = False) -> None:
        domain.createWithFlags(0)
        if paused:
            domain.suspend()

    monkeypatch.setattr(domains, "undefine", lambda domain: domain.undefineFlags(0))
    monkeypatch.setattr(domains, "start", start)


@pytest.fixture
def shelf(node: Connection, contents: dict[str, bytes], tmp_path: Path) -> Catalogue:
    """A catalogue with the appliance web:1 of two disks, on a host of libvirt's test driver."""
    del contents
    found = catalogue.open_catalogue(node, "default")
    path = tmp_path / "disk.raw"
    path.write_bytes(bytes(4096))
    template = build.build(build.Hardware(64 << 20, arch="i686", machine=None), ["vda", "vdb"])
    request = register.ApplianceRequest(
        ApplianceId("web", "1"),
        created="2026-01-01T00:00:00Z",
        token="0" * 12,
        files={target: Location(str(path)) for target in ("vda", "vdb")},
        template=template,
    )
    with register.open_plan(found, request) as plan:
        register.store(found, plan, request, Journal(str(tmp_path / "shelf.sqlite")))
    return found


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(str(tmp_path / "journal.sqlite"), warn=pytest.fail)
