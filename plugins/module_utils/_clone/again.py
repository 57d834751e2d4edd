# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Doing a task that makes clones again, from what the journal kept of it."""

from __future__ import annotations

import datetime as dt
import functools
import secrets
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.provenance import (
    open_provenance,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK

from . import tenants
from .apply import Maker
from .origin import choose_strategy, open_origin, settle_tls
from .recover import CloneRecovery
from .request import read_request
from .survey import make_plan

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Journal,
        Record,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )


def make_recovery(connection: Connection, journal: Journal) -> CloneRecovery:
    """Return the handler of clones that can also finish what a run had begun."""
    again = functools.partial(make_again, connection, journal)
    return CloneRecovery(connection, again, journal=journal)


def make_again(connection: Connection, journal: Journal, record: Record) -> None:
    """Make what is missing of the clones that the record's task asked for."""
    options = record.intent.get("options") or {}
    try:
        request, timeout = read_request(options), options["timeout"]
    except KeyError as error:
        raise Unsupported(
            f"{record} was begun by another release of headroom.libvirt, and does not say {error}. Roll it back, and "
            "run its task again.",
            transaction=record.id,
        ) from error
    created = dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    with (
        tenants.hold_count(request, timeout, SYSTEM_CLOCK),
        open_origin(connection, options, request) as origin,
    ):
        plan = make_plan(
            origin.catalogue,
            origin.request,
            connection=connection,
            provenance=open_provenance(journal.path),
        )
        settled, _notes = settle_tls(plan, origin, connection)
        strategy = choose_strategy(plan, settled, connection, options, SYSTEM_CLOCK, journal)
        maker = Maker(
            connection, plan, created, SYSTEM_CLOCK, secrets.token_bytes, journal, options, strategy
        )
        maker.make(instead_of=record)
