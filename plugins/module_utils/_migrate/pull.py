# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Bringing in what a guest that has moved still reads from its old host."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    NotFound,
    TimedOut,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import serve
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    blocks,
    domains,
    migration,
)

from . import xml
from .endpoints import seen

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt

    from .endpoints import Sides
    from .intent import Intent

_LOOK_EVERY_SECONDS: t.Final = 0.3
# A link that is cut for minutes is waited for; after that somebody should look.
_PATIENCE_SECONDS: t.Final = 300.0
_MIB: t.Final = 1024 * 1024


@dataclasses.dataclass
class _Watch:
    """Notices that nothing moves any more."""

    since: float
    done: int = -1

    def stalls(self, done: int, now: float) -> bool:
        if done != self.done:
            self.done, self.since = done, now
        return now - self.since >= _PATIENCE_SECONDS


class Pull:
    """The pull of all streamed disks of one guest that runs on the destination."""

    def __init__(self, sides: Sides, intent: Intent, port: int) -> None:
        self._sides = sides
        self._intent = intent
        self._port = port

    def start(self) -> None:
        """Start the block jobs of all disks that are not local yet, from an export that a lost source has made anew."""
        domain = self._running()
        for target in self._missing(domain):
            if blocks.read_job(domain, target) is None:
                serve.ensure(self._sides.source, self._intent, self._port)
                self._pull(domain, target)

    def finish(self) -> None:
        """Return when every disk is local. What fails on the way is begun again, the export included.

        Raises TimedOut when nothing has moved for minutes: the guest waits, and the transaction can be resumed.
        """
        watch = _Watch(self._sides.clock.now())
        while True:
            self._sides.stop_if_cancelled()
            domain = self._running()
            missing = self._missing(domain)
            if not missing:
                return
            if watch.stalls(self._drive(domain, missing), self._sides.clock.now()):
                raise TimedOut(
                    f"{self._intent.name!r} runs on the destination, but nothing of its disks {', '.join(missing)} "
                    f"has arrived for {_PATIENCE_SECONDS:g} s. Mend the network between the hosts, then run the task "
                    "again, or resume the transaction with headroom.libvirt.transaction."
                )
            self._sides.clock.sleep(_LOOK_EVERY_SECONDS)

    def _drive(self, domain: libvirt.virDomain, missing: t.Sequence[str]) -> int:
        """Keep the pull going; return how much of it is done."""
        done = 0
        with contextlib.suppress(
            HeadroomError
        ):  # as long as the other host or the link is away; _Watch sees to it
            jobs = {target: blocks.read_job(domain, target) for target in missing}
            now = seen(domain)
            waits_for_disk = now.state == "paused" and now.reason == "ioerror"
            if waits_for_disk or not all(jobs.values()):
                serve.ensure(self._sides.source, self._intent, self._port)
            if waits_for_disk:
                domains.resume(domain)
            for target, job in jobs.items():
                done += job.done_bytes + 1 if job else 0
                if not job and target in self._missing(domain):
                    self._pull(domain, target)
        return done

    def _pull(self, domain: libvirt.virDomain, target: str) -> None:
        blocks.pull(domain, target, (self._intent.pull_bandwidth or 0) * _MIB)

    def _running(self) -> libvirt.virDomain:
        domain = self._sides.at_destination()
        if domain is None:
            raise NotFound(
                f"{self._intent.name!r} is not on the destination any more. If it was removed on purpose, take the "
                "transaction back.",
            )
        if not domains.is_active(domain):
            raise Conflict(
                f"{self._intent.name!r} is off, and a disk is only pulled in while its guest runs. Start it on the "
                f"destination (virsh start {self._intent.destination_name}): it reads its disks through from the "
                "source. Then resume the transaction.",
            )
        return domain

    def _missing(self, domain: libvirt.virDomain) -> list[str]:
        """Return the targets whose chain still reaches to the source."""
        text = domains.read_live_xml(domain)
        streamed = [disk.target for disk in self._intent.streamed]
        return [
            target
            for target in streamed
            if any(layer.startswith("nbd:") for layer in xml.chain(text, target))
        ]


def restore_definition(sides: Sides, intent: Intent) -> None:
    """Give the definition on the destination the error policies back that it had before the move."""
    domain = sides.at_destination()
    if domain is None or not intent.persistent or not domains.is_persistent(domain):
        return
    before = migration.read_migratable_xml(domain, inactive=True)
    after = xml.with_policies(before, intent.policies)
    if after != before:
        domains.define(sides.destination, after)
