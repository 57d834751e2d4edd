# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``hold_lease`` around what a task does to a fleet: begun only while its run has the lease, which lasts as long as it.

A lease is much shorter than a migration or a clone of many machines can be, so that a run which died keeps nobody away
for long. Nothing but the task itself knows how long it takes, so the task renews it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import (
    check_between,
    check_positive,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._names import check_name

from . import lease
from .database import DEFAULT_PATH, Database

# Documented in doc_fragments/lease.py.
LEASE: t.Final = ArgumentSpec(
    options={
        "lease": {
            "type": "dict",
            "options": {
                "fleet": {"type": "str", "required": True},
                "holder": {"type": "str", "required": True},
                "seconds": {"type": "float", "default": 900},
                "history": {"type": "path", "default": DEFAULT_PATH},
            },
        }
    }
)

# Two renewals may fail, as while the history is busy, before the lease runs out.
_RENEWALS: t.Final = 3
_SHORTEST_PAUSE_SECONDS: t.Final = 1.0


@contextlib.contextmanager
def hold_lease(
    options: t.Mapping[str, t.Any] | None, warn: t.Callable[[str], None], *, act: bool
) -> t.Iterator[None]:
    """Renew the lease of the options (None: there is none to hold) for as long as the block lasts.

    Raises Conflict before it if the holder has not got it; one that is lost meanwhile is warned of. Without ``act``,
    as in check mode, nothing is looked at.
    """
    if options is None or not act:
        yield
        return
    keeper = LeaseKeeper(
        options["fleet"], options["holder"], options["seconds"], options["history"]
    )
    keeper.check_options()
    keeper.renew()
    ended = threading.Event()
    thread = threading.Thread(target=keeper.keep, args=(ended,), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        if keeper.failure is not None:
            warn(f"The lease could not be renewed while the task ran: {keeper.failure}")


@dataclasses.dataclass
class LeaseKeeper:
    """Renews one lease. ``failure`` says why the latest attempt failed, None after one that did not."""

    fleet: str
    holder: str
    seconds: float
    history: str
    failure: str | None = None

    def check_options(self) -> None:
        """Raise InvalidInput for an option that cannot be used."""
        check_name("lease.fleet", self.fleet)
        check_positive("lease.seconds", self.seconds, "seconds")
        remedy = "Take it for less: it is renewed while the task runs."
        check_between("lease.seconds", self.seconds, 0, lease.LONGEST_SECONDS, remedy)

    def renew(self) -> None:
        """Renew the lease; raises Conflict telling who has it, and what Database.run does."""
        now = time.time()
        held, _warnings = Database(self.history).run(
            lambda opened: lease.renew(opened, self.fleet, self.holder, self.seconds, now), now
        )
        if held is None or held.holder != self.holder:
            holds = "nobody holds it now" if held is None else f"{held.holder} holds it now"
            raise Conflict(
                f"lease: the fleet {self.fleet!r} is no longer {self.holder}'s, since its lease ended; {holds}. The "
                "fleet may have changed meanwhile, so that nothing more is done to it. Run this again.",
                by=None if held is None else held.holder,
            )

    def keep(self, ended: threading.Event) -> None:
        """Renew it again and again until the work has ``ended``."""
        pause = max(self.seconds / _RENEWALS, _SHORTEST_PAUSE_SECONDS)
        while not ended.wait(pause):
            self.attempt()

    def attempt(self) -> None:
        """Renew it, or keep why that was not possible."""
        try:
            self.renew()
            self.failure = None
        except HeadroomError as error:
            self.failure = error.message
