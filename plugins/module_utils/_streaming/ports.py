# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The search for a port that nobody listens at."""

from __future__ import annotations

import secrets
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
)

# Above libvirt's own range for migrations, which ends at 49215; a firewall between the hosts must admit it.
EXPORTS: t.Final = range(49216, 49280)
# libvirt's own for migrations, so that a firewall that lets a guest through admits them on either host.
MIGRATIONS: t.Final = range(49152, 49216)


class NoFreePort(Conflict):
    """Somebody else listens at each of the ports."""


def find_port(ports: t.Sequence[int], listen: t.Callable[[int], None]) -> int:
    """Return the first port at which ``listen`` does not raise libvirt's "in use"; each is tried, in random order.

    Raises NoFreePort, and whatever else ``listen`` raises.
    """
    shuffled = secrets.SystemRandom().sample(ports, len(ports))
    last_error: HeadroomError | None = None
    for port in shuffled:
        try:
            listen(port)
        except HeadroomError as error:
            if "in use" not in error.message.lower():
                raise
            last_error = error
        else:
            return port
    first, last = min(ports), max(ports)
    span = f"the port {first}" if first == last else f"each of the ports {first} to {last}"
    raise NoFreePort(
        f"{span} of the source is in use", first_port=first, last_port=last
    ) from last_error
