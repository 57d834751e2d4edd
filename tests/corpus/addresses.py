# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guests with addresses of all kinds, and by which each is reached: the table of cases of the inventory's rule.

`PYTHONPATH=tests python3 -m corpus.addresses 10.88.11` prints it as JSON, with addresses of that block.
"""

from __future__ import annotations

import json
import sys
import time
import typing as t

LATER, SOON = int(time.time()) + 7200, int(time.time()) + 3600
NEVER, UNSIGNED = 0, 2**32 - 1
# Each: name; cards (n: of the network, b: of its bridge, u: of none of the host's); what is said of the cards, in this
# order: (source, card, last part of the address, when the lease ends); whether it is on; the address that is right.
# An address with a colon is one of IPv6; no address: the guest is known by its name only.
CASES = [
    ("one lease", "n", [("lease", 0, "10", LATER)], True, "10"),
    ("a lease of IPv6 only", "n", [("lease", 0, "::10", LATER)], True, "::10"),
    ("both families", "n", [("lease", 0, "::11", LATER), ("lease", 0, "11", SOON)], True, "11"),
    (
        "both families on two cards",
        "nn",
        [("lease", 0, "::12", LATER), ("lease", 1, "12", SOON)],
        True,
        "12",
    ),
    (
        "two leases of one card",
        "n",
        [("lease", 0, "13", LATER), ("lease", 0, "14", SOON)],
        True,
        "13",
    ),
    (
        "two leases, the later one last",
        "n",
        [("lease", 0, "15", SOON), ("lease", 0, "16", LATER)],
        True,
        "16",
    ),
    (
        "a lease that never ends",
        "n",
        [("lease", 0, "17", LATER), ("lease", 0, "18", NEVER)],
        True,
        "18",
    ),
    (
        "a lease that never ends, first",
        "n",
        [("lease", 0, "20", NEVER), ("lease", 0, "19", LATER)],
        True,
        "20",
    ),
    (
        "a lease until minus one",
        "n",
        [("lease", 0, "21", LATER), ("lease", 0, "22", UNSIGNED)],
        True,
        "22",
    ),
    ("a lease that has ended", "n", [("lease", 0, "23", 1)], True, None),
    ("a lease of a guest that is off", "n", [("lease", 0, "24", LATER)], False, None),
    ("a reservation of a guest that is off", "n", [("reservation", 0, "25", 0)], False, "25"),
    ("a reservation that nobody asked for yet", "n", [("reservation", 0, "26", 0)], True, "26"),
    (
        "a lease beside a reservation",
        "n",
        [("reservation", 0, "27", 0), ("lease", 0, "28", LATER)],
        True,
        "28",
    ),
    ("the second card has it", "un", [("lease", 1, "29", LATER)], True, "29"),
    (
        "both cards have one",
        "nn",
        [("lease", 0, "31", LATER), ("lease", 1, "30", LATER)],
        True,
        "31",
    ),
    (
        "the second card has a longer one",
        "nn",
        [("lease", 0, "33", SOON), ("lease", 1, "32", LATER)],
        True,
        "33",
    ),
    ("a lease of another network", "n", [("foreign", 0, "34", LATER)], True, None),
    ("a card on the bridge itself", "b", [("lease", 0, "35", LATER)], True, "35"),
    ("heard on the bridge", "b", [("arp", 0, "36", 0)], True, "36"),
    ("heard beside a lease", "n", [("arp", 0, "37", 0), ("lease", 0, "38", LATER)], True, "38"),
    ("heard of a guest that is off", "b", [("arp", 0, "39", 0)], False, None),
    (
        "a lease of a link-local address",
        "n",
        [("lease", 0, "fe80::5054:ff:fe00:1", LATER)],
        True,
        None,
    ),
    ("no card at all", "", [], True, None),
    ("web 1", "n", [("lease", 0, "40", LATER)], True, "40"),
    ("a,b:c&!d", "n", [("lease", 0, "41", LATER)], True, "41"),
    ("x[1:3]", "n", [("lease", 0, "42", LATER)], True, "42"),
    ("ünï-日本", "n", [("lease", 0, "43", LATER)], True, "43"),
    ("{{ 7 * 7 }}", "n", [("lease", 0, "44", LATER)], True, "44"),
    ("10.0.0.5", "n", [("lease", 0, "45", LATER)], True, "45"),
    ("*", "n", [("lease", 0, "46", LATER)], True, "46"),
    ("all", "n", [("lease", 0, "47", LATER)], True, "47"),
]


def make_mac(number: int, card: int) -> str:
    """Return the MAC address of a card of a case."""
    return f"52:54:00:0a:{number:02x}:{card:02x}"


def write_address(block: str, last: str) -> str:
    """Return the address with this last part in a block such as `10.88.11`, or in a block of IPv6 that goes with it."""
    if ":" in last:
        return last if last.startswith("fe80") else f"fd00:{block.split('.')[2]}{last}"
    return f"{block}.{last}"


def list_cases(block: str) -> list[dict[str, t.Any]]:
    """Return the table with whole addresses."""
    cases: list[dict[str, t.Any]] = []
    for number, (name, cards, rows, is_on, last) in enumerate(CASES):
        cases.append(
            {
                "name": name,
                "cards": [(kind, make_mac(number, card)) for card, kind in enumerate(cards)],
                "rows": [
                    (source, make_mac(number, card), write_address(block, part), ends)
                    for source, card, part, ends in rows
                ],
                "is_on": is_on,
                "right": None if last is None else write_address(block, last),
            }
        )
    return cases


if __name__ == "__main__":
    json.dump(list_cases(sys.argv[1]), sys.stdout)
