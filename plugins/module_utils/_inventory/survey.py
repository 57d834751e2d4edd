# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""One look at a host for the inventory."""

from __future__ import annotations

import re
import typing as t
from urllib.parse import parse_qs, urlsplit

from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domain_xml
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
    translate_errors,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.states import state_name

from . import reader
from .addresses import AddressBook, read_address, read_reservations
from .definitions import Places, local_places
from .snapshot import Guest, HostSnapshot, assemble

_STATE_FIELDS: t.Final = 2  # state and reason: what is there if no statistics were asked for
_SOCKET: t.Final = re.compile(r"(?P<root>/.*)?/run/libvirt/(libvirt|virtqemud)-sock(-ro)?")


def retrieve(
    uri: str, request: reader.Request, *, timeout: float, on_host: bool = True
) -> HostSnapshot:
    """Return the domains of the host behind ``uri``, sorted by name; raises HeadroomError.

    With ``on_host`` the reader runs on a host that is reached by SSH, where it can, and looks at libvirt's files. No
    call waits for a guest, unless the request is for what only guests know.
    """
    report = _told_over_ssh(uri, request, timeout) if on_host else None
    if report is None:
        # An agent may only be asked by those who may write. A host has a deadline already, so it needs no keepalive.
        read_only = "agent" not in request.sources
        with open_connection(
            uri, timeout=timeout, read_only=read_only, keepalive=False
        ) as connection:
            places = places_of(uri) if on_host else None
            report = look(connection, request._replace(places=places))
    return snapshot(report, request.sources, with_xml=request.xml)


def _told_over_ssh(uri: str, request: reader.Request, timeout: float) -> dict[str, t.Any] | None:
    """Return what the reader saw that ran on the host; None for one that is not reached so, or where it cannot run."""
    if "+ssh:" not in uri:
        return None
    # only where it is used: Ansible compiles what it imports from collections in each run
    from . import remote  # noqa: PLC0415

    target = remote.target_of(uri)
    return None if target is None else remote.look(uri, target, request, timeout)


def look(connection: Connection, request: reader.Request) -> dict[str, t.Any]:
    """Return what the reader sees over an open connection."""
    with translate_errors("read the domains"):
        report: dict[str, t.Any] = reader.Reader(libvirt, connection.handle, request).look()
        return report


def snapshot(
    report: t.Mapping[str, t.Any], sources: t.Sequence[str], *, with_xml: bool = False
) -> HostSnapshot:
    """Return the domains that the reader's report describes, on request with their XML."""
    told = [address for address in map(read_address, report["addresses"]) if address is not None]
    reserved = [
        address for name, text in report["networks"] for address in read_reservations(name, text)
    ]
    book = AddressBook([*told, *reserved], sources)
    guests = [_guest(domain, book, with_xml) for domain in report["domains"]]
    return HostSnapshot(
        guests=tuple(sorted(guests, key=lambda guest: guest.name)),
        calls=report["calls"],
        definitions_read=report["read"],
    )


def _guest(domain: t.Mapping[str, t.Any], book: AddressBook, with_xml: bool) -> Guest:
    stats = domain["stats"]
    extra = {"xml": domain["xml"]} if with_xml else {}
    if len(stats) > _STATE_FIELDS:
        extra["statistics"] = stats
    state = state_name(stats.get("state.state"))
    return assemble(
        domain_xml.parse(domain["xml"]), state, book, autostart=domain["autostart"], extra=extra
    )


def places_of(uri: str) -> Places | None:
    """Return where the libvirt behind ``uri`` keeps its files; None where that is not to be seen from here.

    It is this machine's, or one in a container: its socket tells where that has its root, as in
    ``qemu+unix:///system?socket=/proc/4711/root/run/libvirt/libvirt-sock``.
    """
    parts = urlsplit(uri)
    if parts.scheme not in ("qemu", "qemu+unix") or parts.netloc or parts.path != "/system":
        return None
    parameters = parse_qs(parts.query)
    socket = parameters.pop("socket", ["/run/libvirt/libvirt-sock"])[-1]
    place = _SOCKET.fullmatch(socket)
    here = local_places()
    if parameters or place is None or here is None:
        return None
    root = place.group("root") or ""
    if root in ("", "/var"):
        return here
    return Places(f"{root}{here.definitions}", f"{root}{here.running}", neighbours=None)
