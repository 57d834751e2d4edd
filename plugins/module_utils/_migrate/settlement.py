# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""decide(): what comes next for a migration that was cut off, from what both hosts say of the guest. Pure.

libvirt leaves some of it to "a third party that needs to check" (qemuProcessRecoverMigrationOut): a source whose daemon
dies while the destination takes over stays paused for ever, whether the guest arrived or not. This is that third party.
"""

from __future__ import annotations

import dataclasses
import itertools
import typing as t

if t.TYPE_CHECKING:
    from .endpoints import SeenState
    from .intent import Intent

Copy = t.Literal[
    "unknown",
    "absent",
    "left",
    "off",
    "fallen",
    "running",
    "paused",
    "handover",
    "arriving",
    "split",
]
Disks = t.Literal["none", "streaming", "local", "earlier", "foreign"]
Act = t.Literal[
    "wait",
    "drop arrival",
    "resume source",
    "start source",
    "take back",
    "take back source",
    "release source",
    "start destination",
    "recover postcopy",
    "finish",
    "give up",
    "tell",
]
Course = t.Literal["wait", "back", "forward", "tell"]

SOURCE_COPIES: t.Final[t.Mapping[Copy, str]] = {
    "unknown": "silent",
    "absent": "absent",
    "left": "off (migrated)",
    "off": "off (meant)",
    "fallen": "off (fell)",
    "running": "running",
    "paused": "paused",
    "handover": "paused (hand-over)",
    "split": "post-copy",
}
DESTINATION_COPIES: t.Final[t.Mapping[Copy, str]] = {
    "unknown": "silent",
    "absent": "absent",
    "left": "off (migrated)",
    "off": "off (meant)",
    "fallen": "off (fell)",
    "running": "running",
    "paused": "paused",
    "arriving": "paused (arriving)",
    "split": "post-copy",
}
DISKS: t.Final[t.Mapping[Disks, str]] = {
    "none": "none",
    "streaming": "of this move, streaming",
    "local": "of this move, local",
    "earlier": "of this move or of before",
    "foreign": "others",
}
_ACTIVE: t.Final[frozenset[Copy]] = frozenset(
    {"running", "paused", "handover", "arriving", "split"}
)
# Off for one of these reasons somebody has meant it; else a guest that ran has fallen.
_MEANT: t.Final = frozenset({"shutdown", "destroyed", "saved"})
# A pause for the hand-over; libvirt's daemon may have forgotten why.
_HANDOVER: t.Final = frozenset({"migration", "unknown"})
_SPLIT: t.Final = frozenset({"postcopy", "postcopy_failed"})
# Left behind by an act of ours that was cut off, or by a disk that may answer again.
_RESUMABLE: t.Final = frozenset({"migration", "unknown", "snapshot", "api_error", "ioerror"})


@dataclasses.dataclass(frozen=True)
class Situation:
    """What both hosts say of the guest, in the words of the tables above.

    ``job`` says that libvirt is still at the migration, ``switched`` that the journal has seen the switch-over.
    """

    source: Copy
    destination: Copy
    disks: Disks
    job: bool = False
    switched: bool = False

    @property
    def is_possible(self) -> bool:
        """Whether hosts can say so: a guest that is not there has no disks, and one that has QEMU has its own."""
        if self.destination == "unknown":
            return self.disks == "none"
        if self.destination == "absent":
            return self.disks in ("none", "foreign")
        return self.disks != "none" and (self.disks != "earlier" or self.destination not in _ACTIVE)


def _split(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclasses.dataclass(frozen=True)
class Rule:
    """A row of the table: the situations that it is for, the acts that follow, and why.

    ``source``, ``destination`` and ``disks`` are names with blanks between, empty for any; None is any too.
    ``reason`` is a sentence that may hold {name}, {source}, {destination} and {destination_name}.
    """

    source: str
    destination: str
    disks: str
    acts: tuple[Act, ...]
    reason: str
    job: bool | None = False
    switched: bool | None = None

    def covers(self, situation: Situation) -> bool:
        """Return whether the rule is for the situation."""
        return (
            situation.source in (_split(self.source) or {situation.source})
            and situation.destination in (_split(self.destination) or {situation.destination})
            and situation.disks in (_split(self.disks) or {situation.disks})
            and self.job in (None, situation.job)
            and self.switched in (None, situation.switched)
        )

    @property
    def course(self) -> Course:
        """Where the acts lead: to the source (``back``), to the destination (``forward``), or nowhere yet."""
        last = self.acts[-1]
        courses: dict[Act, Course] = {
            "wait": "wait",
            "finish": "forward",
            "give up": "tell",
            "tell": "tell",
        }
        return courses.get(last, "back")


_OWN: t.Final = "streaming local"
_LOOK_AT_BOTH: t.Final = (
    "Look which of them its users were served by last, power the other one off (virsh -c {source} destroy {name}, or "
    "virsh -c {destination} destroy {destination_name}), then run the task again."
)

# No two rules cover the same situation, and together they cover all of them.
RULES: t.Final[tuple[Rule, ...]] = (
    Rule(
        "",
        "",
        "",
        ("wait",),
        "libvirt is still at it: see virsh -c {source} domjobinfo {name}. What is to be taken back is aborted.",
        job=True,
    ),
    # a host that does not answer
    Rule(
        "unknown",
        "",
        "",
        ("tell",),
        "The source does not answer. Touch nothing, bring {source} back, then run the task again.",
    ),
    Rule(
        "running paused",
        "unknown",
        "",
        ("take back source", "tell"),
        "The guest is on the source, and the destination does not answer. Bring {destination} back, then run the task "
        "again.",
        switched=False,
    ),
    Rule(
        "running paused",
        "unknown",
        "",
        ("tell",),
        "It had switched over, and is active on the source again. Bring {destination} back and look there (virsh -c "
        "{destination} domstate {destination_name}) before anything else.",
        switched=True,
    ),
    Rule(
        "absent left off fallen handover split",
        "unknown",
        "",
        ("tell",),
        "The guest may run on the destination, which does not answer. Touch nothing, neither virsh resume nor "
        "virsh start on {source}; bring {destination} back, then run the task again.",
    ),
    # post-copy
    Rule(
        "split",
        "running paused arriving split",
        "",
        ("recover postcopy", "finish"),
        "Its memory is on both hosts, and neither can do without the other.",
    ),
    Rule(
        "running paused handover",
        "split",
        "",
        ("recover postcopy", "finish"),
        "Its memory is on both hosts, and neither can do without the other.",
    ),
    Rule(
        "split",
        "absent left off fallen",
        "",
        ("tell",),
        "It ran on the destination in post-copy, and its memory there is lost; its newest writes are on the disks "
        "there. Power it off (virsh -c {source} destroy {name}), then run the task again.",
    ),
    Rule(
        "absent left off fallen",
        "split",
        "",
        ("tell",),
        "A part of its memory was on the source, and is lost. Power it off (virsh -c {destination} destroy "
        "{destination_name}), then run the task again.",
    ),
    # the destination has it
    Rule(
        "absent left off fallen",
        "running paused",
        _OWN,
        ("finish",),
        "The guest has moved.",
    ),
    Rule(
        "handover",
        "running paused",
        _OWN,
        ("release source", "finish"),
        "The guest has moved; nobody has told the source, whose copy is older and must never run again.",
    ),
    Rule(
        "running paused",
        "running paused",
        "",
        ("tell",),
        f"{{name}} is active on both hosts. {_LOOK_AT_BOTH}",
    ),
    Rule(
        "absent left off fallen handover",
        "running paused",
        "foreign",
        ("tell",),
        "On the destination {destination_name} stands on disks that are not of this move (virsh -c {destination} "
        "domblklist {destination_name}), so that nothing says which are the newer ones. If it is right as it runs "
        "there, delete what is left on {source} yourself; else power it off there and start it where it should be.",
    ),
    # the destination has it, and it is off
    Rule(
        "absent left off fallen",
        "fallen",
        _OWN,
        ("start destination", "finish"),
        "The guest had moved, and fell. Its disks are served again before it is started.",
    ),
    Rule(
        "absent left off fallen",
        "off",
        "streaming",
        ("start destination", "finish"),
        "The guest had moved, and its disks are only pulled in while it runs.",
    ),
    Rule(
        "handover",
        "fallen",
        _OWN,
        ("release source", "start destination", "finish"),
        "The guest had moved and fell there: its definition is only written when its memory has arrived. The copy on "
        "the source is older.",
    ),
    Rule(
        "handover",
        "off",
        "streaming",
        ("release source", "start destination", "finish"),
        "The guest had moved, and was turned off there. Its disks are only pulled in while it runs.",
    ),
    Rule(
        "handover",
        "off",
        "local",
        ("release source", "finish"),
        "The guest had moved, and was turned off there. It stays off.",
    ),
    Rule(
        "absent left off fallen",
        "off",
        "local",
        ("finish",),
        "The guest has moved, and is off there as it should be.",
    ),
    Rule(
        "absent left",
        "fallen",
        "earlier",
        ("start destination", "finish"),
        "Only the destination has the guest, which fell.",
    ),
    Rule(
        "absent left",
        "off",
        "earlier",
        ("finish",),
        "Only the destination has the guest, which is off there as it should be.",
    ),
    Rule(
        "absent left off fallen handover",
        "left",
        "",
        ("tell",),
        "It had moved to {destination}, and went on from there. Finish it where it is now; then delete what is "
        "left of it on {source}.",
    ),
    # the destination has nothing that ever ran
    Rule(
        "running paused",
        "absent left off fallen",
        "",
        ("take back",),
        "The guest has not moved.",
        switched=False,
    ),
    Rule(
        "running paused",
        "arriving",
        "",
        ("drop arrival", "take back"),
        "The guest has not moved: what came to the destination never ran.",
        switched=False,
    ),
    Rule(
        "handover",
        "absent",
        "none",
        ("resume source", "take back"),
        "The guest has not moved, and nobody has told the source that it goes on there.",
        switched=False,
    ),
    Rule(
        "handover",
        "arriving",
        "",
        ("drop arrival", "resume source", "take back"),
        "It runs nowhere. What came to the destination never ran, so that it goes first.",
        switched=False,
    ),
    Rule(
        "off",
        "absent off fallen",
        "none earlier foreign",
        ("take back",),
        "The guest has not moved, and is off on the source. It stays off.",
        switched=False,
    ),
    Rule(
        "off",
        "arriving",
        "",
        ("drop arrival", "take back"),
        "Somebody turned the guest off on the source before it had moved. It stays off.",
        switched=False,
    ),
    Rule(
        "fallen",
        "absent",
        "none",
        ("start source", "take back"),
        "The guest fell on the source before it had moved.",
        switched=False,
    ),
    Rule(
        "fallen",
        "off fallen",
        "earlier foreign",
        ("start source", "take back"),
        "The guest fell on the source before it had moved. What the destination has is of before.",
        switched=False,
    ),
    Rule(
        "fallen",
        "arriving",
        "",
        ("drop arrival", "start source", "take back"),
        "The guest fell on the source before it had moved, and what came to the destination never ran.",
        switched=False,
    ),
    # nothing tells
    Rule(
        "handover fallen",
        "absent",
        "foreign",
        ("tell",),
        "Without persistent the destination forgets a guest that is off: nothing tells whether it ran there. If it "
        "never did (virsh -c {destination} list --all, the log of {destination_name} there), let it go on: virsh "
        "-c {source} resume {name}, or start {name}. If it did, power it off on {source} and define it on "
        "{destination}. Then run the task again.",
        switched=False,
    ),
    Rule(
        "handover",
        "off fallen",
        "earlier foreign",
        ("tell",),
        "The source is paused, and the destination has a definition that may be of before the move. If it never "
        "ran there (see the log of {destination_name} on {destination}), let it go on: virsh -c {source} resume "
        "{name}. If it did: virsh -c {source} destroy {name}, and virsh -c {destination} start {destination_name}. "
        "Then run the task again.",
        switched=False,
    ),
    Rule(
        "absent left",
        "off fallen",
        "foreign",
        ("tell",),
        "On the destination {destination_name} is off, on disks that are not of this move (virsh -c {destination} "
        "domblklist {destination_name}). Start it there if they are right, then delete what is left on {source} "
        "yourself.",
    ),
    Rule(
        "absent left",
        "arriving",
        "",
        ("tell",),
        "The only copy is paused on the destination, and never ran. Look whether it can: virsh -c {destination} "
        "resume {destination_name}. Otherwise power it off there and start it anew. Then run the task again.",
    ),
    Rule(
        "absent left",
        "absent",
        "",
        ("give up",),
        "Neither host has the guest any more. If it was removed on purpose, take the transaction back, which ends its "
        "export and deletes no disk that it ran on; else define it where it should be, then run the task again.",
    ),
    # it had switched over, and that is not what the hosts show
    Rule(
        "running paused",
        "absent left off fallen arriving",
        "",
        ("tell",),
        "It had switched over, and is active on the source again, on disks that are older. Power it off there "
        "(virsh -c {source} destroy {name}), then run the task again.",
        switched=True,
    ),
    Rule(
        "off fallen",
        "absent",
        "",
        ("give up",),
        "It had switched over, and the destination does not have it any more. If it was removed on purpose, take the "
        "transaction back, which ends its export and deletes no disk that it ran on; else define it on {destination} "
        "again, then run the task again.",
        switched=True,
    ),
    Rule(
        "handover",
        "absent",
        "",
        ("tell",),
        "It had switched over, and the destination does not have it any more. The source's copy is older. Define "
        "it on {destination} again, power it off on the source (virsh -c {source} destroy {name}), then run the "
        "task again.",
        switched=True,
    ),
    Rule(
        "off fallen handover",
        "off fallen",
        "earlier foreign",
        ("tell",),
        "It had switched over, and its definition on the destination is another one now (virsh -c {destination} "
        "domblklist {destination_name}). Start it there if its disks are right, then delete what is left on "
        "{source} yourself.",
        switched=True,
    ),
    Rule(
        "off fallen handover",
        "arriving",
        "",
        ("tell",),
        "It had switched over, and something is on its way to the destination again. See virsh -c {destination} "
        "domjobinfo {destination_name}, and run the task again when that has ended.",
        switched=True,
    ),
)


def decide(situation: Situation) -> Rule:
    """Return the one rule for the situation."""
    (rule,) = (rule for rule in RULES if rule.covers(situation))
    return rule


def describe_reason(rule: Rule, intent: Intent) -> str:
    """Return the rule's reason with the names of this migration, its commands ready to be run."""
    return rule.reason.format(
        name=intent.name,
        source=intent.uri,
        destination=intent.destination_uri,
        destination_name=intent.destination_name,
    )


