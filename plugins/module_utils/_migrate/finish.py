# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What comes after the switch-over. Each step can be done again, so that it is resumed as it is done at first."""

from __future__ import annotations

import itertools
import posixpath
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import (
    read_disk_volume,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    NotFound,
    TimedOut,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import deletion
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import (
    chain,
    dependency,
    export_xml,
    serve,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.pull import (
    Pull,
    StallWatch,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domains,
    folders,
    migration,
)

from .intent import MIB

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt

    from .endpoints import Endpoints
    from .intent import Intent

_LOOK_EVERY_SECONDS: t.Final = 0.3
# A link that is cut for minutes is waited for; after that somebody should look.
_PATIENCE_SECONDS: t.Final = 300.0


def settle(sides: Endpoints, intent: Intent, port: int) -> None:
    """Make the guest at home on the destination, and start pulling in what it still reads from the source."""
    _leave_source(sides, intent)
    domain = sides.find_at_destination()
    if domain is not None and intent.autostart and domains.is_persistent(domain):
        domains.set_autostart(domain, True)
    if intent.streamed and not _is_off_and_local(domain):
        _pull_of(sides, intent, port).start()


def start(domain: libvirt.virDomain, *, paused: bool = False) -> None:
    """Start a guest that fell, unless its host, which may have just booted, was faster."""
    try:
        domains.start(domain, paused=paused)
    except HeadroomError:
        if not domains.is_active(domain):
            raise


def take_autostart(sides: Endpoints) -> None:
    """Have the guest not start with the source any more, whose definition may outlast the switch-over.

    That is done before memory moves, and not after: from the moment in which the destination's copy runs until libvirt
    has told the source, and for good where the definition stays there, a source that boots would start a second guest.
    Nobody can tell when that moment is if the module dies, as libvirt goes on without it. So for the length of the move
    no host starts the guest by itself; whoever finishes the move, or takes it back, gives that to the one that has it.
    """
    domain = sides.find_at_source()
    if domain is not None and domains.is_persistent(domain):
        domains.set_autostart(domain, False)


def _leave_source(sides: Endpoints, intent: Intent) -> None:
    """Have the source's definition go, or not start with its host, before the destination's does."""
    domain = sides.find_at_source()
    if domain is None or domains.is_active(domain):
        return
    if intent.undefine_source:
        domains.forget(domain)
    else:
        domains.set_autostart(domain, False)


def _is_off_and_local(domain: libvirt.virDomain | None) -> bool:
    """Return whether a guest needs nothing of the source, and no QEMU has it that could read it."""
    return (
        domain is not None
        and not domains.is_active(domain)
        and not chain.find_remote(domains.read_live_xml(domain))
    )


def complete(sides: Endpoints, intent: Intent, port: int) -> dict[str, str]:
    """Wait until all is local, then tidy both hosts; return {path: reason} of what stays on the source."""
    if intent.streamed:
        _await_local(sides, intent, port)
    return tidy(sides, intent)


def tidy(sides: Endpoints, intent: Intent) -> dict[str, str]:
    """As complete(), when all is local."""
    if intent.streamed:
        _restore_definition(sides, intent)
        _require_local(sides, intent)
        serve.stop(sides.source, intent.helper, intent.export_helper.leftover_paths)
    kept = _delete_source_files(sides, intent)
    arrived = sides.find_at_destination()
    if arrived is not None:  # last: until then whoever looks at the guest can do all of this again
        dependency.clear(arrived)
    return kept


def _delete_source_files(sides: Endpoints, intent: Intent) -> dict[str, str]:
    own = [disk.source_path for disk in intent.disks if disk.is_own]
    paths = [disk.source_path for disk in intent.disks_to_move if not disk.is_own]
    paths = [*(disk.overlay_path for disk in intent.streamed), *paths]
    stay: dict[str, str] = {}
    if not intent.remove_source_volumes:
        stay, paths = dict.fromkeys(paths, "remove_source_volumes is not set"), []
    if not intent.undefine_source:
        reason = "the definition that it belongs to stays (undefine_source is false)"
        stay, own = {**stay, **dict.fromkeys(own, reason)}, []
    # what is left of the guest's own definition there needs them no more: it runs elsewhere, on disks of its own
    with folders.open_folders(sides.source, own):
        kept = deletion.delete_files(sides.source, [*paths, *own], without={intent.uuid})
    return {**(_find_lower(intent) if intent.remove_source_volumes else {}), **stay, **kept}


def _find_lower(intent: Intent) -> dict[str, str]:
    """Return {path: reason} of what the disks stood on, without disks of appliances: it may be somebody else's too."""
    lower = itertools.chain.from_iterable(disk.lower_paths for disk in intent.disks_to_move)
    reason = (
        "a disk of the guest stood on it, whose copy does not. Delete it if nothing else needs it"
    )
    return {path: reason for path in lower if read_disk_volume(posixpath.basename(path)) is None}


def _await_local(sides: Endpoints, intent: Intent, port: int) -> None:
    """Return when every disk is local. What fails on the way is begun again, the export included.

    Raises TimedOut when nothing has moved for minutes: the guest waits, and the transaction can be resumed.
    """
    watch = StallWatch(_PATIENCE_SECONDS, sides.clock.now())
    while True:
        sides.stop_if_cancelled()
        if _is_off_and_local(sides.find_at_destination()):
            return
        pull = _pull_of(sides, intent, port)
        missing = pull.find_missing()
        if not missing:
            pull.wake()
            return
        if watch.is_stalled(pull.advance(), sides.clock.now()):
            raise TimedOut(
                f"{intent.name!r} runs on the destination, but nothing of its disks {', '.join(missing)} has arrived "
                f"for {_PATIENCE_SECONDS:g} s. Mend the network between the hosts, then run the task again, or resume "
                "the transaction with headroom.libvirt.transaction."
            )
        sides.clock.sleep(_LOOK_EVERY_SECONDS)


def _pull_of(sides: Endpoints, intent: Intent, port: int) -> Pull:
    """Return the pull of the streamed disks of the guest, which must run on the destination."""
    return Pull(
        _look_up_running(sides, intent),
        (intent.pull_bandwidth or 0) * MIB,
        lambda: serve.ensure(sides.source, intent.export_helper, port),
        {disk.target for disk in intent.streamed},
    )


def _look_up_running(sides: Endpoints, intent: Intent) -> libvirt.virDomain:
    domain = sides.find_at_destination()
    if domain is None:
        raise NotFound(
            f"{intent.name!r} is not on the destination any more. If it was removed on purpose, take the transaction "
            "back.",
        )
    if not domains.is_active(domain):
        raise Conflict(
            f"{intent.name!r} is off, and a disk is only pulled in while its guest runs. Run the task again, or resume "
            "the transaction: what it reads from the source is served, and it is started on the destination.",
        )
    return domain


def _restore_definition(sides: Endpoints, intent: Intent) -> None:
    """Give the definition on the destination the error policies back that it had before the move.

    What its disks stood on goes: libvirt takes it out itself, but not always, and then the guest could not start again.
    """
    domain = sides.find_at_destination()
    if domain is None or not intent.persistent or not domains.is_persistent(domain):
        return
    before = migration.read_migratable_xml(domain, inactive=True)
    after = export_xml.put_policies(before, intent.policies)
    stale = {disk.target for disk in intent.streamed}.intersection(chain.find_remote(after))
    if stale:
        after = export_xml.remove_backings(after, stale)
    if after != before:
        domains.define(sides.destination, after)


def _require_local(sides: Endpoints, intent: Intent) -> None:
    """Raise HeadroomError unless the guest that runs and its definition need nothing of the source any more."""
    domain = sides.find_at_destination()
    if domain is None:
        return
    remote = set(chain.find_remote(domains.read_live_xml(domain)))
    if domains.is_persistent(domain):
        remote.update(chain.find_remote(domains.read_definition_xml(domain)))
    remote.intersection_update(disk.target for disk in intent.streamed)
    if remote:
        raise HeadroomError(
            f"the disk {', '.join(sorted(remote))} of {intent.name!r} has been pulled in, but libvirt still says that "
            "it stands on what the source serves. Nothing is deleted there. Run the task again."
        )
