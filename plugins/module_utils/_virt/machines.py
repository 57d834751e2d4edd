# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What names a machine in a result, so that a task on any host can act on it."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._uris import (
    add_host_to_uri,
    mask_uri,
)

from .node import read_hostname

if t.TYPE_CHECKING:
    from .connection import Connection


class MachineRef(t.NamedTuple):
    """A machine on any host: the URI of its host, its name there, its UUID; None for one that is not made yet."""

    uri: str
    name: str
    uuid: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        """Return what results have under ``machine``, and what modules take under it."""
        return self._asdict()


def read_machine_uri(connection: Connection, machine_uri: str | None = None) -> str:
    """Return the URI under which other machines reach the connection's host, safe to show.

    That is ``machine_uri``, else the connection's own URI. One that names no host gets the name that libvirt has for
    it, by SSH.
    """
    if machine_uri:
        return mask_uri(machine_uri)
    return add_host_to_uri(connection.uri, lambda: read_hostname(connection))
