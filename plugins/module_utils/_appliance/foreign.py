# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a manifest from elsewhere may say: that of a feed, or of another host. Pure.

A domain's XML can name any file of its host (a kernel, a script that runs when an interface comes up, a firmware's
options) and pass arguments to QEMU. So of a template from elsewhere only what is known to be harmless is let in.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import packed_nvram
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
    InvalidManifest,
    Manifest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    serialise,
)

from . import template as templates

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree

    Element = etree._Element

_LONGEST_TEXT: t.Final = 4096


def _split_words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DOMAIN: t.Final = _split_words(
    "metadata memory currentMemory maxMemory vcpu iothreads cputune os features cpu clock on_poweroff on_reboot "
    "on_crash pm genid sysinfo memoryBacking memtune devices"
)
_OS: t.Final = _split_words("type boot bootmenu loader nvram firmware smbios bios")
_DEVICES: t.Final = _split_words(
    "disk controller interface serial console channel input graphics video memballoon rng watchdog panic tpm sound "
    "audio vsock hub iommu redirdev"
)
_INTERFACES: t.Final = frozenset({"network", "bridge", "user"})
_INPUTS: t.Final = frozenset({"mouse", "keyboard", "tablet"})
_HARMLESS_PATHS: t.Final = frozenset({"/dev/urandom", "/dev/random"})
# Firmware of the distribution, by the names that it has there.
_FIRMWARE = re.compile(r"/usr/share/(?!.*\.\.)[A-Za-z0-9._/-]+")
_TARGET = re.compile(r"[A-Za-z][A-Za-z0-9]{0,15}")


def check_manifest(manifest: Manifest) -> Manifest:
    """Return the manifest with its template as it may be used here; raises InvalidManifest for what it must not say."""
    for field in ("name", "version", "created", "arch", "firmware", "template"):
        _check_text(field, getattr(manifest, field))
    for field in ("os_id", "parent", "description"):
        if getattr(manifest, field) is not None:
            _check_text(field, getattr(manifest, field))
    if manifest.min_ram_bytes < 0 or manifest.min_disk_bytes < 0:
        raise InvalidManifest("the manifest asks for less than nothing. Tell its publisher.")
    if manifest.nvram is not None:
        packed_nvram.unpack_variables(manifest.nvram)
    template = check_template(manifest.template)
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


def check_template(text: str) -> str:
    """Return a template that names nothing of the host; raises InvalidManifest naming what it must not say."""
    root = parse_element(text)
    for emulator in root.findall("devices/emulator"):  # this host's own is the one to use
        root.find("devices").remove(emulator)  # type: ignore[union-attr]
    problems = [*_find_unknown(root), *_find_odd_devices(root), *_find_paths(root)]
    if problems:
        raise InvalidManifest(
            f"the template says {', '.join(problems[:5])}, which a template from elsewhere may not: it could reach "
            "into this host. Tell its publisher, or take the disk alone and give a template of your own.",
            problems=problems,
        )
    return templates.make_template(serialise(root))


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


def _find_unknown(root: Element) -> t.Iterator[str]:
    for parent, allowed in (("", _DOMAIN), ("os", _OS), ("devices", _DEVICES)):
        for element in root.iterfind(f"{parent}/*" if parent else "*"):
            if element.tag not in allowed:
                yield f"<{_describe_element(element)}>"


def _find_odd_devices(root: Element) -> t.Iterator[str]:
    for path, attribute, allowed in (
        ("devices/interface", "type", _INTERFACES),
        ("devices/input", "type", _INPUTS),
        ("devices/rng/backend", "model", {"random", "builtin"}),
        ("devices/audio", "type", {"none", "spice"}),
        ("devices/disk", "type", {"file"}),
        ("devices/channel", "type", {"unix", "spicevmc", "qemu-vdagent"}),
        ("devices/redirdev", "type", {"spicevmc"}),
        ("sysinfo", "type", {"smbios"}),
    ):
        for element in root.iterfind(path):
            if element.get(attribute) not in allowed:
                yield f"<{_describe_element(element)} {attribute}='{element.get(attribute)}'>"
    for path in (
        "features/acpi/*",
        "devices/*/script",
        "devices/*/downscript",
        "devices/interface/backend",
    ):
        for element in root.iterfind(path):
            yield f"<{_describe_element(element)}>"


def _find_paths(root: Element) -> t.Iterator[str]:
    """Yield what looks like a path: nothing else in a template has slashes."""
    for element in root.iter():
        if not isinstance(element.tag, str):
            continue
        if element.tag == "metadata" or any(
            above.tag == "metadata" for above in element.iterancestors()
        ):
            continue
        values = [element.text or "", *(str(value) for value in element.attrib.values())]
        allowed = (
            _is_firmware if element.tag in {"loader", "nvram"} else _HARMLESS_PATHS.__contains__
        )
        for value in (value.strip() for value in values):
            if "/" in value and not allowed(value):
                yield f"<{_describe_element(element)}> {value!r}"
        if "file" in element.attrib:
            yield f"<{_describe_element(element)} file=…>"


def _is_firmware(path: str) -> bool:
    return _FIRMWARE.fullmatch(path) is not None


def _describe_element(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
