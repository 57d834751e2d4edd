# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""One streamed clone: started on its source, mended after a loss, and finished once it is local."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import (
    chain,
    dependency,
    export_xml,
    exports,
    serve,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.pull import Pull, observe
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import blocks, domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import Service
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import (
    split_version,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.machines import (
    read_machine_uri,
)

from . import source

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
        Manifest,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.exports import (
        StreamRecord,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.pull import Progress
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

_RECONNECT_SINCE: t.Final = (9, 5, 0)


class StreamingFailed(HeadroomError):
    """A clone is not local, and nothing makes it so just now. It is not damaged."""

    kind = "streaming_failed"


def can_reconnect(connection: Connection) -> bool:
    """Return whether this libvirt can have a guest wait for a lost source."""
    return split_version(connection.handle.getLibVersion()) >= _RECONNECT_SINCE


def start(
    connection: Connection, domain: domains.Domain, record: StreamRecord, manifest: Manifest
) -> None:
    """Start a clone on its source, paused, and begin to pull once the chain is what it must be."""
    _start_paused(connection, domain, record, manifest)
    Pull(domain, record.bytes_per_second, lambda: None).start()


def _start_paused(
    connection: Connection, domain: domains.Domain, record: StreamRecord, manifest: Manifest
) -> None:
    """Raise WrongSource unless each disk stands on its own export, and that has the size of the appliance's disk."""
    domains.start(domain, paused=True)
    text = domains.read_live_xml(domain)
    own = {target: layers[:1] for target, layers in chain.read_chains(text).items()}
    expected = {
        disk.target: (*own.get(disk.target, ()), str(record.export_of(disk.target)))
        for disk in manifest.disks
    }
    chain.check_chains(text, expected)
    sizes = blocks.layers(connection, domain)
    for disk in manifest.disks:
        below = sizes.get(disk.target, [])[1:]
        if below != [disk.virtual_size_bytes]:
            raise chain.WrongSource(
                f"the disk {disk.target} of {domain.name()!r} stands on {expected[disk.target][-1]} with {below} "
                f"bytes, and the appliance's has {disk.virtual_size_bytes}.",
                disk=disk.target,
            )


def finish(
    connection: Connection, domain: domains.Domain, record: StreamRecord, remote: Connection
) -> None:
    """Let a clone that is local be as any other, and end the export when no clone needs it any more.

    That a disk which cannot be read or written stops its guest stays: few would want it otherwise.
    """
    definition = domains.read_definition_xml(domain, secrets=True)
    # libvirt takes it out itself, where it was there when the last byte came
    if chain.find_stacked(definition):
        domains.define(connection, export_xml.remove_backings(definition))
    if not exports.is_needed(connection, record.ref, without=domain.UUIDString()):
        serve.stop(remote, record.ref.helper)
    domains.remove_metadata(domain, exports.RECORD_NAMESPACE)
    dependency.clear(domain)


def mend(
    connection: Connection,
    domain: domains.Domain,
    record: StreamRecord,
    remote: Connection,
    clock: Clock,
) -> Progress:
    """Serve the disks again where the clone looks for them, go on pulling, and then let it run; return how far it is.

    Raises StreamingFailed.
    """
    catalogue, manifest = source.find_manifest(remote, record.source_pool, record.appliance)

    recorded = domains.read_metadata(domain).dependency
    since = "" if recorded is None else recorded.since
    service = Service(read_machine_uri(connection), since=since)

    def serve_again() -> None:
        source.serve_again(catalogue, manifest, record, service)

    if not domains.is_active(domain):
        serve_again()
        _start_paused(connection, domain, record, manifest)
    if not Pull(domain, record.bytes_per_second, serve_again).mend(clock):
        raise describe_failure(domain, record, observe(domain))
    return observe(domain)


def describe_failure(
    domain: domains.Domain, record: StreamRecord, progress: Progress
) -> StreamingFailed:
    """Return the error for a clone that ``progress`` says does not become local."""
    where = mask_uri(record.source_uri)
    return StreamingFailed(
        f"{domain.name()!r} is not local: {progress.reason} Its disks are not damaged, but it needs {record.appliance} "
        f"from {where} again. When that host is back, run the task again, which goes on where it stopped. If it is "
        "gone for good, remove the clone and make it from another source.",
        name=domain.name(),
        source_uri=where,
        **progress.as_dict(),
    )
