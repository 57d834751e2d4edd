# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""find_image(): is there a warm image of a name, and is it whole?"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains

from . import warm_xml

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import VolumeRef


@dataclasses.dataclass(frozen=True)
class WarmImage:
    """A whole image: its domain, the cards that are plugged into clones, and {target: volume} of its disks."""

    domain: domains.Domain
    cards: tuple[str, ...]
    volumes: t.Mapping[str, VolumeRef]


def find_image(connection: Connection, name: str) -> WarmImage | None:
    """Return the image of that name; None when there is none, or only a part of one."""
    domain = domains.find(connection, name)
    if domain is None:
        return None
    cards = warm_xml.read_cards(domains.read_metadata_xml(domain, warm_xml.RECORD_NAMESPACE))
    if cards is None:
        return None
    definition = domains.read_definition(domain)
    targets = [disk.target for disk in definition.disks if disk.device == "disk"]
    return WarmImage(domain, tuple(cards), dict(zip(targets, definition.metadata.volumes)))
