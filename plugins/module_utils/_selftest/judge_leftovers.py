# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``judge_leftovers``: what runs have left on a host: transactions, exports, files, leases, marks. Pure."""

from __future__ import annotations

import typing as t

from .model import Finding

if t.TYPE_CHECKING:
    from .model import Look

Findings = t.Iterator[Finding]


def judge_leftovers(look: Look) -> Findings:
    """Yield what is left, and one pass where nothing is."""
    findings = [
        *_judge_transactions(look),
        *_judge_exports(look),
        *_judge_volumes(look),
        *_judge_marks(look),
    ]
    yield from findings
    if not findings:
        yield Finding("leftovers", "pass", "no run has left anything")


def _judge_transactions(look: Look) -> Findings:
    for row in look.transactions:
        if row["alive"]:
            continue
        problem = f": {row['problem']}" if row["problem"] else ""
        yield Finding(
            "transaction",
            "fail",
            f"the {row['kind']} of {row['subject']} was left unfinished at {row['started']}{problem}",
            row["id"],
            f"Use headroom.libvirt.transaction with id: {row['id']} and state: resumed or rolled_back.",
        )


def _judge_exports(look: Look) -> Findings:
    for row in look.exports:
        if row["state"] != "needed":
            yield Finding(
                "export",
                "warn",
                f"it serves disks, and nobody may need it ({row['state']}): {row['reason']}",
                row["name"],
                "Use headroom.libvirt.transaction with state: swept, which ends those that nobody reads from.",
            )


def _judge_volumes(look: Look) -> Findings:
    for path, reason in look.volumes.items():
        yield Finding(
            "half_made",
            "warn",
            reason,
            path,
            f"Look whose it was (virsh vol-info {path}), then run: virsh vol-delete {path}",
        )


def _judge_marks(look: Look) -> Findings:
    mark = look.host.get("maintenance")
    if mark is not None:
        yield Finding(
            "maintenance",
            "warn",
            f"the host is in maintenance: {mark['reason']}",
            remedy="When it is to serve again, run the playbook headroom.libvirt.restore.",
        )
    for row in look.expired_leases:
        yield Finding(
            "lease",
            "warn",
            f"{row['holder']} did not give the fleet back, and is gone",
            row["fleet"],
            "The next provisioning run takes it over. Where none is to come, use headroom.libvirt.fleet_lease with "
            f"fleet: {row['fleet']}, holder: {row['holder']} and state: absent.",
        )
