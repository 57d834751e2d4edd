# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's network: a namespace for the controller, with a bridge; one a host, plugged into it; nothing else.

No interface, route or rule is made outside these namespaces, so labs with the same addresses run side by side.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from . import render
from .naming import CONTROLLER_ADDRESS, Host, Lab, namespace, namespace_lab
from .shell import LabError, run

NETNS = Path("/run/netns")
ETC_NETNS = Path("/etc/netns")
BRIDGE = "hosts"
GUESTS_BRIDGE = (
    "lan0"  # on each host: guests there are on the hosts' own network, whichever host they run on
)


def namespaces(lab: str) -> list[str]:
    """The lab's namespaces that exist, the controller's included."""
    return sorted(path.name for path in NETNS.glob("headroom.*") if namespace_lab(path.name) == lab)


def labs() -> set[str]:
    """The labs that have a namespace, or files for one."""
    names = [*NETNS.glob("headroom.*"), *ETC_NETNS.glob("headroom.*")]
    return {lab for path in names if (lab := namespace_lab(path.name))}


def ensure(lab: Lab, files: Path) -> None:
    """Make the controller's side, if it is missing. `files` has its ssh_config."""
    controller = namespace(lab.name)
    _write_etc(lab, files)
    if controller not in namespaces(lab.name):
        run("ip", "netns", "add", controller)
    if BRIDGE not in _links(controller):
        _batch(controller, "link set lo up", f"link add {BRIDGE} type bridge")
    _forward(controller)
    routes = [f"route replace {host.guests} via {host.address}" for host in lab.hosts]
    _batch(
        controller,
        f"address replace {CONTROLLER_ADDRESS}/24 dev {BRIDGE}",
        f"link set {BRIDGE} up",
        *routes,
    )


def attach(lab: Lab, host: Host) -> None:
    """A new namespace for the host, and a cable from the bridge, where it has the host's name, to the host's eth0.

    A second one, for guests that keep their address wherever they run, goes to a bridge of the host's own.

    What an earlier boot has left goes first: libvirt would take a bridge of its own for somebody else's.
    """
    controller, own = namespace(lab.name), namespace(lab.name, host.name)
    for cable in _cables(host):
        if cable in _links(controller):
            run(
                "ip", "-n", controller, "link", "delete", cable
            )  # with the namespace it would go too, but later
    if own in namespaces(lab.name):
        _delete(own)
    run("ip", "netns", "add", own)
    _forward(own)
    # Both cables are in one network. Without this the host answers on either for eth0's address, and what is sent to it
    # comes by the guests' cable, which has no limit.
    _set(own, "net.ipv4.conf.all.arp_ignore", 1)
    _batch(
        controller,
        f"link add {host.name} type veth peer name eth0 netns {own}",
        f"link add {host.name}-guests type veth peer name eth1 netns {own}",
        *(f"link set {cable} master {BRIDGE} up" for cable in _cables(host)),
    )
    peers = [
        f"route replace {peer.guests} via {peer.address}" for peer in lab.hosts if peer != host
    ]
    _batch(
        own,
        "link set lo up",
        f"address replace {host.address}/24 dev eth0",
        "link set eth0 up",
        f"link add {GUESTS_BRIDGE} type bridge",
        f"link set eth1 master {GUESTS_BRIDGE} up",
        f"link set {GUESTS_BRIDGE} up",
        f"route replace default via {CONTROLLER_ADDRESS}",
        *peers,
    )


def set_rate(lab: Lab, host: Host, rate: str | None) -> None:
    """Limit the host's own link, each way, to a rate in tc's words ("100mbit"); None: no limit."""
    for space, device in (
        (namespace(lab.name), host.name),
        (namespace(lab.name, host.name), "eth0"),
    ):
        if rate is not None:
            words = f"rate {rate} burst 128kb latency 100ms"
            run("tc", "-n", space, "qdisc", "replace", "dev", device, "root", "tbf", *words.split())
        elif '"tbf"' in run("tc", "-j", "-n", space, "qdisc", "show", "dev", device, "root"):
            run("tc", "-n", space, "qdisc", "del", "dev", device, "root")


def set_link(lab: Lab, host: Host, up: bool) -> None:
    """Pull the host's cables out of the bridge, or plug them in."""
    _batch(
        namespace(lab.name),
        *(f"link set {cable} {'up' if up else 'down'}" for cable in _cables(host)),
    )


def _cables(host: Host) -> tuple[str, str]:
    """What the host's own cable and its guests' are called on the controller's side."""
    return host.name, f"{host.name}-guests"


def remove(lab: str) -> None:
    """Delete the lab's namespaces (their processes are gone by now) and the files for them."""
    for name in namespaces(lab):
        _delete(name)
    shutil.rmtree(ETC_NETNS / namespace(lab), ignore_errors=True)
    if ETC_NETNS.is_dir() and not any(ETC_NETNS.iterdir()):
        ETC_NETNS.rmdir()


def processes(lab: str) -> set[int]:
    """Ids of the processes in the lab's namespaces."""
    return {
        int(word) for name in namespaces(lab) for word in run("ip", "netns", "pids", name).split()
    }


def _delete(name: str) -> None:
    try:
        run("ip", "netns", "delete", name)
    except LabError:
        # "ip netns add" was cut off between its two steps: the file is there, the mount is not
        (NETNS / name).unlink(missing_ok=True)


def _write_etc(lab: Lab, files: Path) -> None:
    """ "ip netns exec" shows these in place of the machine's own in /etc: names and keys of this lab."""
    etc = ETC_NETNS / namespace(lab.name)
    (etc / "ssh").mkdir(parents=True, exist_ok=True)
    (etc / "hosts").write_text(render.hosts_file(lab))
    shutil.copy(files / "ssh_config", etc / "ssh" / "ssh_config")


def _links(space: str) -> set[str]:
    return {
        str(link["ifname"])
        for link in json.loads(run("ip", "-j", "-n", space, "link", "show") or "[]")
    }


def _batch(space: str, *commands: str) -> None:
    """Run "ip" commands in a namespace, in one go."""
    run("ip", "-n", space, "-batch", "-", stdin="\n".join(commands) + "\n")


def _forward(space: str) -> None:
    _set(space, "net.ipv4.ip_forward", 1)


def _set(space: str, key: str, value: int) -> None:
    """Set a sysctl of the namespace."""
    path = f"/proc/sys/{key.replace('.', '/')}"
    run("ip", "netns", "exec", space, "sh", "-c", f"echo {value} > {path}")
