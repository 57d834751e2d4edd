# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's command line."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import typing as t
from pathlib import Path

from . import cache, hosts, lifecycle, machine, network, state
from .guest import debian
from .guest.domain import LEDGER_MEMORY_MIB, MEMORY_MIB, domain_xml
from .naming import (
    KINDS,
    RELEASES,
    Lab,
    check_name,
    default_name,
    name_releases,
    namespace,
    plan_lab,
)
from .shell import LabError, require_root_and_tools

CHECKOUT = Path(__file__).parents[2]
# "ip netns exec" mounts a /sys of its own, in which the control groups are missing that `crash` and `up` need in there.
_WITH_GROUPS = (
    "sh",
    "-c",
    'mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null; exec "$@"',
    "sh",
)
_RATE = re.compile(r"\d+(\.\d+)?[kmgt]?(bit|bps)", re.IGNORECASE)


def main(arguments: t.Sequence[str]) -> int:
    """Run one command; its exit code. 1: it failed, and said why. 2: wrong usage. 3: `status` of a lab not all up."""
    try:
        options = parse(arguments)
        if options.needs_root:
            require_root_and_tools()
        return int(options.command(options) or 0)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130


def parse(arguments: t.Sequence[str]) -> argparse.Namespace:
    """The options, with the function to call in `command`."""
    parser = argparse.ArgumentParser(
        prog="dev lab", description="Real libvirt hosts on one machine."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str, command: t.Callable[[t.Any], int | None], text: str, root: bool = True
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=command, needs_root=root)
        return sub

    def add_named(
        name: str, command: t.Callable[[t.Any], int | None], text: str
    ) -> argparse.ArgumentParser:
        sub = add(name, command, text)
        sub.add_argument(
            "--name", default=_default_name(), type=str, help="the lab (default: %(default)s)"
        )
        return sub

    def add_kind(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "--kind",
            choices=KINDS,
            default="hypervisor",
            help="bare: machines that have yet to become hypervisors; storage: with a Ceph cluster on the last host",
        )

    up = add_named("up", _up, "start a lab, or what is missing of it; builds what it needs")
    up.add_argument("--hosts", type=int, default=2, help="how many (default: 2)")
    up.add_argument(
        "--release",
        default=RELEASES[0],
        help="Debian release(s), with commas, dealt over the hosts",
    )
    add_kind(up)
    up.add_argument(
        "--full-size", action="store_true", help="build the full-size guest's image too"
    )
    up.add_argument(
        "--json", action="store_true", help="describe the lab as JSON on standard output"
    )
    down = add_named(
        "down",
        _down,
        "remove a lab: processes, namespaces, mounts and files, whatever state it is in",
    )
    down.add_argument("--all", action="store_true", help="every lab on this machine")
    status = add_named("status", _status, "show a lab; exit code 3 if any of it is not running")
    status.add_argument("--json", action="store_true")
    run = add_named(
        "run", _run, "run a command where the lab's controller is: run [--name NAME] -- COMMAND ..."
    )
    run.add_argument("words", nargs=argparse.REMAINDER, metavar="-- COMMAND ...")
    ssh = add_named("ssh", _ssh, "log in to a host, or run a command on it")
    ssh.add_argument("host")
    ssh.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND ...")
    link = add_named("link", _link, "throttle, cut or restore a host's network link")
    link.add_argument("host")
    link.add_argument(
        "--rate", type=_rate, help="limit for each direction, such as 100mbit; none: no limit"
    )
    plug = link.add_mutually_exclusive_group()
    plug.add_argument("--down", action="store_false", dest="plugged", default=None)
    plug.add_argument("--up", action="store_true", dest="plugged", default=None)
    crash = add_named(
        "crash", _crash, "end hosts as a power cut does; the next up boots them again"
    )
    crash.add_argument("hosts", nargs="+", metavar="HOST")
    xml = add("guest-xml", _guest_xml, "print the domain XML of the lab's guest", root=False)
    xml.add_argument("--name", required=True, help="the domain")
    xml.add_argument(
        "--memory",
        type=int,
        metavar="MIB",
        help=f"default: {MEMORY_MIB}, with --ledger {LEDGER_MEMORY_MIB}",
    )
    xml.add_argument("--disk", help="a file on the host (default: NAME.qcow2 in the pool)")
    xml.add_argument(
        "--ledger",
        metavar="FILE",
        help="a second disk that the guest writes entries to, see ledger.c",
    )
    xml.add_argument(
        "--address",
        help="on the hosts' own network, such as 10.77.0.200 (default: the host's DHCP)",
    )
    add(
        "full-size-guest",
        _full_size_guest,
        "print the path of the full-size guest's image, which is built if missing",
    )
    add(
        "full-size-packages",
        _full_size_packages,
        "print the path of a folder with packages for that guest, for a web server to serve",
    )
    make = add("build", _build, "fill the cache, start nothing")
    make.add_argument("--release", default=RELEASES[0], help="Debian release(s), with commas")
    add_kind(make)
    make.add_argument("--full-size", action="store_true", help="the full-size guest's image too")
    stock = add("cache", _cache, "show what is cached", root=False)
    stock.add_argument("--clean", action="store_true", help="remove it (no lab may be up)")
    return parser.parse_args(arguments)


