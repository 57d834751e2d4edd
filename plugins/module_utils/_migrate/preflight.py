# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What would keep a migration from succeeding, found before anything is changed. Pure: facts in, findings out."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import TLS_REMEDY

from . import resource_checks, storage_checks
from .model import Finding

if t.TYPE_CHECKING:
    from .facts import Facts, GuestState
    from .model import MigrationPlan


def evaluate(plan: MigrationPlan, facts: Facts) -> tuple[Finding, ...]:
    """Return every finding, those that are fine too, in an order that is always the same."""
    findings: list[Finding] = []
    for check in (
        _check_hosts,
        _check_name,
        _check_job,
        _check_paused,
        _check_reach,
        _check_tls,
        _check_machine,
        _check_cpu,
        resource_checks.check_memory,
        resource_checks.check_hugepages,
        resource_checks.check_numa,
        storage_checks.check_completeness,
        storage_checks.check_disks,
        storage_checks.check_definition,
        storage_checks.check_headers,
        storage_checks.check_places,
        storage_checks.check_space,
        storage_checks.check_cache,
        _check_state,
        _check_resources,
        _check_unknown,
        _check_networks,
        _check_devices,
        _check_nvram,
    ):
        findings += check(plan, facts)
    return tuple(findings)


def find_failed(findings: t.Iterable[Finding]) -> tuple[Finding, ...]:
    """Return those that a migration must not begin with."""
    return tuple(finding for finding in findings if finding.status == "failed")


def _check_hosts(_plan: MigrationPlan, facts: Facts) -> t.Iterator[Finding]:
    if facts.source_uuid and facts.source_uuid == facts.destination_uuid:
        yield Finding(
            "host_uuid",
            "failed",
            f"both hosts have the UUID {facts.source_uuid}, so libvirt takes them for one",
            'Set host_uuid_source = "machine-id" in libvirtd.conf (or virtqemud.conf) of one of them and restart its '
            "libvirt; or correct destination_uri if it is the same host.",
        )
    else:
        yield Finding("host_uuid", "ok", "the hosts' UUIDs differ")


def _check_name(plan: MigrationPlan, facts: Facts) -> t.Iterator[Finding]:
    taken = facts.name_taken_by
    if taken and taken != plan.guest.uuid:
        yield Finding(
            "name",
            "failed",
            f"the destination has another domain {plan.destination_name!r}, with the UUID {taken}",
            "Rename one of them, or write destination_name.",
        )
    elif facts.uuid_there:
        yield Finding(
            "name",
            "warning",
            f"the destination has a definition of {plan.guest.name!r} already; it will be replaced",
        )
    else:
        yield Finding("name", "ok", "name and UUID are free on the destination")


def _check_job(plan: MigrationPlan, facts: Facts) -> t.Iterator[Finding]:
    if facts.unfinished:
        yield Finding(
            "job",
            "failed",
            f"an earlier migration of {plan.guest.name!r} is not finished: {facts.unfinished}",
            "Finish it or take it back first, with headroom.libvirt.transaction.",
        )
    elif facts.source_job:
        yield Finding(
            "job",
            "failed",
            f"someone is migrating, saving or backing up {plan.guest.name!r} just now",
            f"Wait for it: virsh domjobinfo {plan.guest.name}. Or stop it: virsh domjobabort {plan.guest.name}.",
        )
    else:
        yield Finding("job", "ok", "nobody else works on the domain")


def _check_paused(plan: MigrationPlan, _facts: Facts) -> t.Iterator[Finding]:
    """Judge whether the guest may be paused: libvirt refuses post-copy then, in words that get lost."""
    if plan.guest.paused and "POSTCOPY" in plan.flags:
        yield Finding(
            "paused",
            "failed",
            f"{plan.guest.name!r} is paused, and libvirt moves no paused guest by post-copy",
            "Write mode: precopy or streaming, without timeout_action: postcopy, or let it run.",
        )


def _check_reach(_plan: MigrationPlan, facts: Facts) -> t.Iterator[Finding]:
    reach = facts.reach
    if not reach.tried:
        yield Finding(
            "reach",
            "skipped",
            "whether the source reaches the destination can only be tried on the source",
        )
    elif reach.address is None:
        yield Finding(
            "reach",
            "failed",
            f"the source cannot resolve the destination's name {reach.host!r}",
            "Put it into the DNS or /etc/hosts of the source, or write migrate_uri: tcp://ADDRESS.",
        )
    elif not reach.answers:
        yield Finding(
            "reach",
            "failed",
            f"{reach.host} ({reach.address}) does not answer the source: {reach.problem}",
            "Check the network between the hosts, and that its firewall admits the ports 49152 to 49215.",
        )
    else:
        yield Finding("reach", "ok", f"{reach.host} ({reach.address}) answers the source")


