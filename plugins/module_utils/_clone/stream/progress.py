# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""How far a streamed clone is. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.blocks import Job

State = t.Literal["streaming", "streaming-failed", "local"]


@dataclasses.dataclass(frozen=True)
class Observed:
    """What libvirt says of a streamed clone.

    ``jobs`` holds the disks that still stand on the source, each with its job or None. ``source`` says whether the
    export is served, None when nobody asked.
    """

    state: str
    reason: str
    jobs: t.Mapping[str, Job | None]
    source: bool | None = None


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far it is. ``reason`` says in a sentence why streaming failed; bytes are of the disks not local yet."""

    state: State
    done_bytes: int = 0
    total_bytes: int = 0
    reason: str | None = None

    def as_dict(self) -> dict[str, t.Any]:
        """Return it as a module returns it."""
        return dataclasses.asdict(self)


def progress(observed: Observed) -> Progress:
    """Return how far the clone is."""
    jobs = observed.jobs
    if not jobs:
        return Progress("local")
    running = [job for job in jobs.values() if job is not None]
    done, total = (
        sum(getattr(job, name) for job in running) for name in ("done_bytes", "total_bytes")
    )
    reason = _why_failed(observed)
    return Progress("streaming-failed" if reason else "streaming", done, total, reason)


def _why_failed(observed: Observed) -> str | None:
    idle = sorted(target for target, job in observed.jobs.items() if job is None)
    if observed.state in {"shutoff", "crashed"}:
        return "It is off, and what is not local yet can only be read from the source."
    if observed.state == "paused" and observed.reason == "ioerror":
        return "It is paused, because the source did not answer a read. Nothing was lost: it goes on where it stopped."
    if idle:
        return f"Nothing copies the rest of {', '.join(idle)}."
    if observed.source is False:
        return "The source does not serve the disks any more."
    return None
