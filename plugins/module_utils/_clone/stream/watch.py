# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Streamed clones that exist: bring them further, await that they are local, and say how far they are."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    TimedOut,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import exports, serve
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.pull import (
    Progress,
    StallWatch,
    observe,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Waiter

from .. import plan
from . import stream

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.exports import (
        StreamRecord,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

    from ..plan import CloneRequest

# Longer than a network is away that somebody plugs out and in again.
_STALLED_SECONDS: t.Final = 60.0


@dataclasses.dataclass(frozen=True)
class Course:
    """How far a streamed clone was, and how far it is; ``after`` is None for one that is now as any other."""

    before: Progress
    after: Progress | None

    @property
    def is_changed(self) -> bool:
        """Whether it was brought further by more than what goes on by itself."""
        return self.after is None or self.before.state != self.after.state


@dataclasses.dataclass(frozen=True)
class StreamWatch:
    """Looks after the streamed clones of a host. With ``act`` off it says what it would do, and does nothing."""

    connection: Connection
    clock: Clock
    connect_timeout: float = 20.0
    act: bool = True

    def settle_all(self, request: CloneRequest) -> dict[str, Course]:
        """Bring those further that the request may mean: finish what is local, mend what failed.

        Raises StreamingFailed for one that cannot be mended.
        """
        existing = {domain.name(): domain for domain in domains.list_all(self.connection)}
        courses = {
            name: self.settle(existing[name]) for name in plan.find_candidates(request, existing)
        }
        return {name: course for name, course in courses.items() if course is not None}

    def settle(self, domain: domains.Domain) -> Course | None:
        """As settle_all(), for one clone; None for a machine that is not streamed."""
        record = exports.find_record(domain)
        if record is None:
            return None
        try:
            with open_connection(record.source_uri, timeout=self.connect_timeout) as remote:
                return self._settle_from(remote, domain, record)
        except stream.StreamingFailed:
            raise
        except HeadroomError as error:
            progress = observe(domain, served=False)
            if progress.state == "local":  # the export ends with the source, or with the next run
                return Course(progress, progress)
            progress = dataclasses.replace(progress, reason=f"{progress.reason} ({error.message})")
            raise stream.describe_failure(domain, record, progress) from error

    def _settle_from(
        self, remote: Connection, domain: domains.Domain, record: StreamRecord
    ) -> Course:
        progress = observe(domain, served=serve.is_served(remote, record.ref.helper))
        if progress.state == "local":
            if self.act:
                stream.finish(self.connection, domain, record, remote)
            return Course(progress, None)
        if progress.state == "streaming-failed":
            if not self.act:
                return Course(progress, Progress("streaming"))
            mended = stream.mend(self.connection, domain, record, remote, self.clock)
            return Course(progress, mended)
        return Course(progress, progress)

    def await_local(self, name: str, timeout: float) -> None:
        """Return when the clone is local and its source released; raises TimedOut or StreamingFailed."""
        domain = domains.look_up(self.connection, name)
        record = exports.find_record(domain)
        if record is None:
            return
        latest = self._observe_until(domain, record, timeout)
        if latest.state != "local":
            raise TimedOut(
                f"{name!r} is not local after {timeout:g} s: {latest.done_bytes} of {latest.total_bytes} bytes are "
                "there. It runs, and goes on. Run the task again to wait on, or raise timeout.",
                name=name,
                **latest.as_dict(),
            )
        self.settle(domain)

    def _observe_until(
        self, domain: domains.Domain, record: StreamRecord, timeout: float
    ) -> Progress:
        """Return how far the clone is once it is local or the time is over; raises StreamingFailed when it stalls."""
        latest = observe(domain)
        watch = StallWatch(_STALLED_SECONDS, self.clock.now())

        def is_over() -> bool:
            nonlocal latest
            latest = observe(domain)
            is_stalled = watch.is_stalled(latest.done_bytes, self.clock.now())
            return latest.state != "streaming" or is_stalled

        waiter = Waiter(timeout, self.clock, longest_pause=1.0)
        if waiter.holds(is_over) and latest.state != "local":
            reason = (
                latest.reason or f"Nothing has come from the source for {_STALLED_SECONDS:g} s."
            )
            failed = dataclasses.replace(latest, state="streaming-failed", reason=reason)
            raise stream.describe_failure(domain, record, failed)
        return latest


def describe_streaming(connection: Connection, name: str) -> dict[str, t.Any] | None:
    """Return how far a streamed clone is, as a module returns it; None for a machine that is whole, or is not there."""
    domain = domains.find(connection, name)
    if domain is None or exports.find_record(domain) is None:
        return None
    return observe(domain).as_dict()
