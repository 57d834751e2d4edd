# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``judge_host``: every finding about one host, the worst first. Pure."""

from __future__ import annotations

import itertools
import typing as t

from .judge_guests import judge_guests
from .judge_leftovers import judge_leftovers
from .judge_libvirt import judge_libvirt
from .judge_machine import judge_machine

if t.TYPE_CHECKING:
    from .model import Finding, Look

_ORDER: t.Final = ("fail", "warn", "pass")


def judge_host(look: Look) -> list[Finding]:
    """Return the findings by status, check and subject."""
    judges = (judge_machine, judge_libvirt, judge_guests, judge_leftovers)
    return sort_findings(itertools.chain.from_iterable(judge(look) for judge in judges))


def sort_findings(findings: t.Iterable[Finding]) -> list[Finding]:
    """Return them the worst first, each once."""
    return sorted(
        dict.fromkeys(findings),
        key=lambda finding: (_ORDER.index(finding.status), finding.check, finding.subject),
    )


def count_statuses(findings: t.Iterable[Finding]) -> dict[str, int]:
    """Return how many findings have each status."""
    rows = list(findings)
    return {status: sum(row.status == status for row in rows) for status in _ORDER}
