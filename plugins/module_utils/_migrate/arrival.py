# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Guests that still read from another host by what their metadata say, whoever has brought them: finish_pull().

No journal is needed for that. Each step can be done again, and the metadata are taken out last.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._clone.stream.watch import (
    StreamWatch,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import (
    dependency,
    pull,
    serve,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains, storage
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.machines import (
    read_machine_uri,
)

from . import finish, settlement
from .endpoints import Endpoints, read_state
from .intent import rebuild_intent

if t.TYPE_CHECKING:
    import threading

    from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.dependency import (
        Remainder,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

    from .intent import Intent
    from .model import Wait

_LONGEST_CLONE_SECONDS: t.Final = 24 * 3600.0


def list_leftovers(remainder: Remainder | None, host: Connection) -> frozenset[str]:
    """Return the files of the host that go once the machine no longer reads from them, as far as it proves them."""
    if remainder is None or not remainder.dependency.removes_source:
        return frozenset()
    bases = dependency.find_remains(host, remainder.dependency.token).bases
    return frozenset(disk.path for disk in remainder.dependency.disks if disk.path in bases)


@dataclasses.dataclass(frozen=True)
class Arrival:
    """A domain of ``host`` that its metadata say to read from another one.

    ``near`` is a connection that may lead to that one, which saves another. ``remainder`` is what was left of that.
    """

    host: Connection
    domain: domains.Domain
    remainder: Remainder
    near: Connection
    clock: Clock
    cancelled: threading.Event
    connect_timeout: float

    def is_stuck(self) -> bool:
        """Return whether nothing pulls a disk that is not local yet."""
        return bool(self.remainder.targets) and (
            not domains.is_active(self.domain) or None in pull.read_jobs(self.domain).values()
        )

    def finish(self, wait: Wait) -> dict[str, str]:
        """See that what is missing is pulled in; with ``local`` wait for it, and tidy the source.

        Returns {path: reason} of what stays there. Raises HeadroomError when the source does not answer, does not have
        what it served, or nothing has moved for minutes.
        """
        if self.remainder.dependency.kind == "clone":
            self._finish_clone(wait)
            return {}
        with self._open_source() as source:
            sides = Endpoints(
                source, self.host, self.domain.UUIDString(), self.clock, self.cancelled
            )
            intent = self._rebuild_intent(source)
            port = self.remainder.dependency.port
            if not self.remainder.targets:
                return {**self._end_unproven(source, intent), **finish.tidy(sides, intent)}
            if not domains.is_active(self.domain):
                serve.ensure(source, intent.export_helper, port)  # first: it cannot start without
                self._start()
            finish.settle(sides, intent, port)
            return finish.complete(sides, intent, port) if wait == "local" else {}

    def _end_unproven(self, source: Connection, intent: Intent) -> dict[str, str]:
        """End what serves disks of which nothing shows any more that they were the guest's; return those that stay."""
        recorded = self.remainder.dependency
        proven = {disk.base_path for disk in intent.streamed}
        unproven = {disk.path for disk in recorded.disks} - proven
        if not unproven:
            return {}
        kept = dependency.end_move(source, recorded.token, with_bases=False)
        kept = {path: reason for path, reason in kept.items() if path not in proven}
        for path in sorted(filter(None, unproven)):
            if storage.find_volume_by_path(source, path) is not None:
                kept[path] = (
                    "nothing shows any more that it is the disk that was served. Delete it if nothing else needs it"
                )
        return kept

    def _start(self) -> None:
        """Start a guest that fell; raises Conflict for one that somebody has turned off."""
        if settlement.was_turned_off(read_state(self.domain)):
            raise Conflict(
                f"{self.domain.name()!r} is off, and a disk is only pulled in while its guest runs. What it reads "
                f"from {mask_uri(self.remainder.dependency.source_uri)} is served. Start it "
                "(headroom.libvirt.domain with state: running), then run the task again.",
                name=self.domain.name(),
            )
        finish.start(self.domain)

    def _finish_clone(self, wait: Wait) -> None:
        watch = StreamWatch(self.host, self.clock, self.connect_timeout)
        watch.settle(self.domain)
        if wait == "local":
            watch.await_local(self.domain.name(), _LONGEST_CLONE_SECONDS)
            dependency.clear(self.domain)

    @contextlib.contextmanager
    def _open_source(self) -> t.Iterator[Connection]:
        uri = self.remainder.dependency.source_uri
        if read_machine_uri(self.near) == uri:
            yield self.near
            return
        with contextlib.ExitStack() as stack:
            try:
                source = stack.enter_context(open_connection(uri, timeout=self.connect_timeout))
            except HeadroomError as error:
                raise Conflict(
                    f"{self.domain.name()!r} still reads from {mask_uri(uri)}, which does not answer: "
                    f"{error.message.rstrip('.')}. Bring that host back, then run the task again.",
                    name=self.domain.name(),
                    source_uri=mask_uri(uri),
                ) from error
            yield source

    def _rebuild_intent(self, source: Connection) -> Intent:
        """Return what finishing takes, as far as the source proves it; raises Conflict where that is not enough."""
        recorded = self.remainder.dependency
        bases = dependency.find_remains(source, recorded.token).bases
        proven = {disk.path for disk in recorded.disks if bases.get(disk.path or "") == disk.format}
        unproven = [
            disk.target
            for disk in recorded.disks
            if disk.target in self.remainder.targets and disk.path not in proven
        ]
        if unproven:
            raise Conflict(
                f"{self.domain.name()!r} still reads its disks {', '.join(unproven)} from "
                f"{mask_uri(recorded.source_uri)}, and there is nothing there by which to serve them again if that "
                "should be needed: the overlays of its move are gone. Let the task that began the move finish it, "
                "from where its journal is.",
                name=self.domain.name(),
                disks=unproven,
            )
        definition = domains.read_live(self.domain)
        return rebuild_intent(
            recorded,
            uuid=self.domain.UUIDString(),
            name=self.domain.name(),
            reader_uri=read_machine_uri(self.host),
            platform=serve.choose_platform(source, definition.arch or "x86_64"),
            proven={path for path in proven if path is not None},
        )
