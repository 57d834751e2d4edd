# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``read_host`` and ``fetch_report``: one look at a host, over SSH or over libvirt's own connection."""

from __future__ import annotations

import re
import typing as t
from urllib.parse import parse_qs, urlsplit

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import LibvirtFailed
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.layers import find_incomplete
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.stored import (
    HostStorage,
    read_storage,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import (
    describe_remainder,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domain_xml
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
    translate_errors,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.machines import (
    read_machine_uri,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.states import state_name

from . import reader
from .addresses import AddressBook, read_address, read_reservations
from .definitions import Places, find_local_places
from .snapshot import HostSnapshot, InventoryGuest, assemble_guest

_STATE_FIELDS: t.Final = 2  # state and reason: what is there if no statistics were asked for
_SOCKET: t.Final = re.compile(r"(?P<root>/.*)?/run/libvirt/(libvirt|virtqemud)-sock(-ro)?")


class HostReport(t.NamedTuple):
    """What the reader answered, the URI under which other machines reach the host, safe to show, and on request what
    the host stores.
    """

    data: dict[str, t.Any]
    machine_uri: str
    storage: HostStorage | None = None


def read_host(
    uri: str, request: reader.LookRequest, *, timeout: float, on_host: bool = True
) -> HostSnapshot:
    """Return the domains of the host behind ``uri``, sorted by name; raises HeadroomError. As fetch_report()."""
    # what others call the host is no matter here, and no call
    report = fetch_report(uri, request, timeout=timeout, on_host=on_host, machine_uri=uri)
    return build_snapshot(report.data, request.sources, with_xml=request.xml)


def fetch_report(
    uri: str,
    request: reader.LookRequest,
    *,
    timeout: float,
    connect_timeout: float | None = None,
    on_host: bool = True,
    machine_uri: str | None = None,
    with_storage: bool = False,
) -> HostReport:
    """Return what the reader says of the host behind ``uri``; raises HeadroomError.

    With ``on_host`` the reader runs on a host that is reached by SSH, where it can, and looks at libvirt's files. No
    call waits for a guest, unless the request is for what only guests know. ``machine_uri`` is as for
    read_machine_uri(). ``with_storage`` costs three calls a pool and one a volume, over libvirt's own connection.
    """
    data = _look_over_ssh(uri, request, timeout) if on_host and not with_storage else None
    if data is not None:
        return HostReport(data, mask_uri(machine_uri or uri))
    # A host has a deadline already, so it needs no keepalive.
    patience = min(timeout, connect_timeout or timeout)
    with open_connection(
        uri, timeout=patience, read_only=not request.needs_agents, keepalive=False
    ) as connection:
        places = find_places(uri) if on_host else None
        data = look(connection, request._replace(places=places))
        storage = read_storage(connection, refresh=False) if with_storage else None
        return HostReport(data, read_machine_uri(connection, machine_uri), storage)


def _look_over_ssh(
    uri: str, request: reader.LookRequest, timeout: float
) -> dict[str, t.Any] | None:
    """Return the answer of a reader that runs on the host; None for one not reached so, or where it cannot run."""
    if "+ssh:" not in uri:
        return None
    # only where it is used: Ansible compiles what it imports from collections in each run
    from . import remote  # noqa: PLC0415

    target = remote.parse_target(uri)
    return None if target is None else remote.look(uri, target, request, timeout)


def look(connection: Connection, request: reader.LookRequest) -> dict[str, t.Any]:
    """Return the reader's answer over an open connection."""
    with translate_errors("read the domains"):
        report: dict[str, t.Any] = reader.Reader(libvirt, connection.handle, request).look()
        return report


def build_snapshot(
    report: t.Mapping[str, t.Any], sources: t.Sequence[str], *, with_xml: bool = False
) -> HostSnapshot:
    """Return the domains that the reader's report describes, on request with their XML.

    Raises LibvirtFailed for what no reader says: a host may answer anything.
    """
    try:
        return _build_snapshot(report, sources, with_xml)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise LibvirtFailed(f"the host's answer is not what it should be: {error!r}") from error


def _build_snapshot(
    report: t.Mapping[str, t.Any], sources: t.Sequence[str], with_xml: bool
) -> HostSnapshot:
    book = build_book(report, sources)
    guests = [_build_guest(domain, book, with_xml) for domain in report["domains"]]
    return HostSnapshot(
        guests=tuple(sorted(guests, key=lambda guest: guest.name)),
        calls=report["calls"],
        definitions_read=report["read"],
    )


def build_book(report: t.Mapping[str, t.Any], sources: t.Sequence[str]) -> AddressBook:
    """Return the addresses in the reader's report; raises what a report raises that no reader makes."""
    addresses = [row for row in map(read_address, report["addresses"]) if row is not None]
    for name, text in report["networks"]:
        addresses += read_reservations(name, text)
    return AddressBook(addresses, sources)


def _build_guest(
    domain: t.Mapping[str, t.Any], book: AddressBook, with_xml: bool
) -> InventoryGuest:
    stats = domain["stats"]
    extra: dict[str, t.Any] = {"xml": domain["xml"]} if with_xml else {}
    if len(stats) > _STATE_FIELDS:
        extra["statistics"] = stats
    state = state_name(stats.get("state.state"))
    root = parse_element(domain["xml"])
    definition = domain_xml.read(root)
    dependency = definition.metadata.dependency
    extra["dependency"] = dependency and describe_remainder(dependency, find_incomplete(root))
    return assemble_guest(definition, state, book, autostart=domain["autostart"], extra=extra)


def find_places(uri: str) -> Places | None:
    """Return where the libvirt behind ``uri`` keeps its files; None where this process cannot see them.

    It is this machine's, or one in a container: the path of its socket says where that has its root, as in
    ``qemu+unix:///system?socket=/proc/4711/root/run/libvirt/libvirt-sock``.
    """
    parts = urlsplit(uri)
    if parts.scheme not in ("qemu", "qemu+unix") or parts.netloc or parts.path != "/system":
        return None
    parameters = parse_qs(parts.query)
    socket = parameters.pop("socket", ["/run/libvirt/libvirt-sock"])[-1]
    match = _SOCKET.fullmatch(socket)
    local = find_local_places()
    if parameters or match is None or local is None:
        return None
    root = match.group("root") or ""
    if root in ("", "/var"):
        return local
    return Places(f"{root}{local.definitions}", f"{root}{local.running}", neighbours=None)
