# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""From the XML of one domain to the template of many. Pure.

What makes a domain this one machine on this one host goes; what its guest sees of its hardware (device addresses, bus
and slot) stays, so that a clone finds its network card and disks where the original did.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domain_schema
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_xml import SEED_ALIAS
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    iterate_elements,
    parse_element,
    read_attribute,
    serialise,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import NAMESPACE

from . import classify, consoles

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree

    Element = etree._Element

# Metadata in this namespace says which operating system it is; all other metadata is about the one machine.
OS_NAMESPACE: t.Final = "http://libosinfo.org/xmlns/libvirt/domain/1.0"

# What a parameter of a filter is called when it is an address that others share.
_SHARED_PARAMETERS: t.Final = frozenset(
    {"DHCPSERVER", "GATEWAY", "GATEWAY_MAC", "PROJNET", "PROJMASK"}
)
_SYSTEM_ENTRIES: t.Final = frozenset({"serial", "uuid", "asset"})
# systemd takes these for its guest alone: a host name, a machine id, keys.
_CREDENTIAL: t.Final = "io.systemd.credential"
_DATA_SOURCE: t.Final = "ds="  # where cloud-init finds what a machine is to become
_CREDENTIAL_ENTRY: t.Final = "opt/io.systemd.credentials/"
# What of a card's backend is one machine's: a log, and what its DHCP calls the guest.
_OF_BACKENDS: t.Final = frozenset({"logFile", "hostname", "fqdn"})
_MAC: t.Final = re.compile(r"[0-9A-Fa-f]{1,2}([:-][0-9A-Fa-f]{1,2}){5}")
_CONSOLES: t.Final = frozenset({"serial", "console", "parallel"})
# Of what goes, what its owner may miss; the rest (name, UUID, addresses of cards, …) is what makes a clone a clone.
_NOTED: t.Final = frozenset(
    tuple(text.split("/"))
    for text in (
        "cputune/emulatorpin",
        "cputune/iothreadpin",
        "cputune/vcpupin",
        "devices/channel/log",
        "devices/console/log",
        "devices/disk/serial",
        "devices/disk/wwn",
        "devices/interface/ip",
        "devices/interface/route",
        "devices/parallel/log",
        "devices/serial/log",
        "devices/tpm/backend/encryption",
        "launchSecurity/dhCert",
        "launchSecurity/session",
        "numatune",
        "os/varstore",
        "resource/fibrechannel",
    )
)
# libvirt's names for the aliases that it leaves to people, and that other elements refer to.
_OWN_ALIAS: t.Final = "ua-"


def make_template(text: str, *, keep_unknown: bool = False) -> str:
    """Return the template that the XML of a domain makes; raises Unsupported naming each device that cannot be cloned.

    What the table of libvirt's schema does not have is refused by name, or kept as it is. A template stays as it is.
    """
    root = parse_element(text)
    if root.tag != "domain":
        raise HeadroomError(
            f"template: the XML is a <{root.tag!s}>, not a <domain>. Give the XML of a domain."
        )
    classify.refuse_unclonable(root)
    if not keep_unknown:
        classify.refuse_unknown(root)
    for strip in (
        strip_metadata,
        _strip_labels,
        _strip_firmware,
        _strip_disks,
        _strip_interfaces,
        _strip_consoles,
        _strip_rest,
        _strip_identity,
    ):
        strip(root)
    return serialise(root)


def list_omissions(text: str) -> tuple[str, ...]:
    """Return what of a domain's XML its template has not, though its owner may miss it: pins, log files, sockets."""
    root = parse_element(text)
    omissions = _list_media(root)
    for drive in root.findall("devices/disk"):
        if drive.get("device", "disk") != "disk":
            _remove(drive)
    paths = map(domain_schema.get_path, iterate_elements(root))
    omissions += [f"<{'/'.join(path)}>" for path in paths if path in _NOTED]
    if root.find("vcpu[@cpuset]") is not None:
        omissions.append("<vcpu/@cpuset>")
    omissions += [
        f"<{'/'.join(domain_schema.get_path(parameter))} name={parameter.get('name')!r}>"
        for parameter in _find_own_parameters(root)
    ]
    omissions += _list_settings(root)
    omissions += [
        f"<metadata/{domain_schema.get_name(notes)}>" for notes in _find_foreign_notes(root)
    ]
    consoles = (device for device in root.iterfind("devices/*") if device.tag in _CONSOLES)
    omissions.extend(
        f"<devices/{domain_schema.get_name(device)} type={device.get('type')!r}>"
        for device in consoles
        if device.get("type") not in {"pty", "spicevmc", "spiceport"}
    )
    if root.find("seclabel[@type='static']") is not None:
        omissions.append("<seclabel type='static'>")
    return tuple(dict.fromkeys(omissions))


