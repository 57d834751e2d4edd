# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations

import itertools
import math

from bench import flashcrowd
from bench.flashcrowd import Outcome
from crowd.load import Tally


def test_contenders_differ_in_what_makes_them_what_they_are_only() -> None:
    rules = flashcrowd.rules(24, "paused")
    own = {"forecaster", "headroom", "horizon", "parked", "parked_as"}
    common = [
        {name: value for name, value in rule.items() if name not in own} for rule in rules.values()
    ]
    assert common == [common[0]] * 3
    assert set(rules["parked"]) - set(rules["optimistic"]) == {"parked", "parked_as"}


def test_the_crowd_doubles_each_interval_until_it_is_there() -> None:
    rates = flashcrowd.crowd()
    calm = flashcrowd.STEPS
    ramp = int(math.log2(flashcrowd.PEAK / flashcrowd.BASE) * calm)
    assert rates[:calm] == [flashcrowd.BASE] * calm
    risen = rates[calm : calm + ramp]
    assert all(
        1.9 < later / earlier < 2.1
        for earlier, later in zip(risen, risen[flashcrowd.STEPS :], strict=False)
    )
    assert all(later >= earlier for earlier, later in itertools.pairwise(risen))
    assert max(rates) == flashcrowd.PEAK
    assert rates[-1] == flashcrowd.BASE


def test_machine_time_is_counted_while_visitors_come() -> None:
    tallies = {0: Tally(sent=10, failed=1, late=2), 1: Tally(sent=30, failed=0, late=5)}
    counts = [(99.0, 9, 9), (100.0, 2, 4), (101.0, 2, 4), (103.0, 6, 0), (111.0, 9, 9)]
    watched = [{"at": at, "running": running, "parked": parked} for at, running, parked in counts]
    found = flashcrowd.outcome(tallies, watched, 100.0, 110.0)
    assert found == Outcome(
        requests=40, failed=1, late=7, running_seconds=2 + 4 + 42, parked_seconds=12
    )
    assert found.share == 0.2


def test_the_table_has_a_line_for_each_contender_and_its_part_of_reactives_failures() -> None:
    outcomes = {"reactive": Outcome(100, 10, 30, 800, 0), "parked": Outcome(100, 0, 2, 900, 50)}
    lines = flashcrowd.table(flashcrowd.rows("flashcrowd", outcomes, "reactive")).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["reactive", "100", "10", "30", "40.00%", "1.000", "800", "0"],
        ["parked", "100", "0", "2", "2.00%", "0.050", "900", "50"],
    ]
