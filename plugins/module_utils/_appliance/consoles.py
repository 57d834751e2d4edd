# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The consoles (``<graphics>``) of clones: never open to more people than those of the original. Pure.

A manifest holds no password. That there was one is said by an empty one: libvirt's own attribute, with which QEMU lets
nobody in. protect_consoles() puts the task's password there, or lets the console listen to the host alone.
"""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidSecret
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree

if t.TYPE_CHECKING:
    Element = etree._Element

LOOPBACK: t.Final = "127.0.0.1"
# https://www.rfc-editor.org/rfc/rfc6143#section-7.2.2 has 8 bytes, spice-server at most 60; QEMU cuts the rest off.
_LONGEST_PASSWORDS: t.Final = {"vnc": 8, "spice": 60}
_NO_PORT: t.Final = frozenset({"", "-1", "0"})
_PRIVATE_LISTENERS: t.Final = frozenset({"socket", "none"})
_OF_THE_INSTANCE: t.Final = ("port", "tlsPort", "websocket", "socket", "passwdValidTo")


def strip_console(device: Element) -> None:
    """Take out of a ``<graphics>`` what makes it that of one machine; what protects it stays, or is marked."""
    if _is_encrypted_only(device):
        device.set("defaultMode", "secure")  # a free port for all else would be opened beside
    if "passwd" in device.attrib:
        device.set("passwd", "")
    if device.get("socket") and device.find("listen") is None:
        device.insert(0, etree.Element("listen", type="socket"))
    for name in _OF_THE_INSTANCE:
        device.attrib.pop(name, None)
    if device.find("listen[@type='socket']") is not None:
        device.attrib.pop("autoport", None)
    elif device.get("type") in {"vnc", "spice", "rdp"}:
        device.set("autoport", "yes")
    if device.get("type") == "dbus":
        device.attrib.pop("address", None)
    for listen in device.findall("listen"):
        listen.attrib.pop("socket", None)


def _is_encrypted_only(device: Element) -> bool:
    return (
        device.get("type") == "spice"
        and device.get("autoport") != "yes"
        and device.get("port", "") in _NO_PORT
        and device.get("tlsPort", "") not in _NO_PORT
    )


def protect_consoles(root: Element, password: str | None) -> None:
    """Give every console of a machine the password; without one, what had a password listens to its host alone."""
    for device in root.iterfind("devices/graphics"):
        if password is not None and device.get("type") in _LONGEST_PASSWORDS:
            device.set("passwd", password)
        elif "passwd" in device.attrib:
            del device.attrib["passwd"]
            _listen_privately(device)


def _listen_privately(device: Element) -> None:
    listeners = device.findall("listen")
    if listeners and all(listen.get("type") in _PRIVATE_LISTENERS for listen in listeners):
        return
    for listen in listeners:
        device.remove(listen)
    device.set("listen", LOOPBACK)
    device.insert(0, etree.Element("listen", type="address", address=LOOPBACK))


def describe_protection(root: Element, password: str | None) -> list[str]:
    """Return a sentence for each console of a template whose password its clones will not have."""
    if password is not None:
        return []
    return [
        f"The {device.get('type')} console of the appliance's original had a password, which no manifest keeps: that "
        f"of the clones has none, and listens on their host alone ({LOOPBACK}, or a socket). Set console_password to "
        "give them one, and it listens where the original did."
        for device in root.iterfind("devices/graphics")
        if "passwd" in device.attrib
    ]


def check_password(root: Element, password: str | None) -> None:
    """Raise InvalidSecret for a password that the consoles of a template cannot have."""
    if password is None:
        return
    kinds = [device.get("type", "") for device in root.iterfind("devices/graphics")]
    limits = [_LONGEST_PASSWORDS[kind] for kind in kinds if kind in _LONGEST_PASSWORDS]
    if not limits:
        raise InvalidSecret(
            "console_password",
            "is for a console, and the appliance has none by VNC or SPICE",
            "Leave it out, or make the appliance from a template with <graphics>.",
        )
    if not password.isascii() or not password.isprintable() or not password:
        raise InvalidSecret(
            "console_password",
            "has to be of printable ASCII characters",
            "Choose another one.",
        )
    if len(password) > min(limits):
        raise InvalidSecret(
            "console_password",
            f"is longer than the {min(limits)} characters that count on the appliance's console",
            "Choose a shorter one, and let nobody reach the console who need not.",
        )
