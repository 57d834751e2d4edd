# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a clone has besides its disks: a seed for cloud-init, an address that is kept for it. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    InvalidInput,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._network.plan import can_be_named
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import (
    ReservationRef,
    VolumeRef,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.network_xml import Reservation

from .seed import seed

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_xml import (
        Definition,
    )

SEED_SUFFIX: t.Final = ".seed.iso"
NVRAM_SUFFIX: t.Final = ".nvram.raw"
# A clone's MAC address is chosen when it is made; until then this one, which nobody has, stands for it.
UNKNOWN_MAC: t.Final = "00:00:00:00:00:00"


@dataclasses.dataclass(frozen=True)
class ExtraVolume:
    """A volume that is no disk, and its path on the host."""

    volume: VolumeRef
    path: str


@dataclasses.dataclass(frozen=True)
class FixedAddress:
    """An address of a network that DHCP keeps for the first card of a clone."""

    network: str
    address: str
    name: str | None = None

    def for_mac(self, mac: str) -> Reservation:
        """Return the reservation for the card."""
        return Reservation(mac, self.address, self.name)

    def ref(self, mac: str) -> ReservationRef:
        """Return what the metadata of the clone says of it."""
        return ReservationRef(self.network, mac, self.address)


@dataclasses.dataclass(frozen=True)
class Extras:
    """What one clone has besides its disks."""

    seed: ExtraVolume | None = None
    address: FixedAddress | None = None
    nvram: ExtraVolume | None = None

    @property
    def volumes(self) -> tuple[ExtraVolume, ...]:
        """The volumes among them."""
        return tuple(volume for volume in (self.seed, self.nvram) if volume is not None)


def choose_extras(
    name: str,
    pool: str,
    path_of: t.Callable[[str], str],
    *,
    seeded: bool,
    address: FixedAddress | None,
    with_nvram: bool = False,
) -> Extras:
    """Return what the clone ``name`` has besides; ``path_of`` gives the path of a volume of ``pool``."""

    def volume(suffix: str) -> ExtraVolume:
        return ExtraVolume(VolumeRef(pool, name + suffix), path_of(name + suffix))

    return Extras(
        volume(SEED_SUFFIX) if seeded else None,
        address,
        volume(NVRAM_SUFFIX) if with_nvram else None,
    )


def read_fixed_addresses(
    addresses: t.Mapping[str, t.Any], names: t.Collection[str], hardware: Definition
) -> dict[str, FixedAddress]:
    """Return the address of each of the clones ``names`` that has one; raises InvalidInput or Unsupported.

    ``addresses`` maps names of clones to addresses of the network of the first interface of ``hardware``.
    """
    for name, address in addresses.items():
        if name not in names:
            raise InvalidInput(
                "addresses",
                name,
                "does not name a clone of this task",
                f"They are: {', '.join(sorted(names))}.",
            )
        if not isinstance(address, str):
            raise InvalidInput(
                f"addresses.{name}", address, "is not an IP address", "Write it as 192.168.122.50."
            )
    twice = {value for value in addresses.values() if list(addresses.values()).count(value) > 1}
    if twice:
        raise InvalidInput("addresses", min(twice), "is given to two clones", "Give each its own.")
    if not addresses:
        return {}
    first = hardware.interfaces[0] if hardware.interfaces else None
    if first is None or first.type != "network" or not first.source:
        raise Unsupported(
            "addresses: the first network card of the clones is not on a libvirt network, so libvirt gives it no "
            "address. Set network, or say the address in network_config.",
        )
    return {
        name: FixedAddress(first.source, address, _choose_dhcp_name(name))
        for name, address in addresses.items()
    }


def _choose_dhcp_name(name: str) -> str | None:
    hostname = seed.make_hostname(name)
    return hostname if can_be_named(hostname) else None
