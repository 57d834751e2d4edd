# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Remember how new each feed was when it was last used, and check that nobody offers an older or another one again.

One small file for each address of a feed, and one for each id, under ``/var/lib/headroom/feeds``: when each signed file
said it was made, and which feed it was. An address is the same in all its spellings.
"""

from __future__ import annotations

import dataclasses
import email.utils
import hashlib
import json
import typing as t
from pathlib import Path

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._files import (
    read_own,
    write_atomically,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import (
    mask_uri,
    normalise_url,
)

from .errors import RolledBack, WrongFeed
from .simplestreams import FeedIdentity

FOLDER: t.Final = Path("/var/lib/headroom/feeds")

UNKNOWN_FEED: t.Final = FeedIdentity()

# Signers' clocks differ. One that is further ahead would lock out all that is signed rightly after it.
_AHEAD_SECONDS: t.Final = 86400.0


@dataclasses.dataclass(frozen=True)
class FeedHistory:
    """What is remembered of one feed."""

    url: str
    folder: Path = FOLDER

    @property
    def path(self) -> Path:
        """The file of the address."""
        return self._name_file(normalise_url(self.url))

    def _name_file(self, name: str) -> Path:
        return self.folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"

    def _find_files(self, identity: FeedIdentity) -> list[Path]:
        """Return the files of the address, of its spelling as older releases kept it, and of the feed's id."""
        paths = [self.path, self._name_file(self.url)]
        if identity.feed_id is not None:
            paths.append(self._name_file(f"id {identity.feed_id}"))
        return list(dict.fromkeys(paths))

    def read_times(self, identity: FeedIdentity = UNKNOWN_FEED) -> dict[str, float]:
        """Return {file of the feed: epoch seconds}; raises HeadroomError for a file that was damaged."""
        times: dict[str, float] = {}
        for path in self._find_files(identity):
            for name, moment in self._read(path)[0].items():
                times[name] = max(moment, times.get(name, moment))
        return times

    def _read(self, path: Path) -> tuple[dict[str, float], FeedIdentity]:
        try:
            data = json.loads(read_own(path))
            times = {str(name): float(moment) for name, moment in data["updated"].items()}
            return times, FeedIdentity(data.get("feed_id"), tuple(data.get("contents", ())))
        except FileNotFoundError:
            return {}, UNKNOWN_FEED
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise HeadroomError(
                f"{path}, which says how new the feed {mask_uri(self.url)} was, cannot be read: {error}. Without "
                "it an old feed could not be told from a new one. Remove it, if you know that the feed is the current "
                "one."
            ) from error

    def check(
        self, times: t.Mapping[str, float], now: float, identity: FeedIdentity = UNKNOWN_FEED
    ) -> None:
        """Raise WrongFeed for another feed, RolledBack for a file that is older than it was, or from the future.

        Times are in epoch seconds.
        """
        self._check_identity(identity)
        before = self.read_times(identity)
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

    def _check_identity(self, identity: FeedIdentity) -> None:
        for path in (self.path, self._name_file(self.url)):
            before = self._read(path)[1]
            same_id = before.feed_id in {None, identity.feed_id}
            if before.feed_id is None and before.contents and identity.contents:
                same_id = bool(set(before.contents) & set(identity.contents))
            if not same_id:
                raise WrongFeed(
                    f"the feed {mask_uri(self.url)} is another one than was read there before: it is "
                    f"{identity.feed_id or ', '.join(identity.contents)}, and it was "
                    f"{before.feed_id or ', '.join(before.contents)}. The same key may sign several feeds, and "
                    f"somebody may have put one in the place of another. If its publisher did, remove {path}.",
                    found=identity.feed_id,
                    seen=before.feed_id,
                )

    def remember(self, times: t.Mapping[str, float], identity: FeedIdentity = UNKNOWN_FEED) -> None:
        """Keep the times, which check() let pass, and which feed it is."""
        after = {**self.read_times(identity), **times}
        names = [normalise_url(self.url)]
        if identity.feed_id is not None:
            names.append(f"id {identity.feed_id}")
        for path in map(self._name_file, names):
            if not times and identity.feed_id is None:
                continue  # nothing is known of a feed that nobody signed
            if self._read(path) != (after, identity):
                data = {"url": mask_uri(self.url), "updated": after, **identity._asdict()}
                text = json.dumps(data, indent=1, sort_keys=True)
                write_atomically("source.feed", str(path), text + "\n", 0o600)


def _format_time(moment: float) -> str:
    return email.utils.formatdate(moment)
