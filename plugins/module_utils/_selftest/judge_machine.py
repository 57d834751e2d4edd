# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``judge_machine``: what is wrong with the machine under libvirt. Pure."""

from __future__ import annotations

import ipaddress
import typing as t

from .host_uuid import find_uuid_problem
from .model import Finding

if t.TYPE_CHECKING:
    from .model import Look, Machine

Findings = t.Iterator[Finding]

_OLDEST_PYTHON: t.Final = (3, 9)
_ROOT: t.Final = 0
_LIBVIRT_TCP: t.Final = 16509
_CERTIFICATE_DAYS: t.Final = 30.0
_DAY_SECONDS: t.Final = 86400.0
# Below this share a folder of the system is full soon: libvirt and QEMU write logs and states there.
_LEAST_FREE_SHARE: t.Final = 0.05


def judge_machine(look: Look) -> Findings:
    """Yield what each check of the machine says; one finding where the module does not run on it."""
    machine = look.machine
    if machine is None:
        yield Finding(
            "machine",
            "warn",
            "the machine itself was not looked at, as libvirt was reached from elsewhere",
            remedy="Run the module on the host: leave `uri` at qemu:///system and do not delegate the task.",
        )
        return
    for check in _CHECKS:
        yield from check(machine)
    yield from _judge_uuid(look.host["uuid"], machine)
    yield from _judge_forwarding(look, machine)


def _judge_python(machine: Machine) -> Findings:
    version = ".".join(map(str, machine.python))
    if machine.python < _OLDEST_PYTHON:
        remedy = "Install Python 3.9 or newer, and name it in `ansible_python_interpreter`."
        yield Finding("python", "fail", f"Python {version} is too old", remedy=remedy)
    else:
        yield Finding("python", "pass", f"Python {version}")


def _judge_membership(machine: Machine) -> Findings:
    if machine.is_removed:
        yield Finding(
            "membership",
            "fail",
            "this host was removed, and starts no guest by itself any more",
            "/var/lib/headroom/removed",
            "Have it back with the playbook headroom.libvirt.join, or take it out of the inventory.",
        )


def _judge_libraries(machine: Machine) -> Findings:
    for name in machine.missing_libraries:
        yield Finding(
            "libraries",
            "fail",
            f"the Python library {name} is not there",
            name,
            f"Install the package python3-{name}, or run the role headroom.libvirt.hypervisor.",
        )
    if not machine.missing_libraries:
        yield Finding("libraries", "pass", "all Python libraries are there")


def _judge_programs(machine: Machine) -> Findings:
    packages = {"qemu-img": "qemu-utils", "ssh": "openssh-client", "gpgv": "gpgv", "zstd": "zstd"}
    for name in machine.missing_programs:
        yield Finding(
            "programs",
            "fail" if name in {"qemu-img", "ssh"} else "warn",
            f"the program {name} is not there",
            name,
            f"Install the package {packages.get(name, name)}, or run the role headroom.libvirt.hypervisor.",
        )
    if not machine.missing_programs:
        yield Finding("programs", "pass", "all programs are there")


def _judge_user(machine: Machine) -> Findings:
    if machine.user_id != _ROOT:
        yield Finding(
            "user",
            "warn",
            "the test does not run as root, so that it sees less",
            remedy="Set `become: true`.",
        )
    else:
        yield Finding("user", "pass", "the test runs as root")


def _judge_kvm(machine: Machine) -> Findings:
    if machine.has_kvm:
        yield Finding("kvm", "pass", "guests run by KVM")
    else:
        yield Finding(
            "kvm",
            "warn",
            "/dev/kvm cannot be used: guests are emulated, many times slower",
            remedy="Switch virtualisation on in the firmware (VT-x, AMD-V), or nested virtualisation where this host "
            "is itself a guest, and load kvm_intel or kvm_amd.",
        )


def _judge_name(machine: Machine) -> Findings:
    addresses = [ipaddress.ip_address(text) for text in machine.addresses]
    if not addresses:
        yield Finding(
            "hostname",
            "fail",
            "the host's own name leads to no address, so that no guest can migrate to it",
            remedy="Write it into /etc/hosts of this host, or into DNS.",
        )
    elif all(address.is_loopback for address in addresses):
        yield Finding(
            "hostname",
            "fail",
            f"the host's own name leads to {machine.addresses[0]}: guests that come here connect to themselves",
            remedy="Take the name off the line of 127.0.1.1 in /etc/hosts, and give it the address that other hosts "
            "reach; or set `migrate_uri` for each migration.",
        )
    else:
        yield Finding("hostname", "pass", f"the host's own name leads to {machine.addresses[0]}")


def _judge_boot(machine: Machine) -> Findings:
    if machine.boots and not any(machine.boots.values()):
        unit, *_others = machine.boots
        yield Finding(
            "boot",
            "fail",
            "libvirt does not start with the host, and neither do its guests",
            unit,
            f"Run: systemctl enable --now {unit}",
        )
    elif machine.boots:
        yield Finding("boot", "pass", "libvirt starts with the host")
    if {"libvirtd", "virtqemud"} <= set(machine.active_daemons):
        yield Finding(
            "daemons",
            "fail",
            "libvirtd and virtqemud run side by side, each with its own idea of the guests",
            remedy="Stop and mask those of one kind: systemctl disable --now libvirtd.service libvirtd.socket",
        )