def _list_media(root: Element) -> list[str]:
    """Return what lies in the drives, but for a seed."""
    drives = (drive for drive in root.iterfind("devices/disk") if drive.find("source") is not None)
    return [
        f"the medium of the {drive.get('device')} {read_attribute(drive.find('target'), 'dev')}"
        for drive in drives
        if drive.get("device") in {"cdrom", "floppy"}
        and drive.find(f"alias[@name='{SEED_ALIAS}']") is None
    ]


def _list_settings(root: Element) -> list[str]:
    """Return what the firmware told the guest of itself, by names alone: credentials are secrets."""
    settings = []
    for entry in root.iterfind("sysinfo//entry"):
        text, place = entry.text or "", "/".join(domain_schema.get_path(entry))
        if text.startswith(_CREDENTIAL):
            settings.append(f"<{place}> {text.partition('=')[0]}")
        elif entry.get("name", "").startswith(_CREDENTIAL_ENTRY):
            settings.append(f"<{place} name={entry.get('name')!r}>")
        elif entry.get("name") == "serial" and text.startswith(_DATA_SOURCE):
            settings.append(f"<{place} name='serial'> {text.partition(';')[0]}")
    return settings


def read_os_id(text: str) -> str | None:
    """Return the libosinfo id that a domain's XML or a template says, such as ``http://debian.org/debian/13``."""
    element = parse_element(text).find(f"metadata/{{{OS_NAMESPACE}}}libosinfo/{{{OS_NAMESPACE}}}os")
    return None if element is None else element.get("id")


def read_firmware(text: str) -> str:
    """Return ``efi`` or ``bios``: what a domain's XML or a template boots with."""
    system = parse_element(text).find("os")
    if system is None:
        return "bios"
    loader = system.find("loader")
    explicit = loader is not None and loader.get("type") == "pflash"
    return "efi" if explicit or system.get("firmware") == "efi" else "bios"


def list_disk_targets(text: str) -> list[str]:
    """Return the targets (vda, …) of the disks that each clone has for itself, in the order of the XML."""
    return [
        read_attribute(disk.find("target"), "dev") for disk in find_own_disks(parse_element(text))
    ]


def find_own_disks(root: Element) -> list[Element]:
    """Return the ``<disk>`` elements that are disks, not CD-ROM or floppy drives, nor a seed."""
    disks = (disk for disk in root.iterfind("devices/disk") if disk.get("device", "disk") == "disk")
    return [disk for disk in disks if disk.find(f"alias[@name='{SEED_ALIAS}']") is None]


def _strip_identity(element: Element, path: domain_schema.Path = ()) -> None:
    """Take out what the table of the schema calls the identity of one machine."""
    if domain_schema.classify_text(path) == "identity":
        element.text = None
    for name in list(element.attrib):
        if domain_schema.classify_attribute(path, str(name)) == "identity":
            del element.attrib[name]
    for child in [child for child in element if isinstance(child.tag, str)]:
        path_of_child = (*path, domain_schema.get_name(child))
        if domain_schema.classify_element(path_of_child) == "identity":
            element.remove(child)
        else:
            _strip_identity(child, path_of_child)


def _strip_labels(root: Element) -> None:
    """Leave the owner's word that a driver labels nothing, or labels as it likes; the label itself is one machine's."""
    for label in root.findall("seclabel"):
        if label.get("type") != "none":
            _remove(label)


def strip_metadata(root: Element) -> None:
    """Take all metadata out but what says which operating system it is."""
    for element in root.findall("metadata/*"):
        if not str(element.tag).startswith(f"{{{OS_NAMESPACE}}}"):
            _remove(element)


def _find_foreign_notes(root: Element) -> list[Element]:
    """Return the metadata of other programs, which is about the one machine."""
    ours = (f"{{{OS_NAMESPACE}}}", f"{{{NAMESPACE}}}")
    return [notes for notes in root.findall("metadata/*") if not str(notes.tag).startswith(ours)]


