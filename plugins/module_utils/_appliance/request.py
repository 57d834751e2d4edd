# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""From the options of the module to what is to become an appliance."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t
from pathlib import Path

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import manifest
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import ApplianceId
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_positive
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput, NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.entry import (
    Checksum,
    kernel_arch,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.transfer import Web, check_url
from ansible_collections.headroom.libvirt.plugins.module_utils._names import (
    check_name,
    check_version,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._sizes import parse_size

from . import foreign
from .build import Hardware
from .capture import Capture
from .images import Location, Means
from .live import Purpose
from .register import ApplianceRequest

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
        Manifest,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal

Params = t.Mapping[str, t.Any]

_HARDWARE: t.Final = ("memory", "vcpus", "arch", "machine", "firmware", "network")
# A machine from elsewhere is as it is, but what it is attached to is decided here.
_HARDWARE_OF_ELSEWHERE: t.Final = tuple(name for name in _HARDWARE if name != "network")
_SHA256_DIGITS: t.Final = 64


def read_appliance_id(params: Params) -> ApplianceId:
    """Return the appliance that ``name`` and ``version`` name; raises InvalidInput."""
    if params["version"] is None:
        raise InvalidInput(
            "version", None, "is needed", "Only of a feed the newest version can be asked for."
        )
    return ApplianceId(
        check_name("name", params["name"]), check_version("version", params["version"])
    )


def read_means(params: Params, *, look_only: bool) -> Means:
    """Return how images are obtained."""
    web = Web(params["timeout"], params["ca_path"], params["validate_certs"])
    return Means(web, Path(params["download_dir"]), _read_size(params, "max_size"), look_only)


def read_request(
    params: Params,
    appliance: ApplianceId,
    means: Means,
    journal: Journal,
    *,
    now: float,
    token: str,
    host_arch: str,
) -> ApplianceRequest:
    """Return the Request that the options make.

    Raises InvalidInput for options that contradict one another, InvalidManifest for a manifest that reaches into this
    host. Of a source that is a feed or another host it holds only what the task says. ``now`` is in epoch seconds.
    """
    source = params["source"]
    original = _read_manifest(params["manifest"], params["network"] or None)
    _refuse_contradictions(params, original is not None)
    if params["seal"] not in {None, "none"} and source["domain"] is None:
        raise InvalidInput("seal", params["seal"], "is for captured domains", "Leave it out.")
    files = _read_files(source)
    is_made = source["domain"] is None and original is None and params["template"] is None
    digits = _read_sha256(params["sha256"], files)
    if digits and source.get("checksums"):
        raise InvalidInput(
            "sha256", digits, "cannot be given together with source.checksums", "Leave one out."
        )
    if source["url"] and digits:
        files = {"": dataclasses.replace(files[""], checksum=Checksum("sha256", digits))}
    return ApplianceRequest(
        appliance=appliance,
        created=dt.datetime.fromtimestamp(now, dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        token=token,
        capture=_read_capture(params, appliance, journal, token),
        files=files,
        means=means,
        template=_read_template(params["template"]),
        keep_unknown=params["unknown_elements"] == "keep",
        hardware=_read_hardware(params, host_arch) if is_made else None,
        hardware_options=tuple(
            name for name in (*_HARDWARE, "template") if params[name] is not None
        ),
        network=params["network"] or None,
        original=original,
        sha256=digits,
        os_id=params["os_id"],
        min_ram_bytes=_read_size(params, "min_ram"),
        min_disk_bytes=_read_size(params, "min_disk"),
        description=params["description"],
    )


def _read_manifest(data: t.Mapping[str, t.Any] | None, network: str | None) -> Manifest | None:
    """Return the manifest of the option: it comes from another host, so it may say no more than one of a feed."""
    return None if data is None else foreign.check_manifest(manifest.build_manifest(data), network)


def _read_capture(
    params: Params, appliance: ApplianceId, journal: Journal, token: str
) -> Capture | None:
    source = params["source"]
    if source["domain"] is None:
        return None
    return Capture(
        source["domain"],
        journal,
        token,
        source["when_running"],
        source["quiesce"],
        params["seal"],
        source.get("domain_uuid"),
        params["unknown_elements"] == "keep",
        Purpose(params["pool"], appliance, token),
    )


def _read_files(source: Params) -> dict[str, Location]:
    """Return {target, or "" where there is one only: where it is}."""
    checksums = source.get("checksums")
    if source["url"]:
        return {
            "": Location(
                check_url("source.url", source["url"]),
                remote=True,
                image_format=source["format"],
                checksums=checksums and check_url("source.checksums", checksums),
            )
        }
    if checksums:
        remedy = "Leave it out, and give sha256 for a file of this machine."
        raise InvalidInput("source.checksums", checksums, "is for source.url", remedy)
    paths = {"": source["file"]} if source["file"] else dict(source["files"] or {})
    for target in paths:
        if target:
            check_name("source.files", target)
    return {target: Location(path, image_format=source["format"]) for target, path in paths.items()}


def _refuse_contradictions(params: Params, has_manifest: bool) -> None:
    ways = _HARDWARE_OF_ELSEWHERE if has_manifest else _HARDWARE
    hardware_options = [name for name in ways if params[name] is not None]
    taken_from = (
        "source.domain" if params["source"]["domain"] else "manifest" if has_manifest else None
    )
    if taken_from and params["template"] is not None:
        raise InvalidInput(
            "template", "…", f"cannot be given together with {taken_from}", "Leave one of them out."
        )
    if taken_from == "source.domain" and has_manifest:
        raise InvalidInput(
            "manifest", "…", "cannot be given together with source.domain", "Leave one of them out."
        )
    if hardware_options and (taken_from or params["template"] is not None):
        raise InvalidInput(
            hardware_options[0],
            params[hardware_options[0]],
            f"cannot be used here: the machine is that of {taken_from or 'template'}",
            "Leave it out, and override it in headroom.libvirt.appliance_clone where a clone shall differ.",
        )


def _read_template(value: str | None) -> str | None:
    """Return XML as it is, and the content of a file for anything else."""
    # An XML declaration stands at the very beginning, or nowhere.
    if value is None:
        return None
    text = value.lstrip("\ufeff \t\r\n")
    if text.startswith("<"):
        return text
    try:
        return Path(value).read_text(encoding="utf-8-sig").lstrip()
    except (OSError, UnicodeError) as error:
        raise NotFound(
            f"template: {value!r} is neither XML nor a file that can be read where this module runs ({error}).",
            path=value,
        ) from error


def _read_hardware(params: Params, host_arch: str) -> Hardware:
    vcpus = 1 if params["vcpus"] is None else params["vcpus"]
    check_positive("vcpus", vcpus, "vCPUs")
    network = "default" if params["network"] is None else params["network"]
    return Hardware(
        memory_bytes=_read_size(params, "memory") or 1024**3,
        vcpus=vcpus,
        arch=kernel_arch(params["arch"] or host_arch),
        machine=params["machine"],
        firmware=params["firmware"],
        network=network or None,
        os_id=params["os_id"],
    )


def _read_sha256(value: str | None, files: t.Mapping[str, Location]) -> str | None:
    if value is None:
        return None
    digits = value.lower().removeprefix("sha256:")
    if len(digits) != _SHA256_DIGITS or set(digits) - set("0123456789abcdef"):
        raise InvalidInput(
            "sha256", value, "is not a SHA-256", f"Write {_SHA256_DIGITS} hexadecimal digits."
        )
    if len(files) != 1:
        raise InvalidInput(
            "sha256",
            value,
            "is for one file",
            "Use source.file or source.url, or give manifest for several.",
        )
    return digits


def _read_size(params: Params, option: str) -> int | None:
    return None if params[option] is None else parse_size(option, params[option])
