# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``read_definition``: a domain's definition in no libvirt call at all. Sent to hosts, see remote.py.

libvirt has no call for the definitions of all domains. But it keeps each one in a file, which it writes before a call
that changes the definition returns, and which it reads itself when it starts: those of running domains among their
status, those of domains that are off as they were defined. Where a file is not what it should be, libvirt is asked.
"""

from __future__ import annotations

import dataclasses
import io
import os
import re
import typing as t

_AGENT_CHANNEL = "org.qemu.guest_agent.0"
# libvirt quotes attributes so, with their own quotes as entities. It keeps passwords in its files that no call returns.
_SECRET = re.compile(r" passwd='[^']*'")


class Places(t.NamedTuple):
    """Where a libvirt keeps its files, as this process sees them, and where the kernel's ARP table of its host is."""

    definitions: str = "/etc/libvirt/qemu"
    running: str = "/run/libvirt/qemu"
    neighbours: str | None = "/proc/net/arp"


def find_local_places() -> Places | None:
    """Return the places of this machine's libvirt; None for users who cannot see them."""
    return Places() if os.geteuid() == 0 else None


@dataclasses.dataclass
class Domain:
    """A domain on the way to being read; ``number`` is libvirt's id of a running one, else -1.

    ``answers`` is whether its guest agent does, None unless that was asked.
    """

    handle: t.Any
    name: str
    uuid: str
    number: int
    stats: dict[str, t.Any]
    xml: str | None = None
    answers: bool | None = None

    @property
    def active(self) -> bool:
        """Whether it is running."""
        return self.number != -1

    @property
    def has_agent(self) -> bool:
        """Whether its definition has a guest agent's channel with somebody at the other end."""
        channel = (self.xml or "").partition(f"name='{_AGENT_CHANNEL}'")[2].partition(">")[0]
        return "state='connected'" in channel

    def as_dict(self, autostart: bool) -> dict[str, t.Any]:
        """Return its row in the answer of the look, JSON-able."""
        return {
            "name": self.name,
            "uuid": self.uuid,
            "stats": self.stats,
            "xml": self.xml,
            "autostart": autostart,
            "answers": self.answers,
        }


def read_definition(places: Places, domain: Domain) -> str | None:
    """Return the definition of the domain by its file, without secrets; None where that is not there or of another."""
    if "/" in domain.name:
        return None
    folder = places.running if domain.active else places.definitions
    try:
        # Hundreds of small files: no buffers, no decoder.
        with io.FileIO(f"{folder}/{domain.name}.xml") as file:
            data = file.readall()
        # A status holds much that is libvirt's own before the definition.
        xml = data[data.find(b"<domain ") : data.rfind(b"</domain>") + len(b"</domain>")].decode()
    except (OSError, ValueError):
        return None
    head = xml.partition(">")[0]
    is_same = f" id='{domain.number}'" in head if domain.active else " id='" not in head
    # A file that was cut off has no end, one of a domain that was replaced has another UUID.
    is_complete = (
        xml.startswith("<domain ")
        and xml.endswith("</domain>")
        and f"<uuid>{domain.uuid}</uuid>" in xml
    )
    return _SECRET.sub("", xml) if is_same and is_complete else None
