# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Pulling in what a machine still reads from an export: begun, looked at, and mended."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    LibvirtFailed,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    blocks,
    domains,
    node,
    states,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Waiter

from . import chain

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

State = t.Literal["streaming", "streaming-failed", "local"]

# QEMU looks for a server that it has lost at growing intervals of up to 16 s, whoever asks for its disks meanwhile.
_MEND_TRIES: t.Final = 30
_MEND_LOOK_SECONDS: t.Final = 2.0
_MEND_PAUSE_SECONDS: t.Final = 1.0
# QEMU 7.2 follows a null pointer when pulls of one guest end at about the same time: one of three guests with three
# disks went down by it, and each with five or more. QEMU 10.0 pulled thirteen. What is between was not tried.
_PULLS_TOGETHER_FROM: t.Final = 10_000_000


@dataclasses.dataclass(frozen=True)
class Observed:
    """What libvirt says of a streamed machine.

    ``jobs`` holds the disks that still stand on something, each with its job or None. ``served`` says whether the
    export is served, None when nobody asked.
    """

    state: str
    reason: str
    jobs: t.Mapping[str, blocks.Job | None]
    served: bool | None = None


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


@dataclasses.dataclass
class StallWatch:
    """Notices when nothing has moved for ``limit_seconds``; ``since`` is the time by the clock when that began."""

    limit_seconds: float
    since: float
    done_bytes: int = -1

    def is_stalled(self, done_bytes: int, now: float) -> bool:
        """Return whether ``done_bytes`` have been the same for as long."""
        if done_bytes != self.done_bytes:
            self.done_bytes, self.since = done_bytes, now
        return now - self.since >= self.limit_seconds


@dataclasses.dataclass(frozen=True)
class Pull:
    """The pull of one domain's disks, or of the ``targets`` among them; 0 bytes a second is without limit.

    ``serve_again`` sees to it that they are served, and is called whenever that may not be so.
    """

    domain: domains.Domain
    bytes_per_second: int
    serve_again: t.Callable[[], None]
    targets: t.Collection[str] | None = None

    def find_missing(self) -> list[str]:
        """Return the targets of the disks that are not local yet."""
        remote = chain.find_remote(domains.read_live_xml(self.domain))
        return [target for target in remote if self.targets is None or target in self.targets]

    def start(self) -> None:
        """Begin the jobs that are missing, from an export that a lost source has made anew."""
        if None in self._read_jobs().values():
            self.serve_again()
            self._begin()

    def advance(self) -> int:
        """Serve again what is lost, let a guest go on that waits for its disk, pull what nothing pulls.

        To be called again and again until find_missing() returns none. What fails because a host or the link is away
        is left to the next call. Returns a number that grows as long as anything comes in.
        """
        done_bytes = 0
        with contextlib.suppress(HeadroomError):
            jobs = self._read_jobs()
            done_bytes = sum(job.done_bytes + 1 for job in jobs.values() if job)
            if is_waiting_for_disk(self.domain) or None in jobs.values():
                self.serve_again()
            self.wake()
            self._begin()
        return done_bytes

    def wake(self) -> None:
        """Let a guest go on that waits for its disk, which should be there by now."""
        if is_waiting_for_disk(self.domain):
            domains.resume(self.domain)

    def mend(self, clock: Clock) -> bool:
        """Serve the disks again, pull, and then let the guest run; return False if the jobs do not last.

        The guest runs last: by then its own reads find the source.
        """
        self.serve_again()
        for _unused in range(_MEND_TRIES):
            self._begin()
            if not Waiter(_MEND_LOOK_SECONDS, clock).holds(
                lambda: None in self._read_jobs().values()
            ):
                if states.state_name(domains.read_state(self.domain)[0]) == "paused":
                    domains.resume(self.domain)
                return True
            clock.sleep(_MEND_PAUSE_SECONDS)
        return False

    def _read_jobs(self) -> dict[str, blocks.Job | None]:
        return {target: blocks.read_job(self.domain, target) for target in self.find_missing()}

    def _begin(self) -> None:
        for target, job in self._read_jobs().items():
            if job is None:
                blocks.pull(self.domain, target, self.bytes_per_second)


def find_crowd_problem(connection: Connection) -> str | None:
    """Return why QEMU there should not pull several disks of one guest at once, as a sentence; None if it can."""
    try:
        driver, version = node.read_hypervisor(connection)
    except (
        LibvirtFailed
    ):  # it has no QEMU, which whoever looks at the host for a guest finds, and says better
        return None
    if driver != "QEMU" or version >= _PULLS_TOGETHER_FROM:
        return None
    name = f"{version // 1_000_000}.{version // 1_000 % 1_000}"
    return f"QEMU {name} on {mask_uri(connection.uri)} may crash while it pulls in several disks of one guest"


def read_jobs(domain: domains.Domain) -> dict[str, blocks.Job | None]:
    """Return the job of each disk of a running domain that still reads from an export."""
    return {
        target: blocks.read_job(domain, target)
        for target in chain.find_remote(domains.read_live_xml(domain))
    }


def is_waiting_for_disk(domain: domains.Domain) -> bool:
    """Return whether the guest is paused because a read failed."""
    number, reason = domains.read_state(domain)
    state = states.state_name(number)
    return state == "paused" and states.reason_name(state, reason) == "ioerror"


def observe(domain: domains.Domain, *, served: bool | None = None) -> Progress:
    """Return how far the machine is."""
    number, reason = domains.read_state(domain)
    state = states.state_name(number)
    if state in states.ACTIVE_STATES:
        jobs = read_jobs(domain)
    else:
        jobs = dict.fromkeys(chain.find_stacked(domains.read_live_xml(domain)))
    return assess(Observed(state, states.reason_name(state, reason), jobs, served))


def assess(observed: Observed) -> Progress:
    """Return how far the machine is. Pure."""
    jobs = observed.jobs
    if not jobs:
        return Progress("local")
    running = [job for job in jobs.values() if job is not None]
    done = sum(job.done_bytes for job in running)
    total = sum(job.total_bytes for job in running)
    reason = _find_failure(observed)
    return Progress("streaming-failed" if reason else "streaming", done, total, reason)


def _find_failure(observed: Observed) -> str | None:
    idle = sorted(target for target, job in observed.jobs.items() if job is None)
    if observed.state in {"shutoff", "crashed"}:
        return "It is off, and what is not local yet can only be read from the source."
    if observed.state == "paused" and observed.reason == "ioerror":
        return "It is paused, because the source did not answer a read. Nothing was lost: it goes on where it stopped."
    if idle:
        return f"Nothing copies the rest of {', '.join(idle)}."
    if observed.served is False:
        return "The source does not serve the disks any more."
    return None
