# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The chains of a domain's disks as libvirt shows them: read, and compared with what they must be. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.layers import read_layers


class WrongSource(HeadroomError):
    """What a disk stands on is not what was exported for it."""

    kind = "wrong_source"


def read_chains(domain_xml: str) -> dict[str, tuple[str, ...]]:
    """Return {target: its layers, the top first} of the disks that have any.

    A layer is a path, POOL/VOLUME, or an address: ``nbd://ADDRESS:PORT/NAME`` as an Export shows.
    """
    return {target: tuple(map(str, layers)) for target, layers in read_layers(domain_xml).items()}


def find_stacked(domain_xml: str) -> list[str]:
    """Return the targets of the disks that stand on something."""
    return [target for target, chain in read_chains(domain_xml).items() if len(chain) > 1]


def find_remote(domain_xml: str) -> list[str]:
    """Return the targets of the disks that stand on something that another host serves.

    Whatever its name is: a disk that is taken for local before it is so loses what was not there yet.
    """
    return [
        target
        for target, layers in read_chains(domain_xml).items()
        if any(layer.startswith("nbd:") for layer in layers[1:])
    ]


def check_chains(domain_xml: str, expected: t.Mapping[str, tuple[str, ...]]) -> None:
    """Raise WrongSource unless each of these disks has exactly the expected layers."""
    chains = read_chains(domain_xml)
    for target, chain in expected.items():
        actual = chains.get(target, ())
        if actual != chain:
            raise WrongSource(
                f"the disk {target} reads from {' <- '.join(actual) or 'nowhere'}, and not from "
                f"{' <- '.join(chain)}: it would be an empty one, or somebody else's.",
                disk=target,
                chain=list(actual),
            )
