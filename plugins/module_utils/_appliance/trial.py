# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Whether libvirt takes a clone of a template: ``try_definition`` asks it, before anything is copied or stopped."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import export_xml
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import TRIAL_PREFIX
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    read_text,
    serialise,
)

from .template import find_own_disks

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

_TITLE: t.Final = "a trial of headroom.libvirt, never started"


def try_definition(connection: Connection, template: str, label: str) -> None:
    """Define a machine of the template under a name that ends in ``label``, and undefine it.

    Raises Unsupported with libvirt's words where it does not take one: then no clone could ever be made. The name is
    always the same for a label, so that a run that was cut off here leaves nothing that the next one does not remove.
    """
    name = TRIAL_PREFIX + label
    _undefine(connection, name)
    try:
        domains.define(connection, _build_xml(template, name))
    except HeadroomError as error:
        raise Unsupported(
            f"libvirt takes no clone of the domain: {error.message} Give a template without that.",
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


def _build_xml(template: str, name: str) -> str:
    """Return a clone's XML with disks that need not be there: a definition looks at none."""
    root = parse_element(template)
    for tag, text in (("title", _TITLE), ("name", name)):
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
