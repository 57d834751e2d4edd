# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each host last said."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.headroom.libvirt.plugins.plugin_utils._last_known import (
    LastAnswer,
    LastKnown,
)


def test_what_is_kept_is_recalled_with_its_age(tmp_path: Path) -> None:
    store = LastKnown(str(tmp_path / "new/folder"), clock=lambda: 1000.0)
    assert store.recall("qemu:///system") is None
    store.keep("qemu:///system", {"guests": []})
    assert store.recall("qemu:///system") == LastAnswer({"guests": []}, 1000.0)
    assert store.recall("qemu:///session") is None
    [path] = (tmp_path / "new/folder").iterdir()
    assert path.stat().st_mode & 0o077 == 0
    path.write_text("{")
    assert store.recall("qemu:///system") is None
