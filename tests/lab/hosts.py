# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's hosts: an overlay with what makes each host itself, booted by systemd-nspawn, awaited over SSH."""

from __future__ import annotations

import shutil
import subprocess
import time
import typing as t
from pathlib import Path

from . import cgroups, machine, render, state
from .naming import Host, Lab, namespace
from .shell import LabError, run, say

BOOT_SCRIPT = Path(__file__).with_name("boot-host.sh")
LONGER_RAM = Path(__file__).with_name("longer-ram.sh")
QEMU = "/usr/bin/qemu-system-x86_64"
BOOT_SECONDS = 90
LAUNCH_SECONDS = 5

# Exits 0 when systemd has started all it will and libvirt's network and pool are active; prints systemd's verdict.
READY = """
systemctl is-system-running --wait
for object in net pool; do
    virsh -c qemu:///system $object-info default | grep -E '^(Active: *yes|State: *running)$' >&2 || exit 1
done
"""
# The same for a machine that has yet to become a hypervisor.
BARE_READY = """
systemctl is-system-running --wait
systemctl is-active ssh.service >&2
"""


def make_keys(lab: Lab) -> Path:
    """The folder with the lab's SSH key, its hosts' keys and what the controller's ssh reads; made if missing."""
    folder = state.directory(lab.name) / "ssh"
    if not (folder / "ssh_config").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("id_ed25519", *(host.name for host in lab.hosts)):
            run(
                "ssh-keygen",
                "-q",
                "-t",
                "ed25519",
                "-N",
                "",
                "-C",
                f"{name} of lab {lab.name}",
                "-f",
                folder / name,
            )
        keys = {host.name: (folder / f"{host.name}.pub").read_text() for host in lab.hosts}
        (folder / "known_hosts").write_text(render.known_hosts(lab, keys))
        # last: it says that the rest is there
        (folder / "ssh_config").write_text(
            render.ssh_config(lab, folder / "id_ed25519", folder / "known_hosts")
        )
    return folder


def running(lab: Lab, host: Host) -> bool:
    """Whether any process of the host lives."""
    return cgroups.populated(cgroups.path(lab.name, host.name))


def has_longer_ram(lab: Lab, host: Host) -> bool:
    """Whether the host's guests get longer RAM: all of a lab with one that needs it, or none could move to another."""
    needed = any(machine.needs_longer_ram(other.release) for other in lab.hosts)
    return needed and not host.is_bare


