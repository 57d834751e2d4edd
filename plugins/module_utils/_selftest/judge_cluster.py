# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``judge_cluster``: what is wrong between hosts, out of what each says of itself. Pure."""

from __future__ import annotations

import collections
import itertools
import typing as t

from .model import Finding

Shared = t.Mapping[str, t.Any]
Hosts = t.Mapping[str, Shared]
Findings = t.Iterator[Finding]

# What two clocks may differ by before leases, certificates and demand go wrong.
_SKEW_SECONDS: t.Final = 2.0


class Clock(t.NamedTuple):
    """What a host's clock said, in epoch seconds, between two moments of the controller's."""

    before: float
    reading: float
    after: float

    @property
    def skew_seconds(self) -> float:
        """How far the host's clock is off at least: negative where it is behind."""
        return min(0.0, self.reading - self.before) + max(0.0, self.reading - self.after)


def judge_cluster(
    hosts: Hosts, clocks: t.Mapping[str, Clock], silent: t.Iterable[str]
) -> list[Finding]:
    """Return the findings between ``hosts``, {name: what Look.as_shared() said}; ``silent`` did not answer."""
    findings = [
        *_judge_silent(silent),
        *_judge_identities(hosts),
        *_judge_clocks(clocks),
        *_judge_versions(hosts),
        *_judge_guests(hosts),
        *_judge_resources(hosts),
        *_judge_appliances(hosts),
    ]
    return findings or [Finding("cluster", "pass", f"{len(hosts)} hosts fit together")]


def _judge_silent(silent: t.Iterable[str]) -> Findings:
    for name in silent:
        yield Finding(
            "reachable",
            "fail",
            "it did not answer, so that nothing is known of it",
            name,
            "See what the task above says of it. A host that does not come back is taken away by the playbook "
            "headroom.libvirt.remove_host.",
        )


def _judge_identities(hosts: Hosts) -> Findings:
    uuid_remedy = (
        "Run the role headroom.libvirt.hypervisor on all hosts, which gives each a UUID of its own."
    )
    for uuid, names in _group(hosts, "uuid").items():
        detail = f"{_join(names)} have the same host UUID, so that no guest migrates between them"
        yield Finding("host_uuid", "fail", detail, uuid, uuid_remedy)
    for machine_id, names in _group(hosts, "machine_id").items():
        yield Finding(
            "machine_id",
            "fail",
            f"{_join(names)} have the same /etc/machine-id, as copies of one image do: DHCP mixes them up",
            machine_id,
            "On each but one run: rm /etc/machine-id; systemd-machine-id-setup; reboot",
        )
    for hostname, names in _group(hosts, "hostname").items():
        detail = f"{_join(names)} call themselves the same, so that migrations go astray"
        yield Finding("hostname", "fail", detail, hostname, "Run: hostnamectl hostname NAME")


def _group(hosts: Hosts, key: str) -> dict[str, list[str]]:
    """Return {value: hosts} of the values that several hosts have."""
    groups: dict[str, list[str]] = collections.defaultdict(list)
    for name, shared in hosts.items():
        if shared[key]:
            groups[str(shared[key])].append(name)
    return {value: names for value, names in groups.items() if len(names) > 1}


def _judge_clocks(clocks: t.Mapping[str, Clock]) -> Findings:
    for name, clock in clocks.items():
        skew = clock.skew_seconds
        if abs(skew) > _SKEW_SECONDS:
            yield Finding(
                "clock",
                "fail",
                f"its clock is {abs(skew):.0f} s or more {'ahead' if skew > 0 else 'behind'}: leases end early or "
                "late, and demand counts for other intervals",
                name,
                "Install chrony on it and on the controller, and check: chronyc tracking",
            )


def _judge_versions(hosts: Hosts) -> Findings:
    for key, title in (("libvirt_version", "libvirt"), ("hypervisor_version", "QEMU")):
        versions: dict[str, list[str]] = collections.defaultdict(list)
        for name, shared in hosts.items():
            versions[shared[key]].append(name)
        if len(versions) > 1:
            told = "; ".join(f"{version} on {_join(names)}" for version, names in versions.items())
            yield Finding(
                "versions",
                "warn",
                f"the hosts have different releases of {title}: {told}",
                title,
                "Guests with a newer machine type do not move to an older host. Upgrade host by host: drain it, "
                "upgrade it, restore it.",
            )
    models = {str(shared["cpu"]["model"]) for shared in hosts.values()}
    if len(models) > 1:
        yield Finding(
            "versions",
            "warn",
            f"the hosts have different CPUs: {', '.join(sorted(models))}",
            "CPU",
            "Guests with host-passthrough move between equal CPUs only. Give guests a model that all hosts have: virsh "
            "hypervisor-cpu-baseline",
        )


