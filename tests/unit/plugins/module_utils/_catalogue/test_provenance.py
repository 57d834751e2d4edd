# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import os
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
    BaseDisk,
    Manifest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.provenance import (
    open_provenance,
)

if t.TYPE_CHECKING:
    from pathlib import Path

DISK = BaseDisk("vda", "", "qcow2", 1 << 20, 9, "a" * 64)
WEB = Manifest("web", "1", "2026-01-01T00:00:00Z", "x86_64", "efi", "<domain/>", (DISK,))


def test_only_that_template_of_that_appliance_is_known(tmp_path: Path) -> None:
    notes = open_provenance(str(tmp_path / "state" / "journal.sqlite"))
    assert not notes.knows(WEB)
    notes.remember(WEB)
    notes.remember(WEB)
    assert notes.knows(WEB)
    assert not notes.knows(dataclasses.replace(WEB, template="<domain><os/></domain>"))
    assert not notes.knows(dataclasses.replace(WEB, version="2"))
    (note,) = (tmp_path / "state" / "templates").iterdir()
    assert (note.stat().st_mode & 0o777, note.stat().st_size) == (0o600, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_note_of_another_user_is_not_believed(tmp_path: Path) -> None:
    notes = open_provenance(str(tmp_path / "journal.sqlite"))
    notes.remember(WEB)
    (note,) = (tmp_path / "templates").iterdir()
    os.chown(note, 65534, 65534)
    assert not notes.knows(WEB)