def _strip_firmware(root: Element) -> None:
    """Let libvirt make a new NVRAM, and choose the loader again where it had chosen it."""
    system = root.find("os")
    if system is None:
        return
    loader = system.find("loader")
    chosen = system.get("firmware") is not None
    if loader is not None and chosen:
        asked = {name: loader.get(name) for name in ("secure", "stateless")}
        loader.attrib.clear()
        loader.text = None
        loader.attrib.update({name: value for name, value in asked.items() if value is not None})
        if not loader.attrib:
            system.remove(loader)
    elif loader is not None and loader.get("type") == "pflash" and system.find("nvram") is not None:
        # Without an NVRAM beside it libvirt would take it for one that the machine may write.
        loader.set("readonly", loader.get("readonly", "yes"))
    keep = () if chosen else ("template", "templateFormat", "format")
    for variables in [*system.findall("nvram"), *system.findall("varstore")]:
        variables.text = None
        for child in list(variables):
            variables.remove(child)
        for name in set(variables.attrib) - set(keep):
            del variables.attrib[name]
        if not variables.attrib:
            system.remove(variables)


def _strip_disks(root: Element) -> None:
    for disk in root.iterfind("devices/disk"):
        for name in ("source", "backingStore", "mirror", "encryption", "auth", "shareable"):
            for element in disk.findall(name):
                disk.remove(element)
        disk.set("type", "file")


def _strip_interfaces(root: Element) -> None:
    for source in root.iterfind("devices/interface/source[@network]"):
        source.attrib.pop("bridge", None)
    for parameters in root.findall("devices/interface/virtualport/parameters"):
        if parameters.attrib and set(parameters.attrib) <= {"instanceid", "interfaceid"}:
            _remove(parameters)
    for interface in root.iterfind("devices/interface"):
        backend = interface.find("backend")
        if backend is not None and backend.attrib and set(backend.attrib) <= _OF_BACKENDS:
            interface.remove(backend)
    for parameter in _find_own_parameters(root):
        _remove(parameter)


def _find_own_parameters(root: Element) -> list[Element]:
    """Return the parameters of filters that are addresses of the machine itself."""
    return [
        parameter
        for parameter in root.findall("devices/interface/filterref/parameter")
        if parameter.get("name") not in _SHARED_PARAMETERS
        and _is_address(parameter.get("value", ""))
    ]


def _is_address(text: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(text))
    return _MAC.fullmatch(text) is not None


def _strip_consoles(root: Element) -> None:
    """Consoles become pseudo-terminals; channels and graphics get paths and ports of their own from libvirt."""
    devices = root.find("devices")
    for device in [] if devices is None else list(devices):
        if device.tag in _CONSOLES:
            _drop_children(device, "source", "log", "protocol")
            device.set("type", "pty")
            device.attrib.pop("tty", None)
        elif device.tag == "channel":
            if device.get("type") in {"unix", "pty"}:
                _drop_children(device, "source")
        elif device.tag == "graphics":
            consoles.strip_console(device)


def _strip_rest(root: Element) -> None:
    for alias in root.findall("devices/*/alias"):
        if not alias.get("name", "").startswith(_OWN_ALIAS):
            _remove(alias)
    _strip_sysinfo(root)
    for disk in root.findall(f"devices/disk/alias[@name='{SEED_ALIAS}']/.."):
        _remove(disk)
    for cid in root.iterfind("devices/vsock/cid"):
        cid.attrib.clear()
        cid.set("auto", "yes")


def _strip_sysinfo(root: Element) -> None:
    for entry in root.findall("sysinfo/*/entry"):
        if entry.get("name") in _SYSTEM_ENTRIES or (entry.text or "").startswith(_CREDENTIAL):
            block = entry.getparent()
            _remove(entry)
            # Libvirt takes no block that is empty.
            if block is not None and len(block) == 0:
                _remove(block)
    for entry in root.findall("sysinfo/entry"):
        if entry.get("name", "").startswith(_CREDENTIAL_ENTRY):
            _remove(entry)


def _drop_children(element: Element, *names: str) -> None:
    for name in names:
        for child in element.findall(name):
            element.remove(child)


def _remove(element: Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)
