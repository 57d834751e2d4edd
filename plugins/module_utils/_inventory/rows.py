# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``describe_domain``: a row of domain_info, out of what the reader says of a domain and of its host. Pure.

What a guest or another operator can write stands in these rows as it is, and is never a reason to leave out the others.
"""

from __future__ import annotations

import typing as t
from fnmatch import fnmatchcase

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._layers.layers import (
    explain_targets,
    is_export,
    list_incomplete,
    read_domain_disks,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.export_xml import (
    is_helper,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import (
    describe_remainder,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domain_xml
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.states import (
    ACTIVE_STATES,
    reason_name,
    state_name,
)

from .snapshot import assemble_guest

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._layers.layers import (
        DiskLayers,
        Layer,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._layers.stored import (
        HostStorage,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import (
        Dependency,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_xml import (
        Definition,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import Metadata

    from .addresses import AddressBook

Row = dict[str, t.Any]
Raw = t.Mapping[str, t.Any]

_AGENT: t.Final = "org.qemu.guest_agent.0"

# What of a state says that a guest does not do what it should: by (state, reason).
_FAILURES: t.Final[t.Mapping[tuple[str, str], str]] = {
    ("paused", "ioerror"): "it is paused, as one of its disks had an I/O error",
    ("paused", "watchdog"): "it is paused by its watchdog",
    ("paused", "crashed"): "it is paused, as its operating system crashed",
    ("paused", "api_error"): "it is paused, as a call of libvirt failed",
    ("paused", "postcopy_failed"): "it is paused, as its migration broke off in post-copy",
    ("running", "postcopy_failed"): "its migration broke off in post-copy",
    ("crashed", "panicked"): "its operating system crashed",
    ("shutoff", "crashed"): "its QEMU ended by itself",
    ("shutoff", "failed"): "it could not be started",
}


class Selection(t.NamedTuple):
    """Which domains are listed: those for which all hold that are given. ``pattern`` is a shell pattern of names."""

    names: frozenset[str] | None = None
    fleet: str | None = None
    tenant: str | None = None
    pattern: str | None = None
    tags: frozenset[str] = frozenset()

    def admits_name(self, name: str) -> bool:
        """Return whether a domain of that name may be listed."""
        return (self.names is None or name in self.names) and (
            self.pattern is None or fnmatchcase(name, self.pattern)
        )

    def admits(self, labels: Metadata) -> bool:
        """Return whether a domain with these labels may be listed."""
        return (
            self.fleet in {None, labels.fleet}
            and self.tenant in {None, labels.tenant}
            and self.tags.issubset(labels.tags)
        )

    @property
    def needs_labels(self) -> bool:
        """Whether a domain with labels that cannot be read is none that was chosen."""
        return bool(self.tags) or self.fleet is not None or self.tenant is not None


class HostFacts(t.NamedTuple):
    """What is known of a host beyond a domain: its URI as it was asked for and as others reach it, safe to show.

    ``transactions`` are rows of unfinished ones by the name of a machine, None where they are not known.
    """

    uri: str
    machine_uri: str
    book: AddressBook
    storage: HostStorage | None = None
    transactions: t.Mapping[str, t.Sequence[Row]] | None = None


def describe_domain(raw: Raw, host: HostFacts, selection: Selection) -> Row | None:
    """Return the domain's row, None unless it is chosen; one that cannot be read has a ``problem`` and little else."""
    if not selection.admits_name(raw["name"]):
        return None
    try:
        root = parse_element(raw["xml"])
        definition = domain_xml.read(root)
        if not selection.admits(definition.metadata):
            return None
        return _describe(raw, host, root, definition)
    except (
        HeadroomError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
    ) as error:
        problem = f"what libvirt says of it cannot be read: {error}"
        return None if selection.needs_labels else _describe_unreadable(raw, host, problem)


def _describe(raw: Raw, host: HostFacts, root: etree._Element, definition: Definition) -> Row:
    stats, labels = raw["stats"], definition.metadata
    state = state_name(stats.get("state.state"))
    guest = assemble_guest(definition, state, host.book, autostart=raw["autostart"])
    disks, dependency = read_domain_disks(root), labels.dependency
    incomplete_disks = list_incomplete(disks, dependency)
    health = _judge(raw, _find_agent(root), incomplete_disks, dependency)
    return {
        **_name(raw, host),
        "state_reason": reason_name(state, stats.get("state.reason")),
        "address": guest.address,
        **guest.facts,
        "protected": labels.protected,
        "helper": is_helper(root),
        "version": labels.appliance.partition(":")[2] or None if labels.appliance else None,
        "parent": labels.parent,
        "created": labels.created,
        "disks": _describe_disks(disks, guest.facts["disks"], dependency, host.storage),
        "volumes": [volume._asdict() for volume in labels.volumes],
        "reservations": [reservation._asdict() for reservation in labels.reservations],
        "dependency": dependency and describe_remainder(dependency, incomplete_disks),
        "health": health,
        "transactions": _find_transactions(definition.name, host),
        "problem": None,
    }


