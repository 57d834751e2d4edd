# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Remember how new each feed was when it was last used, and check that nobody offers an older one again.

One small file a feed, under ``/var/lib/headroom/feeds``: the address, and when each signed file said it was made.
"""

from __future__ import annotations

import dataclasses
import email.utils
import hashlib
import json
import typing as t
from pathlib import Path

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._files import write_atomically
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri

from .errors import RolledBack

FOLDER: t.Final = Path("/var/lib/headroom/feeds")

# Signers' clocks differ. One that is further ahead would lock out all that is signed rightly after it.
_AHEAD_SECONDS: t.Final = 86400.0


@dataclasses.dataclass(frozen=True)
class FeedHistory:
    """What is remembered of one feed."""

    url: str
    folder: Path = FOLDER

    @property
    def path(self) -> Path:
        """The file with it."""
        return self.folder / f"{hashlib.sha256(self.url.encode()).hexdigest()[:32]}.json"

    def read_times(self) -> dict[str, float]:
        """Return {file of the feed: epoch seconds}; raises HeadroomError for a file that was damaged."""
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
            return {str(name): float(moment) for name, moment in data["updated"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise HeadroomError(
                f"{self.path}, which says how new the feed {mask_uri(self.url)} was, cannot be read: {error}. Without "
                "it an old feed could not be told from a new one. Remove it, if you know that the feed is the current "
                "one."
            ) from error

    def check(self, times: t.Mapping[str, float], now: float) -> None:
        """Raise RolledBack when one of the feed's files is older than it was, or from the future; epoch seconds."""
        before = self.read_times()
        for name, moment in times.items():
            if moment < before.get(name, moment):
                raise RolledBack(
                    f"{name} of the feed {mask_uri(self.url)} is from {_format_time(moment)}, but one from "
                    f"{_format_time(before[name])} was read before: somebody offers an old feed. It is not used. "
                    f"If its publisher went back on purpose, remove {self.path}.",
                    found=_format_time(moment),
                    seen=_format_time(before[name]),
                )
            if moment > now + _AHEAD_SECONDS:
                raise RolledBack(
                    f"{name} of the feed {mask_uri(self.url)} is dated {_format_time(moment)}, which lies in the "
                    "future. Set the clocks right.",
                    found=_format_time(moment),
                )

    def remember(self, times: t.Mapping[str, float]) -> None:
        """Keep the times, which check() let pass."""
        before = self.read_times()
        after = {**before, **times}
        if after != before:
            text = json.dumps(
                {"url": mask_uri(self.url), "updated": after}, indent=1, sort_keys=True
            )
            write_atomically("source.feed", str(self.path), text + "\n", 0o600)


def _format_time(moment: float) -> str:
    return email.utils.formatdate(moment)
