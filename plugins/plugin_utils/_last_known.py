# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``LastKnown``: each host's last answer, stored for times when it does not answer.

Unlike Ansible's cache this never expires.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import time
import typing as t
from pathlib import Path

from ansible_collections.headroom.libvirt.plugins.module_utils._files import (
    ensure_private_folder,
    read_own,
    write_atomically,
)


@dataclasses.dataclass(frozen=True)
class LastAnswer:
    """What a host answered, and when: in seconds since 1970."""

    data: dict[str, t.Any]
    at: float


class LastKnown:
    """A folder with one file a host, readable by its owner alone."""

    def __init__(self, folder: str, clock: t.Callable[[], float] = time.time) -> None:
        self._folder = Path(folder).expanduser()
        self._clock = clock

    def keep(self, name: str, data: t.Mapping[str, t.Any]) -> None:
        """Keep JSON-able ``data`` as what ``name`` says now; raises OSError, or what write_atomically() raises."""
        ensure_private_folder(self._folder)
        text = json.dumps({"at": self._clock(), "data": data})
        write_atomically("last_known", str(self._build_path(name)), text, 0o600)

    def recall(self, name: str) -> LastAnswer | None:
        """Return what ``name`` last said; None when it never did, or not readably."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            document = json.loads(read_own(self._build_path(name)))
            return LastAnswer(data=dict(document["data"]), at=float(document["at"]))
        return None

    def _build_path(self, name: str) -> Path:
        return (
            self._folder
            / f"{hashlib.sha256(name.encode(), usedforsecurity=False).hexdigest()[:32]}.json"
        )
