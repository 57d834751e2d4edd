# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every place that libvirt's schemas let a domain have, and domains that say something there."""

from __future__ import annotations

import typing as t
from pathlib import Path

from lxml import etree

from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domain_schema

# What libvirt 9.0, 11.3 and 12.8 let a domain say, as `tools.schema` reads it from what their packages install.
RECORDED = Path(__file__).with_name("domain-schema.txt")
MARK: t.Final = "mark-7f3a"


def read_recorded_places() -> set[domain_schema.Path]:
    """Return the paths below `<domain>` of all releases; the last step of an attribute is `@name`."""
    places: set[domain_schema.Path] = set()
    for line in RECORDED.read_text().splitlines():
        path, *attributes = line.split()
        names = () if path == "." else tuple(path.split("/"))
        places |= {names} | {(*names, name) for name in attributes}
    return places


PLACES: t.Final = read_recorded_places()


def build_domain(place: domain_schema.Path) -> str:
    """Return a domain that says MARK at the place, and nothing else."""
    root = etree.Element("domain", type="kvm")
    element = root
    for name in place:
        if name.startswith("@"):
            element.set(name[1:], MARK)
        else:
            element = etree.SubElement(element, name)
    for path, kind in (("devices/channel", "spicevmc"), ("devices/tpm/backend", "emulator")):
        for device in root.findall(path):
            device.set("type", device.get("type", kind))
    if not place[-1].startswith("@"):
        element.text = MARK
    return etree.tostring(root, encoding="unicode")


def find_kinds(place: domain_schema.Path) -> set[domain_schema.Kind | None]:
    """Return the kinds of all that stands on the way to a place, its text included."""
    elements = [name for name in place if not name.startswith("@")]
    paths = [tuple(elements[: size + 1]) for size in range(len(elements))]
    kinds = {domain_schema.classify_element(path) for path in paths}
    if place[-1].startswith("@"):
        kinds.add(domain_schema.classify_attribute(place[:-1], place[-1][1:]))
    else:
        kinds.add(domain_schema.classify_text(place))
    return kinds