def _check_tls(plan: MigrationPlan, facts: Facts) -> t.Iterator[Finding]:
    if "TLS" not in plan.flags:
        return
    if facts.handshakes is None:
        yield Finding(
            "tls", "skipped", "the destination has no pool of files that TLS could be tried with"
        )
    for handshake in facts.handshakes or ():
        if handshake.problem:
            yield Finding(
                "tls",
                "failed",
                f"no TLS connection to {handshake.name} comes about: {handshake.problem}",
                TLS_REMEDY,
            )
        else:
            yield Finding(
                "tls",
                "ok",
                f"a TLS connection to {handshake.name} stands, and both hosts trust each other",
            )


def _check_machine(_plan: MigrationPlan, facts: Facts) -> t.Iterator[Finding]:
    hardware = facts.hardware
    arch = hardware.arch or "x86_64"
    types, machines = facts.machines.get(arch, (frozenset(), frozenset()))
    if not types:
        yield Finding(
            "machine",
            "failed",
            f"the destination runs no {arch} guests",
            "Choose another destination.",
        )
    elif hardware.type not in types:
        yield Finding(
            "machine",
            "failed",
            f"the destination has no {hardware.type} (it has: {', '.join(sorted(types))})",
            "Enable virtualisation there, or choose another destination.",
        )
    elif hardware.machine and machines and hardware.machine not in machines:
        yield Finding(
            "machine",
            "failed",
            f"the destination's QEMU does not know the machine type {hardware.machine}",
            "Upgrade QEMU there, or give the domain an older machine type at its next start.",
        )
    else:
        yield Finding(
            "machine", "ok", f"the destination knows {hardware.machine or 'the machine type'}"
        )


def _check_cpu(plan: MigrationPlan, facts: Facts) -> t.Iterator[Finding]:
    cpu = facts.cpu
    if not plan.guest.running:
        return
    if cpu.compatible is None:
        yield Finding("cpu", "skipped", cpu.detail or "the destination could not compare CPUs")
    elif cpu.compatible:
        yield Finding("cpu", "ok", "the destination has the guest's CPU")
    else:
        remedy = "Choose another destination."
        if cpu.common_model:
            remedy = f"Give the domain the CPU model {cpu.common_model}, which fits both hosts, at its next start."
        yield Finding(
            "cpu", "failed", f"the destination lacks the guest's CPU: {cpu.detail}", remedy
        )


def _check_state(plan: MigrationPlan, facts: Facts) -> t.Iterator[Finding]:
    yield from judge_state(plan, facts.state, is_busy=facts.source_job)


def judge_state(
    plan: MigrationPlan,
    state: GuestState,
    *,
    is_busy: bool = False,
    planned: GuestState | None = None,
) -> t.Iterator[Finding]:
    """Judge what the guest has on the source beside its definition: none of it comes along.

    While somebody's job keeps it busy, which is told by itself, those of its disks are not told. ``planned`` is what it
    had when the move was planned, where this is asked again.
    """
    name = plan.guest.name
    if state.has_saved_memory:
        yield Finding(
            "saved",
            "failed",
            f"the memory of {name!r} is saved on the source, and stays there",
            f"Start the guest and move it while it runs, or drop the memory (virsh managedsave-remove {name}).",
        )
    if state.snapshots:
        yield Finding(
            "snapshots",
            "failed",
            f"libvirt moves no guest with snapshots; it has: {', '.join(state.snapshots)}",
            f"Delete them: virsh snapshot-delete {name} {state.snapshots[0]} (--metadata keeps what they hold).",
        )
    arriving = {disk.target for disk in plan.guest.disks if not disk.is_complete}
    jobs = [target for target in state.block_jobs if target not in arriving]
    if jobs and not is_busy:
        yield Finding(
            "block_jobs",
            "failed",
            f"somebody copies, merges or backs up the disks {', '.join(jobs)} just now",
            f"Wait for it: virsh blockjob {name} {jobs[0]} --info.",
        )
    newcomers = sorted(set(state.checkpoints) - set(planned.checkpoints)) if planned else []
    if newcomers:
        yield Finding(
            "checkpoints",
            "failed",
            f"somebody has made the checkpoint {', '.join(newcomers)} of {name!r} since the move was planned",
            "Run the task again once the backup that it is for has ended: it tells what becomes of it.",
        )
    elif state.checkpoints:
        yield Finding(
            "checkpoints",
            "warning",
            f"the checkpoints {', '.join(state.checkpoints)} stay behind, so that the next backup is a full one",
        )


