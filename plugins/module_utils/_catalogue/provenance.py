# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Remember which templates were put into catalogues from here: those of all others are not believed.

A pool may be shared, or be written to by others. So what was written from here is noted elsewhere: beside the journal,
as an empty file for each appliance whose name says its id and its template.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import typing as t
from pathlib import Path

from ansible_collections.headroom.libvirt.plugins.module_utils._files import replace_atomically

if t.TYPE_CHECKING:
    from .manifest import Manifest

_FOLDER: t.Final = "templates"
_PRIVATE: t.Final = 0o600


@dataclasses.dataclass(frozen=True)
class Provenance:
    """The notes in ``folder``."""

    folder: Path

    def remember(self, manifest: Manifest) -> None:
        """Note that this template is from here; raises InvalidInput or NoSpace where that cannot be written."""
        if not self.knows(manifest):
            replace_atomically("journal", str(self._find_note(manifest)), b"", _PRIVATE)

    def knows(self, manifest: Manifest) -> bool:
        """Return whether this very template was noted for this appliance, by root or by the user of this process."""
        try:
            note = self._find_note(manifest).lstat()
        except OSError:
            return False
        return note.st_uid in {0, os.geteuid()}

    def _find_note(self, manifest: Manifest) -> Path:
        text = f"{manifest.id}\n{manifest.template}"
        return self.folder / hashlib.sha256(text.encode()).hexdigest()


def open_provenance(journal_path: str) -> Provenance:
    """Return the notes that belong to the journal at that path."""
    return Provenance(Path(journal_path).parent / _FOLDER)