def _name(raw: Raw, host: HostFacts) -> Row:
    name, uuid = raw["name"], raw["uuid"]
    machine = {"uri": host.machine_uri, "name": name, "uuid": uuid}  # what modules take under it
    return {"name": name, "uuid": uuid, "uri": host.uri, "machine": machine}


def _describe_unreadable(raw: Raw, host: HostFacts, problem: str) -> Row:
    """Return the row of a domain of which only the name is known, with the keys of all others."""
    lists = ("tags", "interfaces", "graphics", "disks", "volumes", "reservations")
    nothing = (
        "address",
        "title",
        "description",
        "vcpus",
        "memory_bytes",
        "fleet",
        "tenant",
        "appliance",
        "version",
        "parent",
        "created",
        "protected",
        "helper",
        "dependency",
    )
    state = state_name(raw["stats"].get("state.state"))
    reason = reason_name(state, raw["stats"].get("state.reason"))
    return {
        **_name(raw, host),
        "state": state,
        "state_reason": reason,
        "autostart": raw["autostart"],
        **dict.fromkeys(nothing),
        **{key: [] for key in lists},
        "health": {
            "agent": None,
            "io_error": (state, reason) == ("paused", "ioerror"),
            "incomplete_disks": [],
            "problems": [problem],
        },
        "transactions": _find_transactions(raw["name"], host),
        "problem": problem,
    }


def _find_transactions(name: str, host: HostFacts) -> list[Row] | None:
    return None if host.transactions is None else list(host.transactions.get(name, ()))


def _find_agent(root: etree._Element) -> etree._Element | None:
    """Return the end of the guest agent's channel; None for a domain without one."""
    targets = root.iterfind("devices/channel/target")
    return next((target for target in targets if target.get("name") == _AGENT), None)


def _judge(
    raw: Raw,
    agent: etree._Element | None,
    incomplete_disks: t.Sequence[str],
    dependency: Dependency | None,
) -> Row:
    """Return what is known of the domain's health, without asking anybody."""
    state = state_name(raw["stats"].get("state.state"))
    reason = reason_name(state, raw["stats"].get("state.reason"))
    contact = _judge_agent(agent, raw.get("answers")) if state in ACTIVE_STATES else None
    problems = [
        _FAILURES.get((state, reason)),
        explain_targets(incomplete_disks, dependency),
        "its guest agent does not answer" if contact == "silent" else None,
    ]
    return {
        "agent": contact,
        "io_error": (state, reason) == ("paused", "ioerror"),
        "incomplete_disks": list(incomplete_disks),
        "problems": [problem for problem in problems if problem is not None],
    }


def _judge_agent(agent: etree._Element | None, answers: bool | None) -> str | None:
    """Return how it stands with the agent of a domain that is active; None for one without its channel."""
    if agent is None:
        return None
    if agent.get("state") != "connected":
        return "disconnected"
    return {None: "connected", True: "answers", False: "silent"}[answers]


def _describe_disks(
    disks: t.Iterable[DiskLayers],
    rows: t.Iterable[Row],
    dependency: Dependency | None,
    storage: HostStorage | None,
) -> list[Row]:
    """Return the rows of the disks with their layers, the top first."""
    described = []
    for row, disk in zip(rows, disks):
        layers = disk.layers if storage is None else storage.layers_of(disk)
        described.append(
            {
                **row,
                "shareable": disk.is_shareable,
                "layers": [_describe_layer(layer, dependency, storage) for layer in layers],
                "layers_complete": _is_ended(disk, layers, storage),
            }
        )
    return described


def _is_ended(disk: DiskLayers, layers: t.Sequence[Layer], storage: HostStorage | None) -> bool:
    """Return whether nothing can be below the last layer."""
    if disk.is_ended or not layers or not layers[-1].may_have_backing:
        return True
    return storage is not None and storage.find_volume(layers[-1]) is not None


def _describe_layer(
    layer: Layer, dependency: Dependency | None, storage: HostStorage | None
) -> Row:
    ref = None if storage is None else storage.find_volume(layer)
    return {
        "type": layer.kind,
        "format": layer.format,
        "path": layer.path,
        "pool": layer.pool if ref is None else ref.pool,
        "volume": layer.volume if ref is None else ref.name,
        "address": _mask_address(layer, dependency),
    }


def _mask_address(layer: Layer, dependency: Dependency | None) -> str | None:
    """Return where a layer is on a network; whoever knows the name of one of our exports can read the disk."""
    if layer.address is None:
        return None
    if layer.export is not None and (is_export(layer, dependency) or is_export(layer)):
        return f"{layer.address.rpartition('/')[0]}/***"
    return mask_uri(layer.address)
