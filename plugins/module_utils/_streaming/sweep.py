# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Exports that nobody reads from any more: ``judge_exports`` asks both hosts, ``end_export`` ends one.

An export is needed while a guest here stands on its files, since then its move is under way, or while a machine reads
from it on the host that it is for. What cannot be known is needed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.look import read_needs
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import leads_here, mask_uri
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import parse_time

from . import dependency, serve
from .model import EXPORT_PREFIX, infix, is_helper_name

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._layers.layers import Layer
    from ansible_collections.headroom.libvirt.plugins.module_utils._layers.look import Need
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import Service

State = t.Literal["needed", "unneeded", "unknown"]

# Between the begin of an export and the definition of the clones that read from it lie seconds.
_YOUNG_SECONDS: t.Final = 600.0


@dataclasses.dataclass(frozen=True)
class ExportState:
    """An export of a host: whether anybody needs it, and why that is known, or is not."""

    name: str
    state: State
    reason: str
    service: Service | None = None

    def as_dict(self) -> dict[str, t.Any]:
        """Return it as a module returns it."""
        service = self.service
        return {
            "name": self.name,
            "state": self.state,
            "reason": self.reason,
            "reader_uri": None if service is None else mask_uri(service.reader_uri),
            "reader_uuid": None if service is None else service.reader_uuid,
            "since": (service.since or None) if service is not None else None,
        }


@dataclasses.dataclass(frozen=True)
class ReaderLook:
    """What the host that an export is for says: what its domains need, or the problem with asking it."""

    needs: tuple[Need, ...] = ()
    uuids: frozenset[str] = frozenset()
    problem: str = ""


def judge_exports(connection: Connection, now: float, timeout: float) -> list[ExportState]:
    """Return the state of each export that the host serves, by name; ``now`` in epoch seconds.

    Each host that reads is given ``timeout`` seconds to answer.
    """
    helpers = {
        domain.name(): domains.read_metadata(domain).service
        for domain in domains.list_all(connection)
        if domain.name().startswith(EXPORT_PREFIX)
    }
    # this host first: a guest that leaves it meanwhile is then on the other one
    needs = tuple(read_needs(connection)) if helpers else ()
    looks: dict[str, ReaderLook] = {}
    states = []
    for name, service in sorted(helpers.items()):
        uri = "" if service is None else service.reader_uri
        if uri not in looks:
            looks[uri] = _look_at_reader(uri, timeout)
        states.append(judge(name, service, needs, looks[uri], now))
    return states


def _look_at_reader(uri: str, timeout: float) -> ReaderLook:
    if leads_here(uri) and not uri.startswith("test:"):
        return ReaderLook(problem=f"{uri or 'nothing'} does not say which host reads from it")
    try:
        with open_connection(uri, timeout=timeout) as reader:
            uuids = frozenset(domain.UUIDString() for domain in domains.list_all(reader))
            return ReaderLook(tuple(read_needs(reader)), uuids)
    except HeadroomError as error:
        return ReaderLook(problem=f"{mask_uri(uri)} does not answer: {error.message.rstrip('.')}")


def judge(
    name: str,
    service: Service | None,
    needs: t.Iterable[Need],
    look: ReaderLook,
    now: float,
) -> ExportState:
    """Return whether an export is needed, by what this host's domains and those of its reader need. Pure."""
    digits = name[len(EXPORT_PREFIX) :]
    for need in needs:
        if not is_helper_name(need.user.name) and _stands_on_files(need, digits):
            reason = (
                f"{need.user} stands on its files here: its move is under way, or to be taken back"
            )
            return ExportState(name, "needed", reason, service)
    if service is None:
        reason = "it does not say for whom it is, as one that an older release has begun"
        return ExportState(name, "unknown", reason)
    if look.problem:
        return ExportState(name, "unknown", look.problem, service)
    where = mask_uri(service.reader_uri)
    for need in look.needs:
        if _reads(need, digits):
            return ExportState(name, "needed", f"{need.user} of {where} reads from it", service)
    if service.reader_uuid is None and not _is_old(service, now):
        reason = "it is for machines that may just be made"
        return ExportState(name, "unknown", reason, service)
    if service.reader_uuid in look.uuids:
        reason = f"the machine {service.reader_uuid} of {where} has all of its disks"
    else:
        reason = f"no machine of {where} reads from it"
    return ExportState(name, "unneeded", reason, service)


def _stands_on_files(need: Need, digits: str) -> bool:
    start = infix(digits).rstrip(".")
    return any(start in str(layer) for layer in _list_layers(need))


def _reads(need: Need, digits: str) -> bool:
    return any((layer.export or "").startswith(digits) for layer in _list_layers(need))


def _list_layers(need: Need) -> list[Layer]:
    return list(itertools.chain.from_iterable(disk.layers for disk in need.disks))


def _is_old(service: Service, now: float) -> bool:
    began = parse_time(service.since)
    return began is not None and now - began >= _YOUNG_SECONDS


def end_export(connection: Connection, name: str) -> dict[str, str]:
    """End an export, and delete what was made for it; return {path: reason} of what stays, such as what was served."""
    token = _find_token(connection, name)
    if token is not None:
        return dependency.end_move(connection, token, with_bases=False)
    serve.stop(connection, name)
    return {}


def _find_token(connection: Connection, name: str) -> str | None:
    """Return the token of a move, as the files say it that its helper holds; None for an export to clones."""
    helper = domains.find(connection, name)
    text = ""
    with contextlib.suppress(HeadroomError):  # it goes just now
        text = "" if helper is None else domains.read_live_xml(helper)
    start = re.escape(infix(name[len(EXPORT_PREFIX) :]).rstrip("."))
    match = re.search(rf"{start}(?P<rest>[0-9a-f]*)\.", text)
    return None if match is None else name[len(EXPORT_PREFIX) :] + match["rest"]
