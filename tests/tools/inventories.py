# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inventory files of the plugin `headroom.libvirt.domains` over libvirt's test driver, for tests."""

from __future__ import annotations

import typing as t
from pathlib import Path
from xml.sax.saxutils import escape

import yaml

from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader

PLUGIN = "headroom.libvirt.domains"


class Inventories:
    """Writes inventory files and the hosts that they name, and reads them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def host(self, label: str, *xml: str) -> dict[str, str]:
        """Make a host with domains, or without any; return its entry in ``uris``."""
        path = self.folder / f"{label}.xml"
        path.write_text(f"<node>{''.join(xml)}</node>")
        return {"uri": f"test://{path}", "name": label}

    def file(self, *uris: t.Any, **options: t.Any) -> Path:
        """Write an inventory file."""
        path = self.folder / "test.headroom.yml"
        path.write_text(yaml.safe_dump({"plugin": PLUGIN, "uris": list(uris), **options}))
        return path

    def read(self, *uris: t.Any, use_cache: bool = False, **options: t.Any) -> InventoryData:
        """Parse an inventory file; what the plugin raises is raised."""
        inventory = InventoryData()
        plugin = inventory_loader.get(PLUGIN)
        plugin.parse(inventory, DataLoader(), str(self.file(*uris, **options)), cache=use_cache)
        if plugin.get_option("cache"):
            plugin.update_cache_if_changed()
        return inventory


def domain(
    name: str,
    *,
    title: str = "",
    description: str = "",
    tags: t.Sequence[str] = (),
    **metadata: str,
) -> str:
    said = [*metadata.items(), *(("tag", tag) for tag in tags)]
    ours = "".join(f"<h:{key}>{escape(value)}</h:{key}>" for key, value in said)
    return (
        f"<domain type='test'><name>{name}</name><title>{escape(title)}</title>"
        f"<description>{escape(description)}</description>"
        f"<metadata><h:machine xmlns:h='urn:headroom:libvirt:1'>{ours}</h:machine></metadata>"
        "<memory unit='MiB'>64</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>"
    )


def members(inventory: InventoryData, group: str) -> list[str]:
    return sorted(host.name for host in inventory.groups[group].get_hosts())
