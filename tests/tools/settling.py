# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python3 -m tools.settling`: put the rules by which a migration is recovered into the migration guide, as a table."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import settlement

from tools import guide_tables
from tools.guide_tables import Section

SECTION: t.Final = Section("guide_migration.rst", "rules", "settling")
_ACTS: t.Final[t.Mapping[settlement.Act, str]] = {
    "wait": "wait for libvirt",
    "drop arrival": "power off what came to the destination",
    "resume source": "resume the guest on the source",
    "start source": "start the guest on the source",
    "take back": "take the move back",
    "take back source": "take back what is on the source",
    "release source": "power off the source's copy",
    "start destination": "serve its disks, start the guest on the destination",
    "recover postcopy": "have post-copy go on",
    "finish": "finish the move",
    "give up": "tell, and touch nothing; taken back, only the export ends",
    "tell": "tell, and touch nothing",
}
_NAMES: t.Final = {
    "name": "NAME",
    "source": "SOURCE",
    "destination": "DESTINATION",
    "destination_name": "NAME",
}


def build_table() -> str:
    """Return the rules as a table of reStructuredText."""
    header = (
        "on the source",
        "on the destination",
        "its disks there",
        "switched over",
        "next step",
        "why",
    )
    return guide_tables.build_table(
        header, (16, 16, 14, 8, 18, 28), map(_describe, settlement.RULES)
    )


def _describe(rule: settlement.Rule) -> tuple[str, ...]:
    known = {None: "any", True: "yes", False: "no"}
    return (
        "any, libvirt at it" if rule.job else _join(rule.source, settlement.SOURCE_COPIES),
        "any" if rule.job else _join(rule.destination, settlement.DESTINATION_COPIES),
        _join(rule.disks, settlement.DISKS),
        known[rule.switched],
        ", then ".join(_ACTS[act] for act in rule.acts),
        rule.reason.format(**_NAMES),
    )


def _join(names: str, words: t.Mapping[t.Any, str]) -> str:
    return ", ".join(words[name] for name in names.split()) or "any"


if __name__ == "__main__":
    SECTION.write(build_table())
