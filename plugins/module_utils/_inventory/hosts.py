# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The hosts that an inventory file names: ``read_hosts``, and ``build_ssh_uri`` for the members of a group. Pure."""

from __future__ import annotations

import collections
import typing as t
from urllib.parse import quote, urlsplit

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri

_LOCAL_NAME: t.Final = "localhost"


class InventoryHost(t.NamedTuple):
    """A libvirt host by the name that the inventory has for it."""

    name: str
    uri: str


def read_hosts(uris: t.Sequence[t.Any]) -> list[InventoryHost]:
    """Return the hosts of the option ``uris``: texts, or dictionaries with ``uri`` and perhaps ``name``.

    A host without a name is called by the host name in its URI. Raises InvalidInput.
    """
    hosts = [_read_host(item) for item in uris]
    if not hosts:
        raise InvalidInput("uris", [], "does not name a host", "List at least one libvirt URI.")
    name, count = collections.Counter(host.name for host in hosts).most_common(1)[0]
    if count > 1:
        raise InvalidInput(
            "uris",
            name,
            "is the name of more than one host",
            "Give each a name of its own: {uri: ..., name: ...}.",
        )
    return hosts


def build_ssh_uri(name: str, variables: t.Mapping[str, t.Any]) -> str:
    """Return the URI of a hypervisor that Ansible reaches by SSH, by the variables that say how it does so."""
    host = str(variables.get("ansible_host") or name)
    user, port = variables.get("ansible_user"), variables.get("ansible_port")
    address = f"[{host}]" if ":" in host else host
    login = f"{quote(str(user), safe='')}@" if user else ""
    suffix = f":{int(port)}" if port else ""
    return f"qemu+ssh://{login}{address}{suffix}/system?no_tty=1"


def list_host_names(host: InventoryHost) -> list[str]:
    """Return what a host is called, in the inventory and in its URI."""
    return [host.name, _parse_host_name(host.uri)]


def _read_host(item: t.Any) -> InventoryHost:
    values = item if isinstance(item, dict) else {"uri": item}
    uri, name = values.get("uri"), values.get("name")
    if (
        not isinstance(uri, str)
        or not uri
        or not isinstance(name, (str, type(None)))
        or set(values) - {"uri", "name"}
    ):
        shown = mask_uri(str(item))
        raise InvalidInput(
            "uris", shown, "is not a host", "Write a libvirt URI, or a dictionary of uri and name."
        )
    return InventoryHost(name=name or _parse_host_name(uri), uri=uri)


def _parse_host_name(uri: str) -> str:
    try:
        return urlsplit(uri).hostname or _LOCAL_NAME
    except ValueError as error:
        raise InvalidInput(
            "uris", mask_uri(uri), f"is not a URI ({error})", "Write for example qemu:///system."
        ) from error
