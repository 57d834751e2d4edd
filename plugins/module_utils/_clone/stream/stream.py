# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Clones that run before their disks are there: started on their source, pulled in, watched, and mended."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import export_xml, exports
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import blocks, domains, states
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import (
    split_version,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Waiter

from . import progress, serve

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
        Manifest,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

    from .progress import Progress

# QEMU looks for a server that it has lost at growing intervals of up to 16 s, whoever asks for its disks meanwhile.
_MEND_TRIES: t.Final = 30
_MEND_LOOK_SECONDS: t.Final = 2.0
_MEND_PAUSE_SECONDS: t.Final = 1.0
_RECONNECT_SINCE: t.Final = (9, 5, 0)
_TITLE: t.Final = "Serves {appliance} to clones that are not local yet"


class WrongSource(HeadroomError):
    """What the disks of a clone stand on is not what was exported for it."""

    kind = "wrong_source"


class StreamingFailed(HeadroomError):
    """A clone is not local, and nothing makes it so just now. It is not damaged."""

    kind = "streaming_failed"


def title(appliance: str) -> str:
    """Return the title of the domain that serves ``appliance``."""
    return _TITLE.format(appliance=appliance)


def reconnects(connection: Connection) -> bool:
    """Return whether this libvirt can have a guest wait for a lost source."""
    return split_version(connection.handle.getLibVersion()) >= _RECONNECT_SINCE


def start(
    connection: Connection, domain: domains.Domain, record: export_xml.Record, manifest: Manifest
) -> None:
    """Start a clone on its source, paused, and begin to pull once the chain is what it must be."""
    domains.start(domain, paused=True)
    check_chain(connection, domain, record, manifest)
    _pull(domain, [disk.target for disk in manifest.disks], record.bytes_per_second)


def check_chain(
    connection: Connection, domain: domains.Domain, record: export_xml.Record, manifest: Manifest
) -> None:
    """Raise WrongSource unless each disk stands on its own export, and that has the size of the appliance's disk."""
    under, layers = (
        export_xml.backings(domains.read_live_xml(domain)),
        blocks.layers(connection, domain),
    )
    for disk in manifest.disks:
        expected = (export_xml.url_of(record.export, disk.target),)
        if under.get(disk.target) != expected or layers.get(disk.target, [])[1:] != [
            disk.virtual_size_bytes
        ]:
            raise WrongSource(
                f"the disk {disk.target} of {domain.name()!r} does not stand on {expected[0]} with "
                f"{disk.virtual_size_bytes} bytes, but on {', '.join(under.get(disk.target, ())) or 'nothing'} with "
                f"{layers.get(disk.target, [])[1:]}.",
                disk=disk.target,
            )


def observe(domain: domains.Domain, *, source: bool | None = None) -> Progress:
    """Return how far the clone is."""
    number, reason = domains.read_state(domain)
    state = states.state_name(number)
    jobs = (
        _jobs(domain)
        if state in states.ACTIVE_STATES
        else dict.fromkeys(export_xml.backings(domains.read_live_xml(domain)))
    )
    return progress.progress(
        progress.Observed(state, states.reason_name(state, reason), jobs, source)
    )


def finish(
    connection: Connection, domain: domains.Domain, record: export_xml.Record, source: Connection
) -> None:
    """Let a clone that is local be as any other, and end the export when no clone needs it any more.

    That a disk which cannot be read or written stops its guest stays: few would want it otherwise.
    """
    definition = domains.read_definition_xml(domain)
    if export_xml.backings(
        definition
    ):  # libvirt takes it out itself, where it was there when the last byte came
        domains.define(connection, export_xml.without_backing(definition))
    read = exports.ref_of(record)
    if not exports.is_needed(connection, read, without=domain.UUIDString()):
        exports.stop(source, read.helper)
    domains.remove_metadata(domain, export_xml.RECORD_NAMESPACE)


def mend(
    connection: Connection,
    domain: domains.Domain,
    record: export_xml.Record,
    source: Connection,
    clock: Clock,
) -> Progress:
    """Serve the disks again where the clone looks for them, go on pulling, and then let it run; return how far it is.

    The guest runs last: by then its own reads find the source. Raises StreamingFailed.
    """
    catalogue, manifest = serve.manifest_at(source, record.export.source_pool, record.appliance)
    serve.serve_again(catalogue, manifest, record.export, title(record.appliance))
    if not domains.is_active(domain):
        domains.start(domain, paused=True)
        check_chain(connection, domain, record, manifest)
    for _unused in range(_MEND_TRIES):
        _pull(domain, sorted(_jobs(domain)), record.bytes_per_second)
        if not Waiter(_MEND_LOOK_SECONDS, clock).holds(lambda: None in _jobs(domain).values()):
            break
        clock.sleep(_MEND_PAUSE_SECONDS)
    else:
        raise failed(domain, record, observe(domain))
    if states.state_name(domains.read_state(domain)[0]) == "paused":
        domains.resume(domain)
    return observe(domain)


def _jobs(domain: domains.Domain) -> dict[str, blocks.Job | None]:
    """Return the job of each disk of a running domain that still stands on its source."""
    return {
        target: blocks.read_job(domain, target)
        for target, under in export_xml.backings(domains.read_live_xml(domain)).items()
        if any(layer.startswith("nbd:") for layer in under)
    }


def _pull(domain: domains.Domain, targets: t.Iterable[str], bytes_per_second: int) -> None:
    for target in targets:
        if blocks.read_job(domain, target) is None:
            blocks.pull(domain, target, bytes_per_second)


def failed(domain: domains.Domain, record: export_xml.Record, found: Progress) -> StreamingFailed:
    """Return the error for a clone that ``found`` says does not become local."""
    where = mask_uri(record.export.source_uri)
    return StreamingFailed(
        f"{domain.name()!r} is not local: {found.reason} Its disks are not damaged, but it needs {record.appliance} "
        f"from {where} again. When that host is back, run the task again, which goes on where it stopped. If it is "
        "gone for good, remove the clone and make it from another source.",
        name=domain.name(),
        source_uri=where,
        **found.as_dict(),
    )
