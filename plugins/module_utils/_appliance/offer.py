# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""From an entry of a feed to what can be made an appliance of."""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import (
    manifest as manifests,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
    InvalidManifest,
    Manifest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_positive
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ChecksumMismatch,
    InvalidInput,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._feed import entry as entries
from ansible_collections.headroom.libvirt.plugins.module_utils._feed import (
    read,
    signature,
    transfer,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.errors import InvalidFeed
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.history import FeedHistory
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri

from . import foreign, images

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._feed.entry import FeedEntry
    from ansible_collections.headroom.libvirt.plugins.module_utils._feed.read import (
        Feed,
        FeedAddress,
    )

    from .register import ApplianceRequest

Params = t.Mapping[str, t.Any]

_LONGEST_MANIFEST_BYTES: t.Final = 4 * 1024 * 1024


def read_address(options: Params) -> FeedAddress:
    """Return where the feed of the option ``source.feed`` is; raises InvalidInput when nothing says whom to believe."""
    url = transfer.check_url("source.feed.url", options["url"])
    max_age = options.get("max_age")
    if max_age is not None:
        check_positive("source.feed.max_age", max_age, "seconds")
    if not options["verify"]:
        return read.FeedAddress(url, None, options["format"])
    if not options["key"] or not options["fingerprint"]:
        raise InvalidInput(
            "source.feed.fingerprint",
            options["fingerprint"],
            "and key are needed to check the feed's signature",
            "Give both, or set verify: false to take what the server sends.",
        )
    return read.FeedAddress(
        url,
        signature.read_trust(options["key"], options["fingerprint"]),
        options["format"],
        max_age,
    )


def open_feed(options: Params, means: images.Means, now: float) -> Feed:
    """Return the feed as it is now; remembers how new it is, except when only looking. ``now`` is in epoch seconds."""
    place = read_address(options)
    record = FeedHistory(place.url)
    feed = read.read(means.web, place, record, now)
    if not means.look_only:
        record.remember(feed.times, feed.identity)
    return feed


def complete_request(feed: Feed, entry: FeedEntry, request: ApplianceRequest) -> ApplianceRequest:
    """Return ``request`` with all that the feed says of the entry; what the task says stays."""
    manifest = None if entry.manifest is None else _fetch_manifest(feed, entry, request)
    contradicting = [
        option for option in request.hardware_options if option not in {"arch", "network"}
    ]
    if manifest is not None and contradicting:
        raise InvalidInput(
            contradicting[0],
            "…",
            f"cannot be used here: {entry.product} comes with the machine that it is for",
            "Leave it out, and override it in headroom.libvirt.appliance_clone where a clone shall differ.",
        )
    formats = {} if manifest is None else {disk.target: disk.format for disk in manifest.disks}
    files = {
        file.target if manifest else "": images.Location(
            place=feed.locate(file),
            remote=True,
            image_format=formats.get(file.target) or entry.image_format or "auto",
            # What has a manifest comes as it is; of another's feed, the format is that of what is packed.
            may_be_packed=manifest is None,
            size_bytes=file.size_bytes,
            checksum=file.checksum,
            virtual_size_bytes=entry.virtual_size_bytes if file is entry.disks[0] else None,
        )
        for file in entry.disks
    }
    filled = dataclasses.replace(
        request, files=files, original=manifest, origin=mask_uri(feed.address.url)
    )
    return filled if manifest else _apply_hints(filled, entry)


def _apply_hints(request: ApplianceRequest, entry: FeedEntry) -> ApplianceRequest:
    """Let an entry without manifest say what the task does not."""
    only = entry.disks[0].checksum
    hardware = request.hardware
    if hardware is not None:
        hardware = dataclasses.replace(
            hardware,
            memory_bytes=hardware.memory_bytes
            if "memory" in request.hardware_options
            else max(hardware.memory_bytes, entry.min_ram_bytes or 0),
            firmware=hardware.firmware
            if "firmware" in request.hardware_options
            else entry.firmware or hardware.firmware,
            secure_boot=entry.secure_boot,
            arch=entry.arch,
        )
    return dataclasses.replace(
        request,
        hardware=hardware,
        sha256=only.digits if only.algorithm == "sha256" else None,
        os_id=request.os_id or entry.os_id,
        min_ram_bytes=entry.min_ram_bytes
        if request.min_ram_bytes is None
        else request.min_ram_bytes,
        min_disk_bytes=entry.min_disk_bytes
        if request.min_disk_bytes is None
        else request.min_disk_bytes,
        description=request.description or entry.description,
    )


def _fetch_manifest(feed: Feed, entry: FeedEntry, request: ApplianceRequest) -> Manifest:
    file = t.cast(entries.FeedFile, entry.manifest)
    text = transfer.get(
        request.means.web, feed.locate(file), min(file.size_bytes or 0, _LONGEST_MANIFEST_BYTES)
    )
    sha256 = hashlib.sha256(text).hexdigest()
    if sha256 != file.checksum.digits:
        raise ChecksumMismatch(
            f"{mask_uri(feed.locate(file))} has the SHA-256 {sha256}, not {file.checksum.digits}: it is not what was "
            "published. It is not used.",
            expected=file.checksum.digits,
            found=sha256,
        )
    try:
        manifest = foreign.check_manifest(manifests.parse_manifest(text), request.network)
    except InvalidManifest as error:
        raise InvalidFeed(f"{entry.product} {entry.version}: {error.message}") from error
    targets = [disk.target for disk in manifest.disks]
    if (manifest.name, manifest.version) != (entry.name, entry.version) or targets != [
        f.target for f in entry.disks
    ]:
        raise InvalidFeed(
            f"{entry.product} {entry.version}: the manifest is that of {manifest.id}. Tell its publisher."
        )
    return manifest