def _judge_access(machine: Machine) -> Findings:
    settings = {(name, value) for _file, name, value in machine.settings}
    if _LIBVIRT_TCP in machine.listeners:
        is_open = ("auth_tcp", "none") in settings
        yield Finding(
            "listening",
            "fail" if is_open else "warn",
            f"libvirt listens on port {_LIBVIRT_TCP}, without encryption"
            + (" and without asking who connects" if is_open else ""),
            str(_LIBVIRT_TCP),
            "Run: systemctl disable --now libvirtd-tcp.socket virtproxyd-tcp.socket; connect by qemu+ssh or qemu+tls.",
        )
    for file, name, value in machine.settings:
        if (name, value) == ("user", "root"):
            yield Finding(
                "qemu_user",
                "warn",
                "guests run as root: one that breaks out of QEMU owns the host",
                file,
                f'Take the line `user = "root"` out of {file}, restart libvirt, and restart the guests one by one.',
            )
        if (name, value) == ("tls_no_verify_certificate", "1"):
            yield Finding(
                "listening",
                "fail",
                "libvirt takes TLS connections from anybody: clients need no certificate",
                file,
                f"Take `tls_no_verify_certificate` out of {file} and restart libvirt.",
            )
    for folder in machine.open_folders:
        yield Finding(
            "permissions",
            "fail",
            f"every user of the host may write in {folder}",
            folder,
            f"Run: chmod o-w {folder}",
        )


def _judge_certificates(machine: Machine) -> Findings:
    for certificate in machine.certificates:
        yield _judge_certificate(certificate.path, certificate.seconds_left, certificate.problem)


def _judge_certificate(path: str, seconds_left: float | None, problem: str) -> Finding:
    remedy = (
        "Issue a new one: the role headroom.libvirt.hypervisor does so with `hypervisor_tls: true`."
    )
    if seconds_left is None:
        return Finding("certificate", "fail", f"it cannot be read: {problem}", path, remedy)
    days = seconds_left / _DAY_SECONDS
    if days < 0:
        return Finding("certificate", "fail", f"it expired {-days:.0f} days ago", path, remedy)
    status: t.Literal["pass", "warn"] = "warn" if days < _CERTIFICATE_DAYS else "pass"
    return Finding(
        "certificate",
        status,
        f"it is valid for {days:.0f} days",
        path,
        remedy if status == "warn" else "",
    )


def _judge_stores(machine: Machine) -> Findings:
    for store in machine.stores:
        if store.problem:
            yield Finding(
                "stores",
                "fail",
                store.problem,
                store.path,
                f"Give {store.path} and its folder back to root alone (chmod go-w). One that is damaged is put aside "
                "by the next task that writes to it.",
            )
        else:
            yield Finding("stores", "pass", "it can be used", store.path)


def _judge_folders(machine: Machine) -> Findings:
    for folder, share in machine.full_folders.items():
        if share < _LEAST_FREE_SHARE:
            yield Finding(
                "space",
                "fail" if share < _LEAST_FREE_SHARE / 5 else "warn",
                f"{share:.1%} of its file system is free",
                folder,
                f"Make room: libvirt, QEMU and the journal write there. Start with: du -xh --max-depth=2 {folder}",
            )
        else:
            yield Finding("space", "pass", f"{share:.0%} of its file system is free", folder)
    for folder in machine.read_only_folders:
        yield Finding(
            "space",
            "fail",
            "its file system is read-only",
            folder,
            f"Look for why in dmesg, and run: mount -o remount,rw $(findmnt -nT {folder} -o TARGET)",
        )


_CHECKS: t.Final = (
    _judge_membership,
    _judge_python,
    _judge_libraries,
    _judge_programs,
    _judge_user,
    _judge_kvm,
    _judge_name,
    _judge_boot,
    _judge_access,
    _judge_certificates,
    _judge_stores,
    _judge_folders,
)


def _judge_uuid(uuid: str | None, machine: Machine) -> Findings:
    problem = find_uuid_problem(uuid)
    if problem:
        yield Finding(
            "host_uuid",
            "fail",
            f"libvirt calls the host {uuid}, which {problem}",
            str(uuid),
            "Run the role headroom.libvirt.hypervisor, which gives the host a UUID of its own, or write one from "
            "`uuidgen` as `host_uuid` into /etc/libvirt/libvirtd.conf (virtqemud.conf) and restart libvirt.",
        )
    else:
        origin = "the firmware's" if uuid == machine.firmware_uuid else "its own"
        yield Finding("host_uuid", "pass", f"libvirt has {origin} UUID for the host")


def _judge_forwarding(look: Look, machine: Machine) -> Findings:
    routed = [
        network["name"]
        for network in look.host["networks"]
        if network["active"] and network["forward"] in {"nat", "route", "open"}
    ]
    if routed and not machine.forwards:
        yield Finding(
            "forwarding",
            "fail",
            f"the kernel forwards no packets, so that guests on {', '.join(routed)} reach nothing",
            routed[0],
            "Run: sysctl -w net.ipv4.ip_forward=1, and keep it in /etc/sysctl.d.",
        )
