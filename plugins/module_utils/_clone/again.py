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

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.catalogue import open_catalogue
from ansible_collections.headroom.libvirt.plugins.module_utils._clone import tenants
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.apply import Maker
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.recovery import CloneRecovery
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.request import request_from
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.survey import make_plan
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._connection import Connection
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal import Journal, Record


def recovery(connection: Connection, journal: Journal) -> CloneRecovery:
    """Return the handler of clones that can also finish what a run had begun."""
    return CloneRecovery(connection, functools.partial(make_again, connection, journal))


def make_again(connection: Connection, journal: Journal, record: Record) -> None:
    """Make what is missing of the clones that the record's task asked for."""
    options = record.intent.get("options") or {}
    try:
        request, pool, timeout = request_from(options), options["appliance_pool"], options["timeout"]
    except KeyError as error:
        raise Unsupported(
            f"{record} was begun by another release of headroom.libvirt, and does not say {error}. Roll it back, and "
            "run its task again.",
            transaction=record.id,
        ) from error
    with tenants.counted(request, timeout, SYSTEM_CLOCK):
        plan = make_plan(open_catalogue(connection, pool or request.pool), request)
        created = dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        Maker(connection, plan, created, SYSTEM_CLOCK, secrets.token_bytes, journal, options).make(instead_of=record)
