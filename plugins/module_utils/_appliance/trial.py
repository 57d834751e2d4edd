# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Whether libvirt takes a clone of a template: ``try_definition`` asks it, before anything is copied or stopped."""

from __future__ import annotations

import typing as t
import uuid

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import export_xml
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import TRIAL_PREFIX
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    capabilities,
    domain_xml,
    domains,
    node,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    read_text,
    serialise,
)

from .platform import apply_platform
from .template import find_own_disks

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

    Element = etree._Element

_TITLE: t.Final = "a trial of headroom.libvirt, never started"


def try_definition(connection: Connection, template: str, label: str) -> None:
    """Define a machine of the template, as clones are, under a name that ends in ``label``, and undefine it.

    Raises Unsupported with libvirt's words where it does not take one: then no clone could ever be made. The name is
    always the same for a label, so that a run that was cut off here leaves nothing that the next one does not remove.
    What is of an architecture that the host does not run is kept for others, and not tried.
    """
    root = parse_element(template)
    definition, guests = domain_xml.read(root), node.read_guests(connection)
    if (definition.arch or "x86_64") not in guests:
        return
    emulator = root.findtext("devices/emulator")
    platform, _notes = capabilities.choose_platform(definition, emulator, guests)
    apply_platform(root, platform)
    name = TRIAL_PREFIX + label
    _undefine(connection, name)
    try:
        domains.define(connection, _build_xml(root, name))
    except HeadroomError as error:
        raise Unsupported(
            f"libvirt takes no clone of this machine: {error.message} Give a template, or options of the machine, "
            "without that.",
            reason=error.message,
        ) from error
    finally:
        _undefine(connection, name)


def _undefine(connection: Connection, name: str) -> None:
    domain = domains.find(connection, name)
    if domain is not None and read_text(domains.read_definition_element(domain).find("title")) == (
        _TITLE
    ):
        domains.undefine(domain)


def _build_xml(root: Element, name: str) -> str:
    """Return a clone's XML with disks that need not be there: a definition looks at none."""
    # The same UUID for a name: two runs at once define one machine, and neither gets into the other's way.
    own = {"title": _TITLE, "uuid": str(uuid.uuid5(uuid.NAMESPACE_OID, name)), "name": name}
    for tag, text in own.items():
        element = etree.Element(tag)
        element.text = text
        root.insert(0, element)
    export_xml.mark_helper(root)
    for index, disk in enumerate(find_own_disks(root)):
        source = etree.Element("source", file=f"/var/lib/libvirt/images/{name}.{index}")
        driver = disk.find("driver")
        if driver is None:
            disk.insert(0, source)
        else:
            driver.addnext(source)
    return serialise(root)
