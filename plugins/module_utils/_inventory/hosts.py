# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The hosts that an inventory file names: ``read_hosts``, and for the members of a group ``build_ssh_uri``. Pure.

What an inventory says of a host, other programs may have written: it never adds to a URI more than its place is for.
"""

from __future__ import annotations

import collections
import itertools
import re
import typing as t
from urllib.parse import parse_qs, quote, unquote, urlsplit

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._host_names import (
    check_host,
    check_port,
    check_user,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import (
    format_host,
    mask_uri,
)

_SCHEME: t.Final = re.compile(r"[a-z0-9]+(\+[a-z0-9]+)?")
_CONTROL: t.Final = re.compile(r"[\x00-\x1f\x7f]")
# These say nothing of where a URI leads, nor which programs and files are used.
_HARMLESS_PARAMETERS: t.Final = frozenset({"no_tty", "mode", "proxy"})
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
    """Return the URI of a hypervisor that Ansible reaches by SSH, by its variables; raises InvalidInput."""
    address = variables.get("ansible_host") or name
    user, port = variables.get("ansible_user"), variables.get("ansible_port")
    host = check_host(f"ansible_host of {name}", address)
    login = f"{quote(check_user(f'ansible_user of {name}', user), safe='')}@" if user else ""
    suffix = f":{check_port(f'ansible_port of {name}', port)}" if port else ""
    return f"qemu+ssh://{login}{format_host(host)}{suffix}/system?no_tty=1"


def check_composed_uri(expression: str, uri: str) -> str:
    """Return what the option ``hypervisor_uri`` made; raises InvalidInput for what a variable may not add to it."""
    check_uri("hypervisor_uri", uri)
    for name in parse_qs(urlsplit(uri).query, keep_blank_values=True):
        if name not in expression and name not in _HARMLESS_PARAMETERS:
            raise InvalidInput(
                "hypervisor_uri",
                mask_uri(uri),
                f"has the parameter {name!r} out of a variable",
                "Write the parameter into the expression itself, or the URI into uris.",
            )
    return uri


def check_uri(option: str, uri: str) -> None:
    """Raise InvalidInput for what is no libvirt URI, or has a host, user or port that cannot be one."""
    try:
        parts = urlsplit(uri)
        host, user, _port = parts.hostname, parts.username, parts.port
    except ValueError as error:
        raise _refuse_uri(option, uri, str(error)) from error
    values = parse_qs(parts.query, keep_blank_values=True).values()
    if not _SCHEME.fullmatch(parts.scheme) or parts.fragment:
        raise _refuse_uri(option, uri, "it has no scheme, or a '#'")
    if any(map(_CONTROL.search, [uri, *itertools.chain.from_iterable(values)])):
        raise _refuse_uri(option, uri, "it has control characters")
    if host:
        check_host(option, host)
    elif parts.netloc:
        raise _refuse_uri(option, uri, "it has no host")
    if user:
        check_user(option, unquote(user))


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
    check_uri("uris", uri)
    return InventoryHost(name=name or _parse_host_name(uri), uri=uri)


def _parse_host_name(uri: str) -> str:
    return urlsplit(uri).hostname or _LOCAL_NAME


def _refuse_uri(option: str, uri: str, problem: str) -> InvalidInput:
    return InvalidInput(
        option, mask_uri(uri), f"is not a URI ({problem})", "Write for example qemu:///system."
    )