def classify_source(seen: SeenState | None, intent: Intent) -> Copy:
    """Return what the source has; None is a host that does not answer."""
    if seen is not None and seen.state == "paused":
        # libvirt leaves a guest that was paused before as it was
        reasons = _HANDOVER | {"user"} if intent.was_paused else _HANDOVER
        if seen.reason in reasons:
            return "handover"
    return _classify(seen, intent)


def classify_destination(seen: SeenState | None, intent: Intent) -> Copy:
    """Return what the destination has; None is a host that does not answer."""
    if seen is not None and seen.is_arriving:
        return "arriving"
    return _classify(seen, intent)


_STATES: t.Final[t.Mapping[str, Copy]] = {
    "nostate": "unknown",
    "unknown": "unknown",
    "paused": "paused",
    "crashed": "paused",  # a guest that panicked has its QEMU still
}


def _classify(seen: SeenState | None, intent: Intent) -> Copy:
    if seen is None:
        return "unknown"
    if seen.state is None:
        return "absent"
    if seen.reason in _SPLIT:
        return "split"
    if seen.state != "shutoff":
        return _STATES.get(seen.state, "running")
    if seen.reason == "migrated":
        return "left"
    return "fallen" if intent.was_running and not was_turned_off(seen) else "off"


def was_turned_off(seen: SeenState) -> bool:
    """Return whether a guest is off because somebody meant it to be, or has it elsewhere."""
    return seen.state == "shutoff" and seen.reason in (*_MEANT, "migrated")


