# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The migration of a running guest's memory, and of the disks that go with it: led, watched, and stopped in order."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ConnectionFailed,
    HeadroomError,
    LibvirtFailed,
    NotFound,
    TimedOut,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains, migration
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import is_alive

from . import xml
from .model import Outcome
from .severance import sever_if_lost

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import (
        Dependency,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt

    from .endpoints import Endpoints
    from .model import MigrationPlan, Request

_LOOK_EVERY_SECONDS: t.Final = 0.2
_GIB: t.Final = 1024**3
# As Nova has it: what a guest of any size needs to set out and to switch over is not in proportion to it.
_LEAST_BYTES: t.Final = 2 * _GIB
# QEMU copies so much of a disk at once (the buffer of its mirror), and then waits until a bandwidth allows for more.
_BURST_MIB: t.Final = 16
# How long libvirt may take to end a migration that it was told to abort, before that is an error of its own.
_ABORT_SECONDS: t.Final = 60.0
_NO_POSTCOPY: t.Final = "Postcopy is not supported"  # QEMU's own words


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a migration is, as libvirt tells; bytes of memory and disks together."""

    sent_bytes: int = 0
    left_bytes: int = 0
    total_bytes: int = 0
    iteration: int = 0
    dirty_bytes_per_second: int = 0
    bytes_per_second: int = 0

    @classmethod
    def read(cls, stats: t.Mapping[str, t.Any]) -> Progress:
        """Return what the job's figures say."""
        return cls(
            sent_bytes=int(stats.get("data_processed", 0)),
            left_bytes=int(stats.get("data_remaining", 0)),
            total_bytes=int(stats.get("data_total", 0)),
            iteration=int(stats.get("memory_iteration", 0)),
            dirty_bytes_per_second=int(stats.get("memory_dirty_rate", 0))
            * int(stats.get("memory_page_size", 4096)),
            bytes_per_second=int(stats.get("memory_bps", 0)) + int(stats.get("disk_bps", 0)),
        )

    def __str__(self) -> str:
        done = 100 * (1 - self.left_bytes / self.total_bytes) if self.total_bytes else 0.0
        ends = (
            f", {self.left_bytes / self.bytes_per_second:.0f} s to go"
            if self.bytes_per_second
            else ""
        )
        return (
            f"{done:.0f} %, {self.left_bytes >> 20} MiB left, pass {self.iteration}, dirtied at "
            f"{self.dirty_bytes_per_second >> 20} MiB/s, sent at {self.bytes_per_second >> 20} MiB/s{ends}"
        )


class Limits:
    """When a migration that runs has taken too long. Pure but for what it remembers."""

    def __init__(self, request: Request, size_bytes: int, began: float) -> None:
        per_gib = request.completion_timeout_per_gib
        completion_limit = per_gib * max(size_bytes, _LEAST_BYTES) / _GIB if per_gib else None
        limits = [limit for limit in (request.timeout, completion_limit) if limit]
        self._deadline = began + min(limits) if limits else None
        # what is sent at once shows at once, however long the limit has QEMU wait for it afterwards
        pause = _BURST_MIB / request.bandwidth if request.bandwidth else 0.0
        self._patience = request.progress_timeout and request.progress_timeout + pause
        self._least_left: int | None = None
        self._last_progress = began

    def find_exceeded(self, progress: Progress, now: float) -> str | None:
        """Return why the migration has taken too long at ``now``; None while it has not."""
        if not progress.total_bytes:  # no figures yet, which is no sign that nothing is left
            self._last_progress = now
        elif self._least_left is None or progress.left_bytes < self._least_left:
            self._least_left, self._last_progress = progress.left_bytes, now
        if self._deadline is not None and now >= self._deadline:
            return "it did not end within its timeout"
        if self._patience and now - self._last_progress >= self._patience:
            return f"it came no further for {now - self._last_progress:.0f} s"
        return None


class LiveMigration:
    """One migration. ``inspect`` is called with the destination's XML of the guest as soon as there is one.

    ``dependency`` is what the guest's metadata say there of what it still reads from the source.
    """

    def __init__(
        self,
        sides: Endpoints,
        plan: MigrationPlan,
        placed: t.Sequence[xml.PlacedDisk],
        inspect: t.Callable[[str], None] | None = None,
        dependency: Dependency | None = None,
    ) -> None:
        self._sides = sides
        self._plan = plan
        self._placed = placed
        self._inspect = inspect
        self._dependency = dependency
        self._due = {
            "downtime": plan.request.max_downtime_ms is not None,
            "inspect": inspect is not None,
        }
        self.progress = Progress()

    def run(self) -> Outcome:
        """Move the guest; returns when it runs on the destination. Raises with the guest where it was before."""
        domain = self._sides.find_at_source()
        if domain is None:
            raise NotFound(f"the source has no domain {self._plan.guest.name!r} any more")
        call = _Call(lambda: self._migrate(domain))
        began = self._sides.clock.now()
        with sever_if_lost(self._sides, self._plan):
            call.start()
            try:
                self._watch(domain, call, began)
            except BaseException:
                self._abort(domain, call)
                raise
        try:
            call.result()
        except ConnectionFailed as error:
            raise explain_end(self._sides, self._plan.guest.name, error) from error
        except LibvirtFailed as error:
            if _NO_POSTCOPY in error.message:
                raise explain_no_postcopy(error) from error
            raise
        self._due["downtime"] = False
        self._do_when_possible(domain)  # of a migration that ended before it was looked at
        return self._measure(self._sides.clock.now() - began)

    def _migrate(self, domain: libvirt.virDomain) -> None:
        parameters = {**self._plan.parameters, **self._make_parameters_xml(domain)}
        flags = migration.combine_flags(self._plan.flags)
        if self._plan.request.peer_to_peer:
            migration.migrate_peer_to_peer(
                domain, self._plan.request.destination_uri, parameters, flags
            )
        else:
            migration.migrate_managed(domain, self._sides.destination, parameters, flags)

    def _make_parameters_xml(self, domain: libvirt.virDomain) -> dict[str, str]:
        if not self._placed:
            return {}
        texts = {
            "destination_xml": make_destination_xml(
                domain, self._plan, self._placed, self._dependency, inactive=False
            )
        }
        if "PERSIST_DEST" in self._plan.flags:
            texts["persistent_xml"] = make_destination_xml(
                domain, self._plan, self._placed, self._dependency, inactive=True
            )
        return texts

    def _watch(self, domain: libvirt.virDomain, call: _Call, began: float) -> None:
        request, clock = self._plan.request, self._sides.clock
        size = self._plan.guest.memory_bytes + sum(
            disk.allocation_bytes for disk in self._plan.disks_to_move
        )
        limits = Limits(request, size, began)
        acted = self._plan.mode != "postcopy"
        while not call.has_ended():
            self._sides.stop_if_cancelled()
            self.progress = self._look(domain) or self.progress
            self._do_when_possible(domain)
            if (
                not acted and self.progress.iteration >= 2
            ):  # all memory was sent once: fewer pages to wait for
                migration.start_postcopy(domain)
                acted = True
            reason = limits.find_exceeded(self.progress, clock.now())
            if reason and self._give_up(domain, reason):
                limits = Limits(
                    dataclasses.replace(request, timeout=None, progress_timeout=None),
                    0,
                    clock.now(),
                )
            call.join(_LOOK_EVERY_SECONDS)

    def _look(self, domain: libvirt.virDomain) -> Progress | None:
        try:
            return Progress.read(migration.read_job_stats(domain))
        except HeadroomError:  # it has just ended
            return None

    def _do_when_possible(self, domain: libvirt.virDomain) -> None:
        """Do what needs a migration that has begun, once."""
        due = self._due
        if due["inspect"]:
            arrived = self._sides.find_at_destination()
            text = "" if arrived is None else _find_xml(arrived)
            if text and self._inspect is not None:
                self._inspect(text)
                due["inspect"] = False
        if due["downtime"] and self.progress.total_bytes:
            migration.set_max_downtime(domain, self._plan.request.max_downtime_ms or 0)
            due["downtime"] = False

    def _give_up(self, domain: libvirt.virDomain, reason: str) -> bool:
        """Do what the task wants when it takes too long; raises TimedOut for ``abort``."""
        action = self._plan.request.timeout_action
        if action == "abort":
            raise TimedOut(
                f"the migration of {self._plan.guest.name!r} was aborted: {reason} ({self.progress}). Raise timeout or "
                "bandwidth, or choose another timeout_action."
            )
        if action == "postcopy":
            migration.start_postcopy(domain)
        elif action == "suspend":
            migration.suspend_quietly(domain)
        return True

    def _abort(self, domain: libvirt.virDomain, call: _Call) -> None:
        """Stop the migration, and wait until the source has the guest back. Harmless when it had ended already."""
        deadline = self._sides.clock.now() + _ABORT_SECONDS
        while not call.has_ended() and self._sides.clock.now() < deadline:
            with contextlib.suppress(HeadroomError):  # it is just beginning or ending
                migration.abort_job(domain)
            self._sides.clock.sleep(_LOOK_EVERY_SECONDS)

    def _measure(self, elapsed: float) -> Outcome:
        outcome = Outcome(
            elapsed_seconds=elapsed,
            bytes=self.progress.sent_bytes or None,
            iterations=self.progress.iteration or None,
        )
        arrived = self._sides.find_at_destination()
        try:
            stats = migration.read_job_stats(arrived, completed=True) if arrived is not None else {}
        except HeadroomError:  # this libvirt does not keep the figures there
            return outcome
        outcome.downtime_ms = stats.get("downtime")
        # the destination's figures are of the end, but without the disks
        outcome.bytes = max(outcome.bytes or 0, stats.get("data_processed") or 0) or None
        outcome.iterations = stats.get("memory_iteration") or outcome.iterations
        return outcome


def explain_end(sides: Endpoints, name: str, error: ConnectionFailed) -> HeadroomError:
    """Return the error for a migration that ended as if a connection had broken.

    What the destination has refused by itself, such as a secret that it lacks, its libvirt tells the source's in words
    that are lost on the way.
    """
    if not (is_alive(sides.source) and is_alive(sides.destination)):
        return error
    return LibvirtFailed(
        f"{error.message.rstrip('.')}. Both hosts still answer, so no connection was lost: the destination has refused "
        f"the guest, or its QEMU ended. Look there in /var/log/libvirt/qemu/{name}.log and in libvirt's own log "
        "(journalctl -u libvirtd -u virtqemud) for the reason, mend it, and run the task again.",
        **error.details,
    )


def explain_no_postcopy(error: LibvirtFailed) -> Unsupported:
    """Return the error for a QEMU that may handle no page faults, of which libvirt cannot be asked beforehand."""
    return Unsupported(
        f"{error.message.rstrip('.')}: QEMU may not handle page faults of its guest on one of the hosts. Newer QEMUs "
        "need /dev/userfaultfd for it, older ones (7.2) 'sysctl vm.unprivileged_userfaultfd=1', on both hosts. "
        "Or move it in another mode: streaming and precopy need neither.",
        **error.details,
    )


def make_destination_xml(
    domain: libvirt.virDomain,
    plan: MigrationPlan,
    placed: t.Iterable[xml.PlacedDisk],
    dependency: Dependency | None = None,
    *,
    inactive: bool,
) -> str:
    """Return the guest's XML for the destination, with what its metadata are to say of the source."""
    sources = {disk.target: disk for disk in plan.guest.disks}
    moved = {
        (sources[disk.target].pool or "", disk.source_path.rpartition("/")[2]): (
            disk.pool or "",
            disk.volume or "",
        )
        for disk in plan.disks_to_move
    }
    return xml.make_destination_xml(
        migration.read_migratable_xml(domain, inactive=inactive),
        placed,
        moved,
        dependency,
        # a source must not go while its copy is only in the memory of the destination
        is_flushed=plan.guest.running and not inactive,
    )


def _find_xml(domain: libvirt.virDomain) -> str:
    try:
        return domains.read_live_xml(domain) if domains.is_active(domain) else ""
    except HeadroomError:
        return ""


class _Call(threading.Thread):
    """A call that takes its time; what it raises is raised by result()."""

    def __init__(self, call: t.Callable[[], None]) -> None:
        super().__init__(name="migrate", daemon=True)
        self._call = call
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._call()
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            self._error = error

    def has_ended(self) -> bool:
        return not self.is_alive()

    def result(self) -> None:
        self.join()
        if self._error is not None:
            raise self._error