def _default_name() -> str:
    return os.environ.get("HEADROOM_LAB") or default_name(CHECKOUT)


def _rate(text: str) -> str:
    if text != "none" and not _RATE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r}: a rate such as 100mbit, or none")
    return text


def _up(options: argparse.Namespace) -> None:
    lab = plan_lab(options.name, options.hosts, name_releases(options.release, options.kind))
    if options.full_size:
        lifecycle.build((host.release for host in lab.hosts), full_size=True)
    lifecycle.up(lab)
    _show(lab, options.json)


def _down(options: argparse.Namespace) -> None:
    for name in lifecycle.labs() if options.all else [check_name(options.name)]:
        lifecycle.down(name)


def _status(options: argparse.Namespace) -> int:
    lab = state.load(options.name) or Lab(options.name, ())
    _show(lab, options.json)
    return 0 if lab.hosts and all(hosts.running(lab, host) for host in lab.hosts) else 3


def _show(lab: Lab, as_json: bool) -> None:
    facts = hosts.describe(lab)
    if as_json:
        print(json.dumps(facts, indent=2))
        return
    if not lab.hosts:
        print(f"lab {lab.name} is not up")
        return
    emulated = (
        "KVM" if facts["domain_type"] == "kvm" else "emulated (TCG): no usable KVM on this machine"
    )
    print(f"lab {lab.name}; guests are {emulated}, type='{facts['domain_type']}'")
    for host in facts["hosts"]:
        print(
            "  {name}  {state:8} {address}  {release:9} {uri}  guests {guest_network}".format(
                **host
            )
        )
    print(f"inventory    {facts['inventory']}\nguest image  {facts['guest_image']} on each host")
    print(
        "next         ./dev lab run -- ansible-playbook -i INVENTORY ..., ./dev lab ssh k1, ./dev lab down"
    )


def _run(options: argparse.Namespace) -> None:
    words = options.words[1:] if options.words[:1] == ["--"] else options.words
    if not words:
        raise LabError("run: say what to run: ./dev lab run -- COMMAND ...")
    _enter(options.name, words)


def _ssh(options: argparse.Namespace) -> None:
    state.must_load(options.name).host(options.host)
    _enter(options.name, ["ssh", options.host, *options.words])


def _enter(name: str, words: list[str]) -> t.NoReturn:
    """Become that command, in the controller's namespace: exit code and signals are its own."""
    state.must_load(name)
    if namespace(name) not in network.namespaces(name):
        raise LabError(f"lab {name} is not running. Start it: ./dev lab up --name {name}")
    os.environ["HEADROOM_LAB"] = name
    os.environ["HEADROOM_LAB_INVENTORY"] = str(state.directory(name) / "inventory.yml")
    # Ansible names these sockets after host, port and user only: k1 of one lab would be k1 of the next.
    os.environ["ANSIBLE_SSH_CONTROL_PATH_DIR"] = str(state.directory(name) / "cp")
    os.execvp("ip", ["ip", "netns", "exec", namespace(name), *_WITH_GROUPS, *words])  # noqa: S606


def _link(options: argparse.Namespace) -> None:
    lab = state.must_load(options.name)
    host = lab.host(options.host)
    if options.rate is None and options.plugged is None:
        raise LabError("link: say what to change: --rate RATE, --down or --up")
    if options.rate is not None:
        network.set_rate(lab, host, None if options.rate == "none" else options.rate)
    if options.plugged is not None:
        network.set_link(lab, host, options.plugged)


def _crash(options: argparse.Namespace) -> None:
    lab = state.must_load(options.name)
    lifecycle.crash(lab, [lab.host(name) for name in options.hosts])


def _guest_xml(options: argparse.Namespace) -> None:
    text = domain_xml(
        options.name,
        machine.domain_type(),
        options.memory,
        options.disk,
        ledger=options.ledger,
        address=options.address,
    )
    print(text, end="")


def _build(options: argparse.Namespace) -> None:
    lifecycle.build(name_releases(options.release, options.kind), full_size=options.full_size)


def _full_size_guest(_options: argparse.Namespace) -> None:
    print(debian.obtain())


def _full_size_packages(_options: argparse.Namespace) -> None:
    print(debian.obtain_packages())


def _cache(options: argparse.Namespace) -> None:
    if options.clean:
        if labs := lifecycle.labs():
            raise LabError(
                f"cache: labs stand on it: {', '.join(labs)}. First: ./dev lab down --all"
            )
        cache.clean()
    print(cache.directory())
    for name, size in cache.items():
        print(f"  {size / 2**20:6.0f} MiB  {name}")