def classify_disks(
    chains: t.Mapping[str, tuple[str, ...]] | None,
    intent: Intent,
    *,
    active: bool,
    switched: bool,
) -> Disks:
    """Return whose disks the destination's guest has; ``chains`` are {target: layers}, None without a guest there."""
    if chains is None:  # what outlives no power cut cannot say that it was never there
        return "none" if intent.persistent else "foreign"
    # what is the machine's own beside them, as NVRAM, shows in no chain
    for disk in intent.disks_to_move:
        layers = set(chains.get(disk.target, ()))
        if not disk.is_own and not layers & {disk.destination_path, f"{disk.pool}/{disk.volume}"}:
            return "foreign"
    streamed = [chains.get(disk.target, ()) for disk in intent.streamed]
    if any(layer.startswith("nbd:") for layer in itertools.chain.from_iterable(streamed)):
        return "streaming"
    if intent.replaces_definition and not active and not switched:
        return "earlier"
    return "local"


def must_resume(seen: SeenState, intent: Intent, *, is_pulled: bool = False) -> bool:
    """Return whether a guest that ran before the move is paused by that, or by a disk; its owner's pause stays.

    While its disks are pulled in, one that waits for them is none of these: the pull lets it go on, as often as it
    takes until QEMU has found the source again.
    """
    return (
        intent.was_running
        and not intent.was_paused
        and seen.state == "paused"
        and seen.reason in _RESUMABLE
        and not (is_pulled and seen.reason == "ioerror")
    )
