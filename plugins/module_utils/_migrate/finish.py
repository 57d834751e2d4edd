# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What comes after the switch-over. Each step can be done again, so that it is resumed as it is done at first."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import serve
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains

from . import volumes
from .pull import Pull, restore_definition

if t.TYPE_CHECKING:
    from .endpoints import Sides
    from .intent import Intent


def settle(sides: Sides, intent: Intent, port: int) -> None:
    """Make the guest at home on the destination, and start pulling in what it still reads from the source."""
    domain = sides.at_destination()
    if domain is not None and intent.autostart and domains.is_persistent(domain):
        domains.set_autostart(domain, True)
    if intent.streamed:
        Pull(sides, intent, port).start()


def complete(sides: Sides, intent: Intent, port: int) -> dict[str, str]:
    """Wait until all is local, then tidy both hosts; return {path: reason} of what stays on the source."""
    if intent.streamed:
        Pull(sides, intent, port).finish()
        restore_definition(sides, intent)
        serve.stop(sides.source, intent)
    paths = [disk.source_path for disk in intent.moved]
    overlays = [disk.overlay_path for disk in intent.streamed]
    if not intent.remove_source_volumes:
        return dict.fromkeys([*paths, *overlays], "remove_source_volumes is not set")
    volumes.delete_paths(sides.source, overlays)
    return volumes.delete_unused(sides.source, paths)
