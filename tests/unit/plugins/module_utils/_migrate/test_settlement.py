# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import itertools
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import plan, settlement
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.endpoints import SeenState
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.intent import (
    Intent,
    make_intent,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.model import (
    DiskPlan,
    Guest,
    Request,
    SourceDisk,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate.settlement import (
    Situation,
    decide,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import Platform
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.states import _REASONS, STATES
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.storage_xml import Pool

from tools import settling

GIB = 1024**3
EVERY: t.Final = [
    situation
    for situation in itertools.starmap(
        Situation,
        itertools.product(
            settlement.SOURCE_COPIES,
            settlement.DESTINATION_COPIES,
            settlement.DISKS,
            (False, True),
            (False, True),
        ),
    )
    if situation.is_possible
]
RUNS: t.Final = frozenset({"running", "split"})


def make(mode: t.Any = "streaming", **changes: t.Any) -> Intent:
    disk = SourceDisk("vda", "disk", "/images/a.qcow2", "qcow2", GIB, GIB, "default")
    made = plan.make_plan(
        Guest("a", "u-a", True, GIB, (disk,), autostart=True),
        Request("qemu+ssh://b/system", mode=mode),
        [Pool("default", "dir", "/images", 9 * GIB)],
    )
    intent = make_intent(
        made,
        uri="qemu:///system",
        platform=Platform("kvm", "x86_64", "q35", None),
        token="f00",  # noqa: S106 - a part of names
        export=("10.0.0.1", None),
        policies={"vda": {}},
    )
    return dataclasses.replace(intent, **changes)


def carry_out(situation: Situation) -> list[tuple[str, str]]:
    """Return what runs at the source and at the destination, before the acts and after each of them."""
    source, destination = situation.source, situation.destination
    history: list[tuple[str, str]] = [(source, destination)]
    for act in decide(situation).acts:
        if act == "drop arrival":
            assert destination == "arriving"
            destination = "absent"
        elif act in ("resume source", "start source"):
            assert source in ("handover", "fallen")
            source = "running"
        elif act == "release source":
            assert source == "handover"
            source = "off"
        elif act == "start destination":
            assert destination in ("fallen", "off")
            destination = "running"
        history.append((source, destination))
    return history


def test_each_situation_has_exactly_one_next_step() -> None:
    for situation in EVERY:
        assert len([rule for rule in settlement.RULES if rule.covers(situation)]) == 1, situation


def test_no_step_loses_the_only_copy_and_none_runs_both() -> None:
    for situation in EVERY:
        check_no_step_loses_the_only_copy_and_none_runs_both(situation)


def check_no_step_loses_the_only_copy_and_none_runs_both(situation: Situation) -> None:
    for before, after in itertools.pairwise(carry_out(situation)):
        assert after[0] not in RUNS or after[1] not in RUNS or after == before
        # a copy that goes never ran, or the other host has a newer one
        if before[0] == "handover" and after[0] == "off":
            assert after[1] in ("running", "paused", "off", "fallen")
        if before[1] == "arriving" and after[1] == "absent":
            assert after[0] in ("running", "paused", "handover", "fallen", "off")
    assert ("running" in carry_out(situation)[-1]) >= ("running" in carry_out(situation)[0])


def test_what_is_not_known_leads_to_no_harm() -> None:
    for situation in EVERY:
        check_what_is_not_known_leads_to_no_harm(situation)


def check_what_is_not_known_leads_to_no_harm(situation: Situation) -> None:
    acts = set(decide(situation).acts)
    if "unknown" in (situation.source, situation.destination) and not situation.job:
        assert acts <= {"take back source", "tell"}
    if situation.source == "unknown":
        assert acts <= {"tell", "wait"}
    if "take back source" in acts:
        assert situation.source in ("running", "paused")
    if situation.job:
        assert acts == {"wait"}


def test_a_guest_that_ran_is_not_left_behind() -> None:
    for situation in EVERY:
        check_a_guest_that_ran_is_not_left_behind(situation)


def check_a_guest_that_ran_is_not_left_behind(situation: Situation) -> None:
    rule = decide(situation)
    if rule.course in ("back", "forward") and "recover postcopy" not in rule.acts:
        # of the two a meant pause or a meant end may stay; a hand-over and a fall may not
        source, destination = carry_out(situation)[-1]
        holder = source if rule.course == "back" else destination
        assert holder in ("running", "paused", "off")
    # what is taken back never had a successor: nothing on the destination is newer
    if rule.course == "back" and "take back source" not in rule.acts:
        assert situation.destination in ("absent", "left", "off", "fallen", "arriving")
        assert not situation.switched


@pytest.mark.parametrize("rule", settlement.RULES, ids=lambda rule: rule.reason[:40])
def test_every_rule_is_of_use_and_its_words_are_complete(rule: settlement.Rule) -> None:
    assert any(rule.covers(situation) for situation in EVERY)
    text = settlement.describe_reason(rule, make())
    assert "{" not in text
    assert text.endswith(".")
    if rule.acts[-1] == "tell":  # somebody has to know what to type, or what to wait for
        assert "virsh " in text or "back, then run the task again" in text or "Finish it" in text


def test_the_guide_shows_the_table_of_the_code() -> None:
    assert settling.SECTION.read() == settling.build_table()


@pytest.mark.parametrize(
    ("source", "destination", "disks", "acts"),
    [
        # libvirt's "third party": the source's daemon died while the destination took over
        ("handover", "running", "streaming", ("release source", "finish")),
        ("handover", "paused", "local", ("release source", "finish")),
        ("handover", "absent", "none", ("resume source", "take back")),
        ("handover", "arriving", "streaming", ("drop arrival", "resume source", "take back")),
        ("running", "arriving", "streaming", ("drop arrival", "take back")),
        ("handover", "unknown", "none", ("tell",)),
        ("running", "running", "streaming", ("tell",)),
        # both hosts without power in mid-pull, and before the hand-over
        ("absent", "fallen", "streaming", ("start destination", "finish")),
        ("fallen", "fallen", "streaming", ("start destination", "finish")),
        ("fallen", "absent", "none", ("start source", "take back")),
    ],
)
def test_what_follows(source: t.Any, destination: t.Any, disks: t.Any, acts: t.Any) -> None:
    assert decide(Situation(source, destination, disks)).acts == acts


def test_a_hand_over_is_told_from_a_pause_of_the_owner() -> None:
    assert settlement.classify_source(SeenState("paused", "migration"), make()) == "handover"
    assert settlement.classify_source(SeenState("paused", "user"), make()) == "paused"
    paused = make(was_paused=True)
    assert settlement.classify_source(SeenState("paused", "user"), paused) == "handover"
    assert not settlement.must_resume(SeenState("paused", "user"), make())
    assert not settlement.must_resume(SeenState("paused", "migration"), paused)
    assert settlement.must_resume(SeenState("paused", "migration"), make())


def test_a_guest_that_waits_for_its_disk_is_left_to_the_pull() -> None:
    waiting = SeenState("paused", "ioerror")
    assert settlement.must_resume(waiting, make())
    assert not settlement.must_resume(waiting, make(), is_pulled=True)
    assert settlement.must_resume(SeenState("paused", "migration"), make(), is_pulled=True)


def test_a_fall_is_told_from_an_end_that_was_meant() -> None:
    for reason, copy in (("unknown", "fallen"), ("crashed", "fallen"), ("failed", "fallen")):
        assert settlement.classify_source(SeenState("shutoff", reason), make()) == copy
    for reason, copy in (("destroyed", "off"), ("shutdown", "off"), ("migrated", "left")):
        assert settlement.classify_destination(SeenState("shutoff", reason), make()) == copy
    off = make(was_running=False)
    assert settlement.classify_source(SeenState("shutoff", "unknown"), off) == "off"


@pytest.mark.parametrize("state", [*STATES, "unknown", None])
def test_every_state_of_libvirt_is_known(state: t.Any) -> None:
    for reason in (*_REASONS.get(state, ()), "unknown"):
        seen = SeenState(state, reason)
        assert settlement.classify_source(seen, make()) in settlement.SOURCE_COPIES
        assert settlement.classify_destination(seen, make()) in settlement.DESTINATION_COPIES


REMOTE: t.Final = "nbd://10.0.0.1:49216/f00-vda"


@pytest.mark.parametrize(
    ("chains", "disks"),
    [
        (None, "none"),
        ({"vda": ("/images/a.qcow2", REMOTE)}, "streaming"),
        ({"vda": ("/images/a.nightly", "/images/a.qcow2", REMOTE)}, "streaming"),
        ({"vda": ("/images/a.qcow2",)}, "local"),
        ({"vda": ("default/a.qcow2",)}, "local"),
        ({"vda": ("/elsewhere/a.qcow2",)}, "foreign"),
        ({}, "foreign"),
    ],
)
def test_whose_disks_the_destination_has(
    chains: dict[str, tuple[str, ...]] | None, disks: str
) -> None:
    assert settlement.classify_disks(chains, make(), active=True, switched=False) == disks


def test_what_is_the_machines_own_is_looked_for_in_no_chain() -> None:
    nvram = DiskPlan("nvram", "bring", "", "/nvram/a.fd", "/nvram/a.fd", volume="a.fd")
    intent = make(disks=(*make().disks, nvram))
    chains = {"vda": ("/images/a.qcow2", REMOTE)}
    found = settlement.classify_disks(chains, intent, active=True, switched=False)
    assert found == "streaming"


def test_a_definition_of_before_proves_nothing() -> None:
    intent, chains = make("precopy", replaces_definition=True), {"vda": ("/images/a.qcow2",)}
    for active, switched, disks in (
        (False, False, "earlier"),
        (True, False, "local"),
        (False, True, "local"),
    ):
        found = settlement.classify_disks(chains, intent, active=active, switched=switched)
        assert found == disks
    assert (
        settlement.classify_disks(None, make(persistent=False), active=False, switched=False)
        == "foreign"
    )
