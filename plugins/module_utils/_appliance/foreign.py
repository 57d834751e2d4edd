# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a manifest from elsewhere may say: that of a feed, or of another host. Pure.

A domain's XML can name any file of its host (a kernel, a script that runs when an interface comes up, a firmware's
options) and pass arguments to QEMU. So of a template from elsewhere only what allowlist.py knows is let in.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import names, packed_nvram
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
    InvalidManifest,
    Manifest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    serialise,
)

from . import allowlist, build
from . import template as templates

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree

    Element = etree._Element

_LONGEST_TEXT: t.Final = 4096
# Firmware of the distribution, by the names that it has there.
_FIRMWARE = re.compile(r"/usr/share/(?!.*\.\.)[A-Za-z0-9._/-]+")
_TARGET = re.compile(r"[A-Za-z][A-Za-z0-9]{0,15}")
_MOST_TOLD: t.Final = 5


def check_manifest(manifest: Manifest, network: str | None = None) -> Manifest:
    """Return the manifest with its template as it may be used here; raises InvalidManifest for what it must not say.

    With ``network``, which the task chose, every network card of its machines is attached to that.
    """
    for field in ("name", "version", "created", "arch", "firmware", "template"):
        _check_text(field, getattr(manifest, field))
    for field in ("os_id", "parent", "description"):
        if getattr(manifest, field) is not None:
            _check_text(field, getattr(manifest, field))
    if manifest.min_ram_bytes < 0 or manifest.min_disk_bytes < 0:
        raise InvalidManifest("the manifest asks for less than nothing. Tell its publisher.")
    if manifest.nvram is not None:
        packed_nvram.unpack_variables(manifest.nvram)
    template = check_template(manifest.template, network)
    targets = [disk.target for disk in manifest.disks]
    if not all(disk.format in {"qcow2", "raw"} for disk in manifest.disks):
        raise InvalidManifest(
            "the manifest names a format of disks that is not used here. Tell its publisher."
        )
    if targets != templates.list_disk_targets(template) or not all(
        _TARGET.fullmatch(target) for target in targets
    ):
        raise InvalidManifest(
            "the disks of the manifest are not those of its template. Tell its publisher."
        )
    return dataclasses.replace(manifest, template=template)


def check_stored(manifest: Manifest, network: str | None = None) -> Manifest:
    """As check_manifest(), for one that lies in a pool: whoever writes there may name no disk but the appliance's."""
    for disk in manifest.disks:
        volume = names.read_disk_volume(disk.volume)
        if volume is None or volume.appliance != manifest.id:
            raise InvalidManifest(
                f"the manifest of {manifest.id} names the volume {disk.volume!r}, which is no disk of this appliance. "
                "Somebody changed it: register the appliance again."
            )
    return check_manifest(manifest, network)


def check_template(text: str, network: str | None = None) -> str:
    """Return a template that names nothing of the host; raises InvalidManifest naming what it must not say.

    The emulator and the firmware are those of this host. With ``network`` every network card is attached to that.
    """
    root = parse_element(text)
    templates.strip_metadata(root)
    for devices in root.findall("devices"):
        for emulator in devices.findall("emulator"):
            devices.remove(emulator)
    _leave_firmware_to_host(root)
    cards = [] if network is None else _attach_cards(root, allowlist.HARMLESS_NETWORK)
    problems = [*allowlist.find_violations(root)]
    if problems:
        raise InvalidManifest(_describe_problems(problems), problems=problems)
    for source in cards:
        source.set("network", str(network))
    return templates.make_template(serialise(root))


def _describe_problems(problems: t.Sequence[str]) -> str:
    remedies = ["Tell its publisher, or take the disk alone and give a template of your own."]
    if any(problem.startswith("<devices/interface") for problem in problems):
        remedies.insert(0, "Say with network which libvirt network its cards are attached to.")
    if any(problem.startswith("<devices/graphics") for problem in problems):
        remedies.insert(0, "Have its console listen on 127.0.0.1 where it is captured.")
    more = "" if len(problems) <= _MOST_TOLD else f" and {len(problems) - _MOST_TOLD} more"
    return (
        f"the template says {', '.join(problems[:_MOST_TOLD])}{more}, which a template from elsewhere may not: it "
        f"could reach into this host. {' '.join(remedies)}"
    )


def _leave_firmware_to_host(root: Element) -> None:
    """Have libvirt choose the firmware where the template names a file of the distribution's."""
    system = root.find("os")
    loader = None if system is None else system.find("loader")
    if system is None or loader is None or loader.get("type") != "pflash":
        return
    nvram = system.find("nvram")
    paths = [loader.text or "", "" if nvram is None else nvram.get("template", "")]
    if all(_FIRMWARE.fullmatch(path.strip()) for path in paths if path.strip()):
        system.set("firmware", "efi")
        secure = loader.get("secure")
        loader.clear()
        if secure is None:
            system.remove(loader)
        else:
            loader.set("secure", secure)
        if nvram is not None and not nvram.text and not len(nvram):
            system.remove(nvram)


def _attach_cards(root: Element, network: str) -> list[Element]:
    """Attach all network cards to ``network``; return the elements that say so."""
    return [build.attach_interface(card, network) for card in root.iterfind("devices/interface")]


def _check_text(field: str, value: object) -> None:
    lines = (
        value.splitlines()
        if isinstance(value, str) and field in {"template", "description"}
        else [value]
    )
    if not all(
        isinstance(line, str) and line.replace("\t", " ").isprintable() for line in lines
    ) or (field != "template" and len(str(value)) > _LONGEST_TEXT):
        raise InvalidManifest(f"{field} of the manifest is not a text. Tell its publisher.")