def _check_resources(plan: MigrationPlan, facts: Facts) -> t.Iterator[Finding]:
    """Judge what the definition names of its host: each is proven at the destination, or fails."""
    paths = {disk.source_path for disk in plan.disks_to_move}
    paths.update(disk.layers[0] for disk in plan.guest.disks if disk.is_own and disk.layers)
    for resource in facts.hardware.resources:
        if (resource.while_running and not plan.guest.running) or resource.path in paths:
            continue
        proof = facts.proofs.get(resource)
        if proof:
            has = "has nobody on" if resource.proof == "port" else "has"
            yield Finding(
                resource.check, "ok", f"the destination {has} {resource.path} for {resource.what}"
            )
            continue
        problem = f"{resource.what}, which belongs to this host"
        if resource.proof == "port":
            problem = f"{resource.what}: another guest of the destination has it"
        elif resource.proof != "none":
            lack = "does not have" if proof is not None else "cannot tell whether it has"
            problem = f"{resource.what}: the destination {lack} {resource.path}"
        yield Finding(
            resource.check, "failed", problem, resource.remedy.replace("GUEST", plan.guest.name)
        )


def _check_unknown(_plan: MigrationPlan, facts: Facts) -> t.Iterator[Finding]:
    unknown = ", ".join(facts.hardware.unknown)
    if unknown:
        yield Finding(
            "unknown",
            "warning",
            f"this release does not know what {unknown} in the definition means: whether the destination has what it "
            "takes is for its libvirt to say",
        )


def _check_networks(plan: MigrationPlan, facts: Facts) -> t.Iterator[Finding]:
    for name in facts.hardware.networks:
        if facts.networks.get(name):
            yield Finding("network", "ok", f"the destination's network {name!r} is active")
        else:
            state = "is not active" if name in facts.networks else "does not exist"
            yield Finding(
                "network",
                "failed" if plan.guest.running else "warning",
                f"the network {name!r} {state} on the destination",
                f"Define and start it there: virsh net-start {name}.",
            )
    for name in facts.hardware.bridges:
        if facts.bridges is None:
            yield Finding(
                "network",
                "skipped",
                f"the destination does not tell whether it has the bridge {name!r}",
            )
        elif name in facts.bridges:
            yield Finding("network", "ok", f"the destination has the bridge {name!r}")
        else:
            yield Finding(
                "network", "failed", f"the destination has no bridge {name!r}", "Make it there."
            )


def _check_devices(plan: MigrationPlan, facts: Facts) -> t.Iterator[Finding]:
    taken = ", ".join(facts.hardware.host_devices)
    if taken and plan.guest.running:
        yield Finding(
            "devices",
            "failed",
            f"the guest holds devices of its host: {taken}",
            "Detach them first, or shut the guest down and move it to a host that has them.",
        )
    elif taken:
        yield from _judge_devices(facts)
    if facts.hardware.has_tpm and not plan.guest.running:
        yield Finding(
            "tpm",
            "failed",
            "the state of the guest's TPM stays on the source when a guest moves that is off",
            "Start the guest and move it while it runs.",
        )


def _judge_devices(facts: Facts) -> t.Iterator[Finding]:
    """Judge devices of its host that a guest takes when it starts."""
    missing = [name for name in facts.hardware.host_devices if name not in facts.host_devices_there]
    if missing:
        yield Finding(
            "devices",
            "failed",
            f"the guest's definition takes devices of its host, and the destination is not known to have them: "
            f"{', '.join(missing)}",
            "Detach them first: virsh detach-device --config.",
        )
    else:
        yield Finding(
            "devices",
            "warning",
            f"the guest's definition takes devices of its host: {', '.join(facts.hardware.host_devices)}; the "
            "destination has some at the same place",
            "See that they are what the guest is to have.",
        )


def _check_nvram(plan: MigrationPlan, facts: Facts) -> t.Iterator[Finding]:
    nvram = facts.hardware.nvram
    if nvram in {disk.source_path for disk in plan.disks_to_move}:
        return
    if nvram and not plan.guest.running and nvram in facts.missing_on_destination:
        yield Finding(
            "nvram",
            "failed",
            f"the guest's firmware keeps its settings in {nvram}, which stays on the source when a guest moves that is "
            "off",
            "Start the guest and move it while it runs, or copy the file.",
        )