def _judge_guests(hosts: Hosts) -> Findings:
    pairs: list[tuple[str, t.Mapping[str, t.Any]]] = []
    for name, shared in hosts.items():
        pairs += [(name, guest) for guest in shared["guests"]]
    yield from _judge_uuids(pairs)
    yield from _judge_names(pairs)
    yield from _judge_macs(pairs)


_Pairs = t.Sequence[tuple[str, t.Mapping[str, t.Any]]]


def _judge_uuids(pairs: _Pairs) -> Findings:
    for same in _list_repeated(pairs, lambda guest: [guest["uuid"]]).values():
        name = same[0][1]["name"]
        running = [host for host, guest in same if guest["running"]]
        starting = [host for host, guest in same if guest["autostart"]]
        if len(running) > 1:
            yield Finding(
                "runs_twice",
                "fail",
                f"it runs on {_join(running)}: two guests with one identity, and one disk if that is shared",
                name,
                f"Find out which one serves; end the other at once: virsh destroy {name}; virsh undefine {name}",
            )
        if len(starting) > 1:
            yield Finding(
                "autostart_twice",
                "fail",
                f"it starts with {_join(starting)}: after a power cut it runs twice",
                name,
                f"On the host where it should not be, run: virsh autostart --disable {name}",
            )
        elif len(running) < 2:
            yield Finding(
                "defined_twice",
                "warn",
                f"it is defined on {_join([host for host, _guest in same])}",
                name,
                f"Undefine it where it does not belong, without its disks if they are shared: virsh undefine {name}",
            )


def _judge_names(pairs: _Pairs) -> Findings:
    for name, same in _list_repeated(pairs, lambda guest: [guest["name"]]).items():
        if len({guest["uuid"] for _host, guest in same}) > 1:
            yield Finding(
                "name_twice",
                "warn",
                f"different guests on {_join([host for host, _guest in same])} have that name: neither can move there",
                name,
                f"Rename one of them while it is off: virsh domrename {name} NAME",
            )


def _judge_macs(pairs: _Pairs) -> Findings:
    for mac, same in _list_repeated(pairs, lambda guest: guest["macs"]).items():
        if len({guest["uuid"] for _host, guest in same}) > 1:
            names = [f"{guest['name']} on {host}" for host, guest in same]
            yield Finding(
                "mac_twice",
                "fail",
                f"{_join(names)} have the same MAC address",
                mac,
                f"Give one of them another: virsh edit {same[-1][1]['name']}, and take the line <mac …/> out.",
            )


def _list_repeated(
    pairs: _Pairs, keys: t.Callable[[t.Mapping[str, t.Any]], t.Iterable[str]]
) -> dict[str, list[tuple[str, t.Mapping[str, t.Any]]]]:
    """Return {key: pairs} of the keys that guests of several hosts have."""
    groups: dict[str, list[tuple[str, t.Mapping[str, t.Any]]]] = collections.defaultdict(list)
    for host, guest in pairs:
        for key in dict.fromkeys(keys(guest)):
            groups[key].append((host, guest))
    return {
        key: group for key, group in groups.items() if len({host for host, _guest in group}) > 1
    }


def _judge_resources(hosts: Hosts) -> Findings:
    """What guests of one host need and another does not have: they cannot move there."""
    for kind in ("networks", "pools"):
        guests = itertools.chain.from_iterable(shared["guests"] for shared in hosts.values())
        for item in sorted(set(itertools.chain.from_iterable(guest[kind] for guest in guests))):
            lacking = [name for name, shared in hosts.items() if item not in shared[kind]]
            if lacking and len(lacking) < len(hosts):
                yield Finding(
                    f"missing_{kind[:-1]}",
                    "warn",
                    f"guests use the {kind[:-1]} {item}, which {_join(lacking)} "
                    f"{'does' if len(lacking) == 1 else 'do'} not have: they cannot move there",
                    item,
                    f"Define it there: the role headroom.libvirt.hypervisor does so by `hypervisor_{kind}`.",
                )


def _judge_appliances(hosts: Hosts) -> Findings:
    digests: dict[str, dict[str, list[str]]] = collections.defaultdict(
        lambda: collections.defaultdict(list)
    )
    for name, shared in hosts.items():
        for appliance, digest in shared["appliances"].items():
            digests[appliance][digest].append(name)
    for appliance, owners in sorted(digests.items()):
        if len(owners) > 1:
            told = _join([_join(names) for names in owners.values()])
            yield Finding(
                "catalogue_differs",
                "fail",
                f"it is not the same on {told}: clones of one version differ",
                appliance,
                "Take it away from the host that is wrong, and take it there from the other: "
                "headroom.libvirt.appliance with `source.uri`.",
            )


def _join(words: t.Sequence[str]) -> str:
    return " and ".join(words) if len(words) < 3 else f"{', '.join(words[:-1])} and {words[-1]}"
