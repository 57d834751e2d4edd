# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The definitions of earlier looks at a host, and how to tell which of them still hold. Sent to hosts, see remote.py.

libvirt has no call for the definitions of all domains. But it writes each one to a file whenever it changes, and the
file's state tells in no call at all whether the definition of an earlier look still holds: an index on the host keeps
those, and only the others are asked for. What is in the files is never used: it may have been edited behind libvirt's
back.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import tempfile
import typing as t
from pathlib import Path

_VERSION = 1
_AGENT_CHANNEL = "org.qemu.guest_agent.0"


@dataclasses.dataclass(frozen=True)
class Places:
    """Where the libvirt of this machine keeps its files, and where the index of earlier looks is."""

    definitions: str = "/etc/libvirt/qemu"
    running: str = "/run/libvirt/qemu"
    index: str = "/var/cache/headroom/inventory.json"
    neighbours: str = "/proc/net/arp"


def local_places() -> Places | None:
    """Return the places of this machine's libvirt; None for users who cannot see them."""
    return Places() if os.geteuid() == 0 else None


@dataclasses.dataclass
class Domain:
    """A domain on the way to being read."""

    handle: t.Any
    name: str
    uuid: str
    stats: dict[str, t.Any]
    active: bool
    signature: list[int] | None = None
    xml: str | None = None

    @property
    def has_agent(self) -> bool:
        """Whether its definition has a guest agent's channel with somebody at the other end."""
        channel = (self.xml or "").partition(f"name='{_AGENT_CHANNEL}'")[2].partition(">")[0]
        return "state='connected'" in channel

    def as_dict(self, autostart: bool) -> dict[str, t.Any]:
        """Return what the look says of it."""
        return {"stats": self.stats, "xml": self.xml, "autostart": autostart}


class Index:
    """The definitions of earlier looks, each with the signature of the file that libvirt wrote when it last changed."""

    def __init__(self, places: Places | None) -> None:
        self._places = places
        self._held = self._load(Path(places.index)) if places else {}

    def signature(self, name: str, active: bool) -> list[int] | None:
        """Return what changes with the domain's definition; None when nothing can tell."""
        if self._places is None or "/" in name:
            return None
        folder = self._places.running if active else self._places.definitions
        try:
            status = Path(folder, f"{name}.xml").stat()
        except OSError:
            return None
        # libvirt writes a new file and renames it, so that already the inode is another.
        return [int(active), status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size]

    def definition(self, uuid: str, signature: list[int] | None) -> str | None:
        """Return the definition that ``signature`` stands for, if it is here."""
        held = self._held.get(uuid)
        return None if signature is None or held is None or held[0] != signature else t.cast(str, held[1])

    def save(self, domains: t.Iterable[Domain]) -> None:
        """Keep what can be recognised again; that it cannot be kept is no trouble, the next look asks again."""
        if self._places is None:
            return
        held = {domain.uuid: [domain.signature, domain.xml] for domain in domains if domain.signature is not None}
        if held == self._held:
            return
        path = Path(self._places.index)
        with contextlib.suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # A file of its own, readable by us alone: looks may happen at the same time.
            with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as fresh:
                json.dump({"version": _VERSION, "domains": held}, fresh)
            Path(fresh.name).replace(path)

    @staticmethod
    def _load(path: Path) -> dict[str, t.Any]:
        try:
            with path.open(encoding="utf-8") as file:
                if os.fstat(file.fileno()).st_uid != os.geteuid():
                    return {}
                data = json.load(file)
            return dict(data["domains"]) if data["version"] == _VERSION else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}
