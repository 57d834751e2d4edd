# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The chains of a domain's disks as libvirt shows them: read, and compared with what they must be. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    serialise,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree


class WrongSource(HeadroomError):
    """What a disk stands on is not what was exported for it."""

    kind = "wrong_source"


def read_chains(domain_xml: str) -> dict[str, tuple[str, ...]]:
    """Return {target: its layers, the top first} of the disks that have any.

    A layer is a path, ``nbd://ADDRESS:PORT/NAME`` as an Export shows, or the XML of any other source.
    """
    chains = {}
    for disk in parse_element(domain_xml).iterfind("devices/disk"):
        target, layers = disk.find("target"), tuple(_read_layers(disk))
        if target is not None and layers:
            chains[target.get("dev", "")] = layers
    return chains


def _read_layers(element: etree._Element | None) -> t.Iterator[str]:
    while element is not None:
        source = element.find("source")
        if source is None:
            return
        host = source.find("host")
        if source.get("protocol") == "nbd" and host is not None:
            yield f"nbd://{host.get('name')}:{host.get('port')}/{source.get('name')}"
        else:
            yield source.get("file") or source.get("dev") or serialise(source)
        element = element.find("backingStore")


def find_stacked(domain_xml: str) -> list[str]:
    """Return the targets of the disks that stand on something."""
    return [target for target, layers in read_chains(domain_xml).items() if len(layers) > 1]


def find_remote(domain_xml: str) -> list[str]:
    """Return the targets of the disks that read from an export."""
    return [
        target
        for target, layers in read_chains(domain_xml).items()
        if any(layer.startswith("nbd:") for layer in layers[1:])
    ]


def check_chains(domain_xml: str, expected: t.Mapping[str, tuple[str, ...]]) -> None:
    """Raise WrongSource unless each of these disks has exactly the expected layers."""
    chains = read_chains(domain_xml)
    for target, layers in expected.items():
        actual = chains.get(target, ())
        if actual != layers:
            raise WrongSource(
                f"the disk {target} reads from {' <- '.join(actual) or 'nowhere'}, and not from "
                f"{' <- '.join(layers)}: it would be an empty one, or somebody else's.",
                disk=target,
                chain=list(actual),
            )
