# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``list_everywhere``: what is unfinished on many hosts, by the journal of each."""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_positive
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.remote_journal import (
    fetch_records,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
    select_records,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._parallel import run_each
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.on_host import (
    describe_hosts,
    gather_answers,
)

from .report import describe_transaction


def list_everywhere(params: t.Mapping[str, t.Any], now: float) -> dict[str, t.Any]:
    """Return ``{transactions, hosts}`` of the hosts that the option ``uris`` names; ``now`` is in epoch seconds."""
    timeout = check_positive("timeout", params["timeout"], "seconds")
    parallel = check_positive("parallel", params["parallel"])
    unfinished = params["state"] == "unfinished"

    def fetch(uri: str) -> list[dict[str, t.Any]]:
        records = fetch_records(uri, params["journal"], timeout=timeout, unfinished=unfinished)
        chosen = select_records(records, params["kind"], params["subject"])
        try:
            return [
                {**describe_transaction(record, now), "host": mask_uri(uri)} for record in chosen
            ]
        # a host may answer anything, such as a time that is no number
        except (
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
            OverflowError,
            OSError,
        ) as error:
            raise HeadroomError(f"the journal of the host cannot be read: {error!r}") from error

    answers = gather_answers(
        # a program that runs on a host is ended in time by whoever started it, not left behind
        run_each(dict.fromkeys(params["uris"]), fetch, timeout=timeout + 1.0, parallel=parallel)
    )
    rows = list(itertools.chain.from_iterable(answer.result or () for answer in answers))
    return {"changed": False, "transactions": rows, "hosts": describe_hosts(answers)}