def start(lab: Lab, host: Host, root: Path, guest: Path) -> None:
    """Boot the host on its overlay, which is filled first if it is new. Does not wait for it."""
    directory = state.host_directory(lab.name, host.name)
    if not (directory / "filled").exists():
        shutil.rmtree(directory, ignore_errors=True)
        for name in ("upper", "work", "merged"):
            (directory / name).mkdir(parents=True)
        Seed(lab, host, root, directory / "upper").fill(guest)
        (directory / "filled").touch()
    group = cgroups.path(lab.name, host.name)
    cgroups.remove(group)  # whatever a crash has left of an earlier start
    group.mkdir(parents=True)
    arguments: list[str | Path] = [
        group,
        namespace(lab.name, host.name),
        root,
        directory,
        host.name,
    ]
    binds = [f"--bind={path}" for path in machine.devices()]
    if has_longer_ram(lab, host):
        binds.append(f"--bind-ro={root}{QEMU}:{QEMU}-itself")
    with (directory / "console.log").open("ab") as log:
        subprocess.Popen(
            ["unshare", "--mount", "--propagation", "slave", BOOT_SCRIPT, *arguments, *binds],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def await_ready(lab: Lab, host: Host) -> None:
    """Returns when the host answers SSH and libvirt's network and pool are active; LabError if that takes too long."""
    began = time.monotonic()
    ready = BARE_READY if host.is_bare else READY
    while True:
        done = subprocess.run(
            ["ip", "netns", "exec", namespace(lab.name), "ssh", host.name, ready],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            if done.stdout.strip() != "running":
                say(
                    f"{host.name} is {done.stdout.strip()}; see: ./dev lab ssh {host.name} systemctl --failed"
                )
            return
        # Before nspawn itself runs there is no process to be seen yet, so one that died is only noticed a little later.
        waited = time.monotonic() - began
        if waited > BOOT_SECONDS or (waited > LAUNCH_SECONDS and not running(lab, host)):
            console = state.host_directory(lab.name, host.name) / "console.log"
            tail = console.read_text(errors="replace")[-1500:] if console.exists() else ""
            raise LabError(
                f"host {host.name} is not ready (ssh {done.returncode}): {done.stdout}{done.stderr}\n{console}:\n{tail}"
            )
        time.sleep(0.1)


class Seed:
    """What makes a host itself, written into the upper folder of its overlay before it first boots."""

    def __init__(self, lab: Lab, host: Host, root: Path, upper: Path) -> None:
        self.lab = lab
        self.host = host
        self.root = root
        self.upper = upper
        self.keys = state.directory(lab.name) / "ssh"

    def fill(self, guest: Path) -> None:
        for path, (content, mode) in self._files().items():
            target = self._make_parents(path)
            target.write_text(content)
            target.chmod(mode)
        for kind in () if self.host.is_bare else ("qemu/networks", "storage"):
            link = self._make_parents(f"/etc/libvirt/{kind}/autostart/default.xml")
            link.symlink_to(f"/etc/libvirt/{kind}/default.xml")
        for path in (render.GUEST_IMAGE, render.LEDGER):
            shutil.copy(guest / Path(path).name, self._make_parents(path))

    def _files(self) -> dict[str, tuple[str, int]]:
        return {**self._machine_files(), **({} if self.host.is_bare else self._libvirt_files())}

    def _libvirt_files(self) -> dict[str, tuple[str, int]]:
        """What makes the machine a hypervisor."""
        libvirtd = (self.root / "etc/libvirt/libvirtd.conf").read_text()
        longer_ram = (
            {QEMU: (LONGER_RAM.read_text(), 0o755)} if has_longer_ram(self.lab, self.host) else {}
        )
        return {
            **longer_ram,
            "/etc/libvirt/libvirtd.conf": (libvirtd + '\nhost_uuid_source = "machine-id"\n', 0o600),
            "/etc/libvirt/qemu/networks/default.xml": (
                render.libvirt_network(self.lab, self.host),
                0o600,
            ),
            "/etc/libvirt/storage/default.xml": (render.libvirt_pool(self.lab, self.host), 0o600),
        }

    def _machine_files(self) -> dict[str, tuple[str, int]]:
        ssh = render.ssh_config(
            self.lab, Path("/root/.ssh/id_ed25519"), Path("/etc/ssh/ssh_known_hosts")
        )
        return {
            "/etc/machine-id": (self.lab.uuid(self.host.name).hex + "\n", 0o444),
            "/etc/hostname": (f"{self.host.name}\n", 0o644),
            "/etc/hosts": (render.hosts_file(self.lab), 0o644),
            "/etc/ssh/ssh_config.d/headroom-lab.conf": (ssh, 0o644),
            "/etc/ssh/ssh_known_hosts": ((self.keys / "known_hosts").read_text(), 0o644),
            "/etc/ssh/sshd_config.d/headroom-lab.conf": (
                "UseDNS no\nMaxStartups 100\nMaxSessions 100\n",
                0o644,
            ),
            "/etc/ssh/ssh_host_ed25519_key": ((self.keys / self.host.name).read_text(), 0o600),
            "/etc/ssh/ssh_host_ed25519_key.pub": (
                (self.keys / f"{self.host.name}.pub").read_text(),
                0o644,
            ),
            "/root/.ssh/authorized_keys": ((self.keys / "id_ed25519.pub").read_text(), 0o600),
            "/root/.ssh/id_ed25519": ((self.keys / "id_ed25519").read_text(), 0o600),
        }

    def _make_parents(self, path: str) -> Path:
        """The file's place in the upper folder; folders on the way get the mode that they have below."""
        for parent in reversed(Path(path).parents[:-1]):
            made, below = self.upper / str(parent)[1:], self.root / str(parent)[1:]
            if not made.exists():
                made.mkdir()
                made.chmod(below.stat().st_mode & 0o7777 if below.is_dir() else 0o755)
        return self.upper / path[1:]


def describe(lab: Lab) -> dict[str, t.Any]:
    """The lab as `up --json` and `status --json` show it."""
    return {
        "name": lab.name,
        "hosts": [
            {
                "name": host.name,
                "state": "running" if running(lab, host) else "stopped",
                "address": host.address,
                "release": host.release,
                "uri": host.uri,
                "guest_network": str(host.guests),
            }
            for host in lab.hosts
        ],
        "inventory": str(state.directory(lab.name) / "inventory.yml"),
        "domain_type": machine.domain_type(),
        "guest_image": render.GUEST_IMAGE,
        "namespace": namespace(lab.name),
        "directory": str(state.directory(lab.name)),
    }
