# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Bringing about what the module appliance is asked for: one appliance there, gone, or all that a feed offers."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import (
    catalogue as catalogues,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import (
    dependents,
    provenance,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import ApplianceId
from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ChecksumMismatch,
    HeadroomError,
    InvalidInput,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.clouds import find_cloud_image
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.entry import (
    derive_version,
    kernel_arch,
    select,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.errors import (
    FeedRefused,
    InvalidFeed,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.transfer import Missing
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.users import Uses
from ansible_collections.headroom.libvirt.plugins.module_utils._names import (
    check_name,
    check_new_name,
    check_version,
)

from . import flatten, live, offer, recover, register, remote, removal, sync
from .request import read_appliance_id, read_means, read_request

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
        Manifest,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._feed.read import Feed
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

    from .register import ApplianceRequest

Params = t.Mapping[str, t.Any]

# By these names is told what is wrong with an image that a feed offers.
_OPTIONS_OF_IMAGES: t.Final = frozenset({"source.url", "source.file", "source.format"})


@dataclasses.dataclass(frozen=True)
class RunContext:
    """What a run is given beside its options.

    Whether it may act, the time in epoch seconds, tokens, the journal, and the architecture of the host.
    """

    check_mode: bool
    now: float
    token: t.Callable[[], str]
    journal: Journal
    host_arch: str


def ensure_present(connection: Connection, params: Params, run: RunContext) -> dict[str, t.Any]:
    """Make the appliance, if it is not there, and return the task's result."""
    check_new_name("name", params["name"])
    params = _resolve_cloud(params, run)
    catalogue = _open_catalogue(connection, params, run)
    request = None
    if params["source"]["feed"] and params["version"] is not None:
        params = {**params, "version": derive_version(params["version"])}
    if params["version"] is not None:
        request = _read_request(params, read_appliance_id(params), run)
        existing = catalogue.find(request.appliance.name, request.appliance.version)
        if existing is not None:
            return _report_unchanged(catalogue, existing, request, run)
    if params["source"]["feed"]:
        request = _read_feed_request(params, run)
        existing = catalogue.find(request.appliance.name, request.appliance.version)
        if existing is not None:
            return _report_unchanged(catalogue, existing, request, run)
    request = request or _read_request(params, read_appliance_id(params), run)
    if params["source"]["uri"]:
        return _copy_from_host(catalogue, params, request, run)
    return _make(catalogue, request, run)


def _resolve_cloud(params: Params, run: RunContext) -> Params:
    """Return the options with the address of the image that ``source.cloud`` names, which ``sha256`` may pin."""
    source = params["source"]
    if not source.get("cloud"):
        return params
    if source["checksums"]:
        remedy = "Leave it out: the image is checked by its publisher's list, or give sha256."
        raise InvalidInput("source.checksums", source["checksums"], "is for source.url", remedy)
    image = find_cloud_image(source["cloud"], _choose_arch(params, run), source["mirror"])
    checksums = None if params["sha256"] else image.checksums
    return {
        **params,
        "source": {**source, "url": image.url, "checksums": checksums},
        "os_id": params["os_id"] or image.os_id,
    }


def ensure_absent(connection: Connection, params: Params, run: RunContext) -> dict[str, t.Any]:
    """Remove the appliance, if it is there and nothing stands on it, and return the task's result."""
    appliance = read_appliance_id(params)
    catalogue = _open_catalogue(connection, params, run)
    existing = catalogue.find(appliance.name, appliance.version)
    changes = Changes()
    if existing is None:
        _require_readable(catalogue, appliance, run)
    else:
        if params["flatten"] and not run.check_mode:
            flatten.settle_all(run.journal, connection)
        standing = _judge_users(catalogue, existing, params, run)
        changes.add(str(existing.id), register.summarise(existing), None)
        for name in standing.domains:
            changes.add(f"disks of {name}", f"stand on {existing.id}", "stand alone")
        if not run.check_mode:
            flatten.flatten(connection, standing, run.journal, run.token())
            uses = Uses(connection)
            if catalogue.rbd is None:
                dependents.refuse(existing, dependents.find(catalogue, existing, uses))
            removal.remove(catalogue, existing, uses, run.journal)
    return {**changes.as_result(), "appliance": None}


def _judge_users(
    catalogue: Catalogue, manifest: Manifest, params: Params, run: RunContext
) -> dependents.Users:
    """Return those who are to be parted from the appliance; raises InUse for any that keep it from going."""
    users = dependents.find(catalogue, manifest)
    if catalogue.rbd is not None:
        if params["flatten"] and users.words:
            raise Unsupported(
                f"flatten: {', '.join(users.words)} stand on {manifest.id} in Ceph, where libvirt parts no clone from "
                "its base. Do that with Ceph's own tool (rbd flatten, for each image that rbd children names), and "
                "leave flatten out.",
                appliance=str(manifest.id),
            )
        if run.check_mode:
            dependents.refuse(manifest, users)
        # which of them still stand on it Ceph alone knows: see removal.py
        return dependents.Users({}, ())
    if params["flatten"]:
        flatten.check(catalogue.connection, users)
    else:
        dependents.refuse(manifest, users)
    return users


def synchronise(connection: Connection, params: Params, run: RunContext) -> dict[str, t.Any]:
    """Bring the catalogue to what a feed offers, and return the task's result."""
    catalogue = _open_catalogue(connection, params, run)
    means = read_means(params, look_only=run.check_mode)
    options = params["source"]["feed"]
    if not options:
        raise InvalidInput(
            "source",
            sorted(name for name, value in params["source"].items() if value),
            "is not a feed",
            "Name a feed: state: synced follows one.",
        )
    feed = offer.open_feed(options, means, run.now)
    patterns = options["products"] or ([params["name"]] if params["name"] else ["*"])
    plan = sync.make_plan(
        feed, catalogue.read_all(), patterns, _choose_arch(params, run), params["keep"]
    )
    changes = Changes()
    results, refused = _add_missing(catalogue, feed, plan, params, run, changes)
    results += [
        {"id": str(manifest.id), "action": "kept", "reason": None} for manifest in plan.present
    ]
    if refused and not results:
        raise InvalidFeed(f"nothing of the feed can be used: {refused[0][1]}")
    results += [{"id": name, "action": "refused", "reason": problem} for name, problem in refused]
    for manifest in plan.surplus:
        results.append(
            sync.remove(catalogue, manifest, changes, run.journal, check_mode=run.check_mode)
        )
    results.sort(key=lambda result: str(result["id"]))
    return {
        **changes.as_result(),
        "appliance": None,
        "appliances": results,
        "warnings": [f"{name} was not taken over: {problem}" for name, problem in refused],
    }


def _add_missing(
    catalogue: Catalogue,
    feed: Feed,
    plan: sync.SyncPlan,
    params: Params,
    run: RunContext,
    changes: Changes,
) -> tuple[list[dict[str, t.Any]], list[tuple[str, str]]]:
    """Make what the catalogue lacks; return a row for each that was made, and (name, why) of what cannot be used."""
    results: list[dict[str, t.Any]] = []
    refused = [(f"{entry.name}:{entry.version}", problem) for entry, problem in plan.refused]
    for entry in plan.missing:
        appliance = ApplianceId(entry.name, entry.version)
        request = _read_request(params, appliance, run)
        try:
            outcome = _make(catalogue, offer.complete_request(feed, entry, request), run)
        except (FeedRefused, Missing, ChecksumMismatch, InvalidInput, Unsupported) as error:
            if not _concerns_entry(error):
                raise
            refused.append((str(appliance), error.message))
            continue
        changes.add(str(appliance), None, outcome["diff"]["after"].get(str(appliance)))
        results.append({"id": str(appliance), "action": "added", "reason": None})
    return results, refused


def _concerns_entry(error: HeadroomError) -> bool:
    """Whether it is the image that cannot be used, and not an option of the task, which would end for all alike."""
    option = str(error.details.get("option", ""))
    return not isinstance(error, InvalidInput) or option in _OPTIONS_OF_IMAGES


def _read_feed_request(params: Params, run: RunContext) -> ApplianceRequest:
    """Return the request for what the feed has of the product; its version where the task names none."""
    means = read_means(params, look_only=run.check_mode)
    options = params["source"]["feed"]
    name = check_name("name", params["name"])
    version = None if params["version"] is None else check_version("version", params["version"])
    feed = offer.open_feed(options, means, run.now)
    entry = select(feed.entries, options["product"] or name, version, _choose_arch(params, run))
    return offer.complete_request(
        feed, entry, _read_request(params, ApplianceId(name, entry.version), run)
    )


def _copy_from_host(
    catalogue: Catalogue, params: Params, request: ApplianceRequest, run: RunContext
) -> dict[str, t.Any]:
    """Copy the appliance of another host; what the task says of the machine would contradict what it is."""
    contradicting = [option for option in request.hardware_options if option != "network"]
    if contradicting:
        raise InvalidInput(
            contradicting[0],
            "…",
            "cannot be used here: the appliance of another host comes with its machine",
            "Leave it out, and override it in headroom.libvirt.appliance_clone where a clone shall differ.",
        )
    with remote.open_remote(
        params["source"], str(request.appliance), request.network, params["connect_timeout"]
    ) as distant:
        filled = dataclasses.replace(request, distant=distant, original=distant.manifest)
        return _make(catalogue, filled, run)


def _read_request(params: Params, appliance: ApplianceId, run: RunContext) -> ApplianceRequest:
    means = read_means(params, look_only=run.check_mode)
    return read_request(
        params,
        appliance,
        means,
        run.journal,
        now=run.now,
        token=run.token(),
        host_arch=run.host_arch,
    )


def _choose_arch(params: Params, run: RunContext) -> str:
    return kernel_arch(params["arch"] or run.host_arch)


def _report_unchanged(
    catalogue: Catalogue, existing: Manifest, request: ApplianceRequest, run: RunContext
) -> dict[str, t.Any]:
    """Return the result for an appliance that is there; its domain may still be as a run that died had it."""
    if request.capture is not None:
        name = request.capture.domain
        if run.check_mode:
            live.tell(run.journal, catalogue.connection, name)
        else:
            live.settle(run.journal, catalogue.connection, name, needs_agent=False)
    register.check_same(existing, request)
    return {**Changes().as_result(), "appliance": catalogue.describe(existing), "omissions": []}


def _open_catalogue(connection: Connection, params: Params, run: RunContext) -> Catalogue:
    """Return the catalogue, without what runs that died have left of it; in check mode with it."""
    if not run.check_mode:
        recover.settle(run.journal, connection)
    return catalogues.open_catalogue(connection, params["pool"])


def _require_readable(catalogue: Catalogue, appliance: ApplianceId, run: RunContext) -> None:
    """Raise InvalidManifest for a manifest that cannot be read, unless a real run would remove it first."""
    if not (run.check_mode and recover.is_left_half(run.journal, catalogue, appliance)):
        catalogue.require_readable(appliance)


def _make(catalogue: Catalogue, request: ApplianceRequest, run: RunContext) -> dict[str, t.Any]:
    changes = Changes()
    _require_readable(catalogue, request.appliance, run)
    with contextlib.ExitStack() as stack:
        plan = stack.enter_context(register.open_plan(catalogue, request))
        changes.add(str(request.appliance), None, register.summarise(plan.manifest))
        if run.check_mode:
            return {
                **changes.as_result(),
                "appliance": register.predict_description(catalogue, plan.manifest),
                "omissions": list(plan.omissions),
            }
        provenance.open_provenance(run.journal.path).remember(plan.manifest)
        manifest = register.store(catalogue, plan, request, run.journal)
    return {
        **changes.as_result(),
        "appliance": catalogue.describe(manifest),
        "omissions": list(plan.omissions),
    }
