# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Which transaction is recovered by whom: a new kind is entered in KINDS; describe_recovery() changes nothing."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import (
    flatten,
    live,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import (
    recover as appliance_recovery,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._clone import again as clone_again
from ansible_collections.headroom.libvirt.plugins.module_utils._clone import recover
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.warm import (
    recover as warm_recovery,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._domain import (
    recover as domain_recovery,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._domain import unended
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import (
    read_strictly,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import (
    intent as migrate_intent,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._migrate import (
    recover as migrate_recovery,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._persisted import UnreadableShape

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import (
        Direction,
        Journal,
        Record,
        Recovery,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of transactions.

    ``make_recovery`` makes its handler; ``describe`` says in sentences, of a record alone, what that would do.
    """

    make_recovery: t.Callable[[Connection, Journal], Recovery]
    describe: t.Callable[[Record, Direction], list[str]]


KINDS: t.Final[t.Mapping[str, Kind]] = {
    live.KIND: Kind(
        lambda connection, _journal: live.CaptureRecovery(connection), live.describe_recovery
    ),
    recover.KIND: Kind(clone_again.make_recovery, recover.describe_recovery),
    flatten.KIND: Kind(
        lambda connection, _journal: flatten.FlattenRecovery(connection), flatten.describe_recovery
    ),
    appliance_recovery.REGISTER: Kind(
        lambda connection, _journal: appliance_recovery.RegistrationRecovery(connection),
        appliance_recovery.describe_registration,
    ),
    appliance_recovery.UNREGISTER: Kind(
        lambda connection, _journal: appliance_recovery.UnregistrationRecovery(connection),
        appliance_recovery.describe_unregistration,
    ),
    migrate_intent.KIND: Kind(migrate_recovery.make_recovery, migrate_recovery.describe_recovery),
    warm_recovery.KIND: Kind(
        lambda connection, _journal: warm_recovery.WarmRecovery(connection),
        warm_recovery.describe_recovery,
    ),
    domain_recovery.KIND: Kind(
        lambda connection, _journal: domain_recovery.RemovalRecovery(connection),
        domain_recovery.describe_recovery,
    ),
    unended.KIND: Kind(
        lambda connection, _journal: unended.UnendedRecovery(connection), unended.describe_recovery
    ),
}


def find_kind(record: Record) -> Kind:
    """Return the kind of a record; raises Unsupported for one that only another release knows."""
    try:
        return KINDS[record.kind]
    except KeyError:
        raise Unsupported(
            f"{record} is of a kind that this release does not know (it knows: {', '.join(sorted(KINDS))}). "
            "Use the release of headroom.libvirt that began it.",
            transaction=record.id,
        ) from None


def describe_recovery(record: Record, direction: Direction) -> list[str]:
    """Return what recovering the record would do; nothing for one that has ended, or that is not understood."""
    if record.state != "unfinished" or record.kind not in KINDS:
        return []
    try:
        return describe_actions(record, direction)
    except UnreadableShape:
        return []


def describe_actions(record: Record, direction: Direction) -> list[str]:
    """Return what recovering the unfinished record does; raises Unsupported or UnreadableShape where nothing can."""
    with read_strictly(record):
        actions = find_kind(record).describe(record, direction)
    if record.is_complete:
        return [
            f"Note that {record.subject} is finished: every step is done, and nothing is undone."
        ]
    return actions


def find_problem(record: Record) -> str | None:
    """Return why the record was left unfinished, or why it can be neither finished nor undone by this release."""
    if record.state != "unfinished":
        return record.problem
    try:
        describe_actions(record, "roll_back")
    except (UnreadableShape, Unsupported) as error:
        return error.message
    return record.problem
