# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``view_from``: the hosts as one fleet of many sees them, after those that were planned for before it. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from .allowance import Usage

if t.TYPE_CHECKING:
    from ..model import Observation
    from .allowance import Allowance
    from .ledger import Ledger, Standpoint


def view_from(
    standpoint: Standpoint, observed: Observation, allowance: Allowance | None, ledger: Ledger
) -> Observation:
    """Return what is ``observed`` with what the ``ledger`` leaves of the hosts, and of what its tenant may have."""
    return dataclasses.replace(
        observed,
        rooms=ledger.subtract(observed.rooms, standpoint),
        best_effort=standpoint.best_effort and bool(ledger.loans),
        allowance=None if allowance is None else _use_allowance(allowance, observed, ledger),
    )


def _use_allowance(allowance: Allowance, observed: Observation, ledger: Ledger) -> Allowance:
    """Return the allowance less what fleets before take, and what the history has on hosts that are not known."""
    size = observed.size
    absent = len(observed.absent)
    unknown = Usage(absent, absent * size.vcpus, absent * size.memory_bytes)
    return allowance.add(ledger.measure_tenant(allowance.tenant)).add(unknown)
