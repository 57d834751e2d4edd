# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``build_variables``: the variables of a domain in the inventory; ``collect_facts`` without how to connect. Pure."""

from __future__ import annotations

import shlex
import typing as t
from urllib.parse import unquote, urlsplit

from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri

if t.TYPE_CHECKING:
    from .hosts import InventoryHost
    from .snapshot import InventoryGuest

Connect = t.Literal["direct", "proxy_jump", "guest_agent"]


def collect_facts(guest: InventoryGuest, host: InventoryHost) -> dict[str, t.Any]:
    """Return the facts of a domain, most of them text of others."""
    uri = mask_uri(host.uri)
    return {
        "name": guest.name,
        "host": host.name,
        "uri": uri,
        # what the modules take as `machine`
        "machine": {"uri": uri, "name": guest.name, "uuid": guest.uuid},
        "address": guest.address,
        **guest.facts,
    }


def build_variables(
    guest: InventoryGuest, host: InventoryHost, connect: Connect
) -> dict[str, t.Any]:
    """Return the variables of a domain: its facts, and how Ansible gets to it."""
    prefixed = {f"libvirt_{name}": value for name, value in collect_facts(guest, host).items()}
    return {**_build_access(guest, host, connect), **prefixed}


def _build_access(guest: InventoryGuest, host: InventoryHost, connect: Connect) -> dict[str, t.Any]:
    if connect == "guest_agent":
        return {
            "ansible_connection": "community.libvirt.libvirt_qemu",
            "ansible_libvirt_uri": mask_uri(host.uri),
            "ansible_host": guest.name,
        }
    address = {} if guest.address is None else {"ansible_host": guest.address}
    jump = find_jump_host(host.uri) if connect == "proxy_jump" else None
    return (
        address
        if jump is None
        else {**address, "ansible_ssh_common_args": f"-o ProxyJump={shlex.quote(jump)}"}
    )


def find_jump_host(uri: str) -> str | None:
    """Return the host of a URI as ProxyJump wants it; None for one that is not reached over a network."""
    parts = urlsplit(uri)
    if not parts.hostname:
        return None
    user = f"{unquote(parts.username)}@" if parts.username else ""
    # only SSH's own port is one that SSH can jump through
    port = f":{parts.port}" if parts.port and parts.scheme.endswith("ssh") else ""
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{user}{name}{port}"
