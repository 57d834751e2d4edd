# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""From a domain to the disks and the template of an appliance: off, running, or to be sealed and shut down first."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import nvram
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.defined import look_up
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict, InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import layers
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domain_xml, domains

from . import live, rest, seal, sources, template, trial

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt

    from .sources import DiskSource


@dataclasses.dataclass(frozen=True)
class Capture:
    """A domain to capture. ``when_running``, ``quiesce`` and ``seal`` are as the options; ``token`` is random.

    With ``uuid``, a domain of that name that has another one is refused. ``purpose`` is what becomes of it.
    """

    domain: str
    journal: Journal
    token: str
    when_running: str = "refuse"
    quiesce: str = "auto"
    seal: str | None = "none"
    uuid: str | None = None
    keep_unknown: bool = False
    purpose: live.Purpose | None = None


@dataclasses.dataclass(frozen=True)
class Captured:
    """What a domain gives: its template, its disks, the appliance that it was cloned from, how it is sealed.

    ``nvram`` is what its UEFI firmware keeps, packed; ``omissions`` what its owner may miss in the template; ``rest``
    what tells whether the disks stay as they are while they are copied.
    """

    template: str
    disks: t.Sequence[DiskSource]
    parent: str | None
    seal: seal.Method
    nvram: str | None = None
    omissions: tuple[str, ...] = ()
    rest: rest.Rest | None = None


@contextlib.contextmanager
def open_capture(
    connection: Connection,
    capture: Capture,
    check: t.Callable[[Captured], None] = lambda _captured: None,
    *,
    look_only: bool,
) -> t.Iterator[Captured]:
    """Yield what the domain gives, which stays so for the block. With ``look_only`` nothing is done to the domain.

    ``check`` raises for what cannot become an appliance, before anything is done to the domain.
    """
    if not look_only:
        may_seal = capture.when_running == "shutdown" and capture.seal in {None, "agent"}
        live.settle(capture.journal, connection, capture.domain, needs_agent=may_seal)
    domain = look_up(connection, capture.domain, capture.uuid).domain
    running = domains.is_active(domain)
    if not running or capture.when_running == "refuse":
        sources.require_stopped(connection, capture.domain)
    will_stop = running and capture.when_running == "shutdown"
    method = seal.choose(
        capture.seal,
        uri=connection.uri,
        will_stop=will_stop,
        has_agent=will_stop and seal.has_agent(domain),
    )
    _require_complete(domain)
    text = domains.read_definition_xml(
        domain, secrets=True
    )  # that there is a password is to be seen
    definition = domain_xml.parse(text)
    # Refuses what cannot be cloned before anything is done to the domain.
    text_of_template = template.make_template(text, keep_unknown=capture.keep_unknown)
    if not template.list_disk_targets(text_of_template):
        raise InvalidInput(
            "source.domain", capture.domain, "has no disk", "Name a domain with a disk of its own."
        )
    is_live = running and capture.when_running == "live"
    sources.require_capturable(connection, definition, "capture live" if is_live else "capture")
    trial.try_definition(connection, text_of_template, domain.UUIDString())
    captured = Captured(
        text_of_template,
        sources.find_disks(connection, definition),
        definition.metadata.appliance,
        method,
        nvram.read(connection, text),
        template.list_omissions(text),
    )
    check(captured)
    if look_only:
        yield captured
        return
    with contextlib.ExitStack() as stack:
        if is_live:
            disks = stack.enter_context(_freeze_disks(connection, capture))
        else:
            disks = stack.enter_context(_hold_disks(connection, capture, method, stop=will_stop))
        yield dataclasses.replace(
            captured,
            disks=disks,
            nvram=nvram.read(connection, text),
            rest=rest.observe(capture.domain, disks),
        )


def _freeze_disks(
    connection: Connection, capture: Capture
) -> t.ContextManager[list[sources.VolumeDisk]]:
    return live.freeze_disks(
        connection,
        capture.domain,
        capture.journal,
        capture.token,
        capture.purpose,
        quiesce=capture.quiesce,
    )


@contextlib.contextmanager
def _hold_disks(
    connection: Connection, capture: Capture, method: seal.Method, *, stop: bool
) -> t.Iterator[list[sources.VolumeDisk]]:
    name, journal, purpose = capture.domain, capture.journal, capture.purpose
    with contextlib.ExitStack() as stack:
        transaction = None
        if stop:
            stopped = live.stop_domain(connection, name, journal, method, purpose)
            transaction = stack.enter_context(stopped)
        held = live.hold_disks(connection, name, journal, capture.token, purpose, transaction)
        yield stack.enter_context(held)


def _require_complete(domain: libvirt.virDomain) -> None:
    """Raise Conflict for a domain of which a part is still on another host: what it lacks would be zeros."""
    roots = [domains.read_live_element(domain)]
    if domains.is_persistent(domain):
        roots.append(domains.read_definition_element(domain))
    reason = next(filter(None, map(layers.explain_incomplete, roots)), None)
    if reason is not None:
        raise Conflict(
            f"source.domain: {domain.name()!r} is not whole: {reason}. Let it run until it is pulled in, by the task "
            "that brought it here, and run this task again.",
            domain=domain.name(),
        )
