# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``read_machine``: what the machine under libvirt is like, for a module that runs on it. Changes nothing."""

from __future__ import annotations

import importlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError

from .certificates import read_certificates
from .model import Machine, Store

_SYSTEM: t.Final = pathlib.Path("/sys/class/dmi/id/product_uuid")
_MACHINE_ID: t.Final = pathlib.Path("/etc/machine-id")
_FORWARDING: t.Final = pathlib.Path("/proc/sys/net/ipv4/ip_forward")
_TCP: t.Final = tuple(map(pathlib.Path, ("/proc/net/tcp", "/proc/net/tcp6")))
_LISTENING: t.Final = "0A"
_LOOPBACK: t.Final = ("0100007F", "00000000000000000000000001000000")
_CONFIGURATION: t.Final = pathlib.Path("/etc/libvirt")
_SETTINGS: t.Final = re.compile(
    r"^\s*(auth_tcp|auth_tls|tls_no_verify_certificate|user|host_uuid|host_uuid_source)\s*=\s*\"?([^\"#\s]*)\"?",
    re.MULTILINE,
)
# What starts libvirt with the machine: any of them does.
_UNITS: t.Final = (
    "libvirtd.service",
    "libvirtd.socket",
    "virtqemud.service",
    "virtqemud.socket",
)
_DAEMONS: t.Final = ("libvirtd", "virtqemud")
_PROGRAMS: t.Final = ("qemu-img", "ssh", "gpgv", "zstd")
_LIBRARIES: t.Final = ("libvirt", "lxml", "jmespath", "pycdlib")
_FOLDERS: t.Final = ("/var/lib/libvirt", "/var/lib/headroom", "/var/log/libvirt", "/run")
# Written by roles/hypervisor, on a host that was taken away or finds out that it was.
_REMOVED: t.Final = pathlib.Path("/var/lib/headroom/removed")
_SYSTEMCTL_SECONDS: t.Final = 15


def read_machine(
    stores: t.Mapping[str, t.Callable[[], object]], pool_paths: t.Iterable[str]
) -> Machine:
    """Return the facts. ``stores`` are {path: what raises HeadroomError where it cannot be used}."""
    folders = [path for path in (*_FOLDERS, *pool_paths) if pathlib.Path(path).is_dir()]
    return Machine(
        python=(sys.version_info[0], sys.version_info[1]),
        user_id=os.geteuid(),
        addresses=_find_addresses(),
        machine_id=_read(_MACHINE_ID),
        firmware_uuid=(_read(_SYSTEM) or "").lower() or None,
        has_kvm=os.access("/dev/kvm", os.R_OK | os.W_OK),
        missing_programs=tuple(name for name in _PROGRAMS if shutil.which(name) is None),
        missing_libraries=tuple(name for name in _LIBRARIES if not _can_import(name)),
        boots=_read_boots(),
        active_daemons=tuple(name for name in _DAEMONS if _is_active(name)),
        listeners=_list_listeners(),
        settings=_read_settings(),
        forwards=_read(_FORWARDING) != "0",
        certificates=read_certificates(time.time()),
        stores=tuple(_judge_store(path, use) for path, use in stores.items()),
        full_folders={path: _measure_free_share(path) for path in folders},
        read_only_folders=tuple(path for path in folders if _is_read_only(path)),
        open_folders=tuple(path for path in folders if _is_open(path)),
        is_removed=_REMOVED.exists(),
    )


def _read(path: pathlib.Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _can_import(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def _find_addresses() -> tuple[str, ...]:
    """Return where the host's own name leads to, as QEMU and libvirt ask for it."""
    try:
        rows = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(dict.fromkeys(str(row[4][0]).partition("%")[0] for row in rows))


def _read_boots() -> dict[str, bool]:
    """Return {unit: whether it starts with the machine} of those that are installed; nothing without systemd."""
    return {unit: state == "enabled" for unit in _UNITS if (state := _ask("is-enabled", unit))}


def _is_active(daemon: str) -> bool:
    return _ask("is-active", f"{daemon}.service") == "active"


def _ask(question: str, unit: str) -> str:
    try:
        done = subprocess.run(
            ["systemctl", question, unit],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SYSTEMCTL_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    answer = done.stdout.strip()
    return "" if answer == "not-found" else answer


def _list_listeners() -> tuple[int, ...]:
    """Return the ports on which something listens for others than this machine."""
    ports = set()
    for path in _TCP:
        for line in (_read(path) or "").splitlines()[1:]:
            words = line.split()
            address, _colon, port = words[1].partition(":")
            if words[3] == _LISTENING and address not in _LOOPBACK:
                ports.add(int(port, 16))
    return tuple(sorted(ports))


def _read_settings() -> tuple[tuple[str, str, str], ...]:
    rows = []
    for path in sorted(_CONFIGURATION.glob("*.conf")):
        rows += [(str(path), name, value) for name, value in _SETTINGS.findall(_read(path) or "")]
    return tuple(rows)


def _judge_store(path: str, use: t.Callable[[], object]) -> Store:
    try:
        use()
    except HeadroomError as error:
        return Store(path, error.message)
    return Store(path)


def _measure_free_share(path: str) -> float:
    facts = os.statvfs(path)
    return facts.f_bavail / facts.f_blocks if facts.f_blocks else 1.0


def _is_read_only(path: str) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _is_open(path: str) -> bool:
    """Return whether every user may make and remove files there; a sticky folder is safe from that."""
    mode = pathlib.Path(path).stat().st_mode
    return bool(mode & 0o002) and not mode & 0o1000
