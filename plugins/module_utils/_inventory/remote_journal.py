# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The journal on another host: ``build_request`` says what is read of it, ``read_records`` what that says.

``fetch_records`` does both, over SSH.
"""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    TimedOut,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal import store
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri

from . import remote
from .tables import TablesRequest

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import Record

_USER_PATH: t.Final = "~/.local/state/headroom/journal.sqlite"


def build_request(path: str | None) -> TablesRequest:
    """Return what is to be read of the journal at ``path`` there, None for the one of the user who logs in."""
    return TablesRequest(
        path or store.DEFAULT_PATH, path or _USER_PATH, (store.TABLE,), locks=store.LOCKS
    )


def read_records(answer: t.Any, *, unfinished: bool) -> list[Record]:
    """Return the records in what read_tables() answered; raises HeadroomError for one that could not be read."""
    try:
        return store.read_copy(answer, unfinished=unfinished)
    except (TypeError, ValueError, AttributeError) as error:  # a host may answer anything
        raise HeadroomError(f"the journal of the host cannot be read: {error!r}") from error


def fetch_records(uri: str, path: str | None, *, timeout: float, unfinished: bool) -> list[Record]:
    """Return the records in the journal of the host behind an SSH ``uri``; raises HeadroomError."""
    target = remote.parse_target(uri)
    if target is None:
        raise Unsupported(
            f"uris: the journal of {mask_uri(uri)} is a file of that host, which is read by SSH alone. Write a URI "
            "with +ssh, or run the task there."
        )
    answer = remote.fetch_tables(uri, target, build_request(path), timeout)
    if answer is None:
        raise TimedOut(
            f"the journal of {mask_uri(uri)} could not be read: no program can be run there by python3"
        )
    return read_records(answer, unfinished=unfinished)
