# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of ours is under way when something happens, and in which phases it can be met. Data only."""

from __future__ import annotations

import dataclasses
import typing as t

from faults.scene import NAME

At = t.Literal["source", "target"]


@dataclasses.dataclass(frozen=True)
class Moment:
    """A phase of an operation: the journal's ``step`` (a dot makes it one that is done; empty: the record is there).

    Then ``when`` a shell script has ended. ``at`` is where the guest is in it, ``options`` what makes it last.
    """

    name: str
    step: str
    when: str = "true"
    at: At = "source"
    options: tuple[tuple[str, t.Any], ...] = ()


@dataclasses.dataclass(frozen=True)
class Operation:
    """A task of ours on the source, and what the journal calls it.

    ``prepare`` is a shell script that runs there before, ``destination`` whether the task needs one.
    """

    name: str
    module: str
    kind: str
    subject: str
    options: tuple[tuple[str, t.Any], ...]
    moments: tuple[Moment, ...]
    destination: bool = False
    off: bool = False
    prepare: str = "true"

    def task(self, moment: Moment, destination_uri: str) -> dict[str, t.Any]:
        """The options of its module."""
        options = {**dict(self.options), **dict(moment.options)}
        return {**options, "destination_uri": destination_uri} if self.destination else options


_SENDS: t.Final = (
    f"timeout 60 sh -c 'until virsh domjobinfo {NAME} | grep -q ^%s.processed; do sleep 0.05; done'"
)
_SENDS_MEMORY: t.Final = _SENDS % "Memory"
_SENDS_DISKS: t.Final = _SENDS % "File"
_SLOW: t.Final = (("bandwidth", 24),)
_PULLS_SLOWLY: t.Final = (("pull_bandwidth", 8),)
PULLING: t.Final = Moment("pulling", ".settle", at="target", options=_PULLS_SLOWLY)

STREAMING: t.Final = Operation(
    "streaming",
    "domain_migrate",
    "migrate",
    NAME,
    (("name", NAME), ("mode", "streaming"), ("remove_source_volumes", True)),
    (
        Moment("frozen", ".freeze"),
        Moment("exported", ".export"),
        Moment("memory under way", "migrate", _SENDS_MEMORY, options=_SLOW),
        PULLING,
    ),
    destination=True,
)
PRECOPY: t.Final = Operation(
    "precopy",
    "domain_migrate",
    "migrate",
    NAME,
    (("name", NAME), ("mode", "precopy"), ("remove_source_volumes", True)),
    (
        Moment("volumes made", ".volume"),
        Moment("disks under way", "migrate", _SENDS_DISKS, options=_SLOW),
        Moment("memory under way", "migrate", _SENDS_MEMORY, options=_SLOW),
        Moment("switched over", ".migrate", at="target"),
    ),
    destination=True,
)
OFFLINE: t.Final = Operation(
    "offline",
    "domain_migrate",
    "migrate",
    NAME,
    (("name", NAME), ("mode", "offline"), ("remove_source_volumes", True)),
    (Moment("disks under way", "copy"), Moment("copied", ".copy")),
    destination=True,
    off=True,
)
APPLIANCE: t.Final = (("name", "cap"), ("version", "1"))
CAPTURE: t.Final = Operation(
    "capture",
    "appliance",
    "capture",
    NAME,
    (*APPLIANCE, ("source", {"domain": NAME, "when_running": "live"}), ("seal", "none")),
    (Moment("overlay made", ".overlay"), Moment("frozen", ".freeze")),
)

CAPTURE_OFF: t.Final = Operation(
    "capture off",
    "appliance",
    "register",
    "default/cap:1",
    (*APPLIANCE, ("source", {"domain": NAME}), ("seal", "none")),
    (Moment("copy under way", "volume"), Moment("a disk copied", ".volume")),
    off=True,
)

MIGRATIONS: t.Final = (STREAMING, PRECOPY, OFFLINE)
OPERATIONS: t.Final = (*MIGRATIONS, CAPTURE, CAPTURE_OFF)
