# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``judge_guests``: what is wrong with the guests of one host. Pure."""

from __future__ import annotations

import collections
import typing as t

from .model import Finding

if t.TYPE_CHECKING:
    from .model import Guest, Look

Findings = t.Iterator[Finding]


def judge_guests(look: Look) -> Findings:
    """Yield what each check of the host's guests says, and one pass where nothing is wrong with any of them."""
    guests = [guest for guest in look.guests if not guest.helper]
    findings = [
        *_judge_each(look, guests),
        *_judge_macs(guests),
        *_judge_written(guests),
    ]
    yield from findings
    if not findings:
        yield Finding("guests", "pass", f"nothing is wrong with {len(guests)} guests")


def _judge_each(look: Look, guests: t.Iterable[Guest]) -> Findings:
    networks = {row["name"]: row for row in look.host["networks"]}
    pools = {row["name"] for row in look.host["pools"]}
    cards = look.host.get("cards")
    for guest in guests:
        yield from _judge_state(guest)
        yield from _judge_dependency(guest)
        yield from _judge_files(guest)
        yield from _judge_attachments(guest, networks, pools, cards)
        yield from _judge_platform(guest, look.machine_types)
        yield from _judge_maintenance(guest, look.host.get("maintenance"))


def _judge_state(guest: Guest) -> Findings:
    for problem in guest.problems:
        yield Finding(
            "guest_state",
            "fail",
            problem,
            guest.name,
            "See why in its log, /var/log/libvirt/qemu, and in the space of its pool; then run: virsh resume or virsh "
            f"start {guest.name}",
        )
    if not guest.persistent:
        yield Finding(
            "transient",
            "warn",
            "it has no definition: when it goes off, it is gone",
            guest.name,
            f"Run: virsh dumpxml {guest.name} > {guest.name}.xml; virsh define {guest.name}.xml",
        )


def _judge_dependency(guest: Guest) -> Findings:
    dependency = guest.dependency
    if dependency is None:
        return
    pulled = "and its transaction goes on" if guest.transactions else "and no run finishes it"
    yield Finding(
        "reads_elsewhere",
        "warn" if guest.transactions else "fail",
        f"it still reads from {dependency.get('source_uri')}, since {dependency.get('since')}, {pulled}; when that "
        "host goes, so do its disks",
        guest.name,
        "Finish it: headroom.libvirt.transaction with state: resumed on the host that began it, or domain_migrate to "
        "the host where it is.",
    )


def _judge_files(guest: Guest) -> Findings:
    for path in guest.missing:
        yield Finding(
            "guest_files",
            "fail",
            f"its file {path} does not exist",
            guest.name,
            "Bring the file back from a backup, start the pool that holds it, or remove the guest: "
            f"virsh undefine {guest.name}",
        )


def _judge_attachments(
    guest: Guest,
    networks: t.Mapping[str, t.Mapping[str, t.Any]],
    pools: t.Collection[str],
    cards: t.Collection[str] | None,
) -> Findings:
    for name in guest.networks:
        if name not in networks:
            remedy = f"Define the network, or give the guest another: virsh edit {guest.name}"
            detail = f"it is attached to the network {name}, which this host does not have"
            yield Finding("guest_network", "fail", detail, guest.name, remedy)
        elif not networks[name]["active"]:
            detail = f"it is attached to the network {name}, which does not run"
            yield Finding(
                "guest_network", "fail", detail, guest.name, f"Run: virsh net-start {name}"
            )
    for name in guest.bridges:
        if cards is not None and name not in cards:
            detail = f"it is attached to {name}, which this host does not have"
            remedy = f"Make the bridge, or give the guest another: virsh edit {guest.name}"
            yield Finding("guest_network", "fail", detail, guest.name, remedy)
    for name in guest.pools:
        if name not in pools:
            detail = f"it has a disk in the pool {name}, which this host does not have"
            yield Finding("guest_pool", "fail", detail, guest.name, f"Define the pool {name}.")


def _judge_platform(guest: Guest, machine_types: frozenset[str] | None) -> Findings:
    if machine_types and guest.machine and guest.machine not in machine_types:
        yield Finding(
            "machine_type",
            "fail",
            f"QEMU here no longer knows its machine type {guest.machine}: it will not start again",
            guest.name,
            f"Run: virsh edit {guest.name}, and write one of: qemu-system-x86_64 -machine help",
        )


def _judge_maintenance(guest: Guest, mark: t.Mapping[str, t.Any] | None) -> Findings:
    if mark is not None and guest.running:
        yield Finding(
            "maintenance",
            "warn",
            f"it runs on a host that is in maintenance ({mark['reason']})",
            guest.name,
            "Drain the host again, or end its maintenance: headroom.libvirt.restore.",
        )


def _judge_macs(guests: t.Iterable[Guest]) -> Findings:
    owners: dict[str, list[str]] = collections.defaultdict(list)
    for guest in guests:
        for mac in guest.macs:
            owners[mac].append(guest.name)
    for mac, names in sorted(owners.items()):
        if len(names) > 1:
            yield Finding(
                "mac_twice",
                "fail",
                f"{' and '.join(names)} have the same MAC address",
                mac,
                f"Give one of them another: virsh edit {names[-1]}, and take the line <mac …/> out.",
            )


def _judge_written(guests: t.Iterable[Guest]) -> Findings:
    for path, names in _find_shared((guest.name, set(guest.written)) for guest in guests):
        yield Finding(
            "disk_twice",
            "fail",
            f"{' and '.join(sorted(names))} write to it: together they destroy it",
            path,
            "Let one of them keep it; where its file system is made for that, mark it <shareable/> in both.",
        )


def _find_shared(
    owners: t.Iterable[tuple[str, t.Iterable[str]]],
) -> list[tuple[str, list[str]]]:
    """Return (key, names), sorted, of the keys that several of the ``owners`` (name, keys) have, or one twice."""
    names_by_key: dict[str, list[str]] = collections.defaultdict(list)
    for name, keys in owners:
        for key in keys:
            names_by_key[key].append(name)
    return [(key, names) for key, names in sorted(names_by_key.items()) if len(names) > 1]
