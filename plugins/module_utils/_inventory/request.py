# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``read_request``: from the options of domain_info to what is asked for."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_positive

from .reader import LookRequest
from .remote_journal import build_request
from .rows import Selection

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import Record


_POSITIVE: t.Final = (
    ("timeout", "seconds"),
    ("connect_timeout", "seconds"),
    ("agent_timeout", "seconds"),
    ("parallel", ""),
)


@dataclasses.dataclass(frozen=True)
class ListingRequest:
    """Which domains of which hosts are asked for, and how.

    Each of ``uris`` may take ``timeout`` seconds, ``parallel`` of them at a time; ``machine_uri`` is as for
    read_machine_uri(), and ``connect_timeout``, ``with_storage`` and ``on_host`` as for fetch_report(). ``records`` are
    transactions that have not ended, None where these are not known.
    """

    uris: t.Sequence[str]
    look: LookRequest
    selection: Selection
    timeout: float = 30.0
    connect_timeout: float = 20.0
    parallel: int = 16
    on_host: bool = True
    with_storage: bool = False
    machine_uri: str | None = None
    records: t.Sequence[Record] | None = None


def read_request(
    params: t.Mapping[str, t.Any], records: t.Sequence[Record] | None
) -> ListingRequest:
    """Return what the options ask for; raises InvalidInput. ``records`` are transactions that have not ended."""
    for option, unit in _POSITIVE:
        check_positive(option, params[option], unit)
    return ListingRequest(
        uris=[params["uri"]] if params["uris"] is None else params["uris"],
        look=LookRequest(
            sources=tuple(dict.fromkeys(params["address_sources"])),
            agent_timeout=params["agent_timeout"],
            ask_agents=params["ask_agents"],
            tables=build_request(params["journal"]),
        ),
        selection=Selection(
            names=None if params["name"] is None else frozenset(params["name"]),
            fleet=params["fleet"],
            tenant=params["tenant"],
            pattern=params["pattern"],
            tags=frozenset(params["tags"]),
        ),
        timeout=params["timeout"],
        connect_timeout=params["connect_timeout"],
        parallel=params["parallel"],
        on_host=params["on_host"],
        with_storage=params["backing"],
        machine_uri=params["machine_uri"],
        records=records,
    )
