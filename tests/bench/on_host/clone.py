# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clones on one host, with the code of appliance_clone and without Ansible, and their peers."""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import shutil
import subprocess
import time
import typing as t
import urllib.request
from pathlib import Path

import libvirt

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import register
from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.build import Hardware
from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.images import Location
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
    open_catalogue,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import ApplianceId
from ansible_collections.headroom.libvirt.plugins.module_utils._clone import origin, plan, survey
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.apply import Maker
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.stream.watch import (
    StreamWatch,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dhcp import list_leases
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK

from bench import frame
from bench.on_host import virsh

OURS = "appliance_clone"
IMAGES = Path("/var/lib/libvirt/images")
GOLDEN = IMAGES / "golden.qcow2"
_GUEST = Path("/var/lib/headroom-lab/guest.qcow2")
_JOURNAL = "/var/lib/headroom-bench-journal/journal.sqlite"
_MIB = 1024**2
_GUEST_MIB = 48  # the rest of the disk is random
_ANSWER_SECONDS = 120.0
_DNSMASQ = "http://libvirt.org/schemas/network/dnsmasq/1.0"
_OPTIONS: t.Final[dict[str, t.Any]] = {
    "appliance_pool": None,
    "source_uri": None,
    "source_pool": None,
    "source_address": None,
    "source_ports": "10809-10872",
    "tls": False,
    "bandwidth": None,
    "warm_settle": 3.0,
    "timeout": 300.0,
}


def run(case: str, *arguments: str) -> list[frame.Row]:
    """Measure one case; `prepare` makes the appliance that the others clone."""
    cases: dict[str, t.Callable[..., list[frame.Row]]] = {
        "prepare": _prepare,
        "linked": functools.partial(_linked, started=False),
        "linked+start": functools.partial(_linked, started=True),
        "full": _full,
        "reflink": _reflink,
        "warm": _warm,
        "streamed": _streamed,
    }
    with open_connection(virsh.URI) as connection:
        return cases[case](Bench(connection), *arguments)


class Bench:
    """Clones of the appliance `web` on a host, and what is left of them."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def make(
        self, number: int, mode: str, state: plan.State, pool: str = "default", **options: str
    ) -> list[dict[str, t.Any]]:
        """Make so many clones, as the module does."""
        request = plan.check_request(
            plan.CloneRequest("web", count=number, prefix="ours", pool=pool, mode=mode, state=state)
        )
        chosen = {**_OPTIONS, **options}
        journal = Journal(_JOURNAL)
        with origin.open_origin(self.connection, chosen, request) as found:
            planned = survey.make_plan(found.catalogue, found.request, connection=self.connection)
            way = origin.choose_strategy(
                planned, found, self.connection, chosen, SYSTEM_CLOCK, journal
            )
            maker = Maker(
                self.connection,
                planned,
                "",
                SYSTEM_CLOCK,
                secrets.token_bytes,
                journal,
                chosen,
                way,
            )
            return maker.make()

    def tidy(self, *prefixes: str) -> None:
        """Remove the domains whose names begin so, with the volumes of theirs."""
        pools = self.connection.handle.listAllStoragePools(0)
        for domain in domains.list_all(self.connection):
            if domain.name().startswith(prefixes or ("ours-", "peer-")):
                if domain.isActive():
                    domain.destroyFlags(0)
                domains.undefine(domain)
        for pool in pools:
            pool.refresh(0)
            for volume in pool.listAllVolumes(0):
                if volume.name().startswith(("ours-", "peer-")):
                    volume.delete(0)

    def answer(self, mac: str) -> float:
        """Wait until the guest with that address answers HTTP, the address that it got by DHCP taken from libvirt."""
        deadline = time.monotonic() + _ANSWER_SECONDS
        while time.monotonic() < deadline:
            for lease in list_leases(self.connection):
                if lease.mac == mac:
                    with contextlib.suppress(OSError):
                        urllib.request.urlopen(
                            f"http://{lease.address}/identity", timeout=0.1
                        ).read()
                        return time.monotonic()
            time.sleep(0.02)
        raise RuntimeError(f"no answer from {mac}")

    def settle(self) -> None:
        """Make the host one that has run guests before: libvirt knows its QEMU, and DHCP does not wait.

        dnsmasq pings an address that it gives for the first time, and waits 3 s for an answer.
        """
        self.connection.handle.getCapabilities()
        network = self.connection.handle.networkLookupByName("default")
        options = "<dnsmasq:options><dnsmasq:option value='no-ping'/></dnsmasq:options></network>"
        text = network.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE)
        if options not in text:
            named = text.replace("<network", f"<network xmlns:dnsmasq='{_DNSMASQ}'", 1)
            network.destroy()
            self.connection.handle.networkDefineXML(named.replace("</network>", options)).create()


def register_image(bench: Bench, pool: str, image: Path = GOLDEN) -> None:
    """Make the image the appliance `web` in the pool."""
    catalogue = open_catalogue(bench.connection, pool)
    request = register.ApplianceRequest(
        ApplianceId("web", "1"),
        created="2026-01-01T00:00:00Z",
        token=secrets.token_hex(6),
        files={"vda": Location(str(image))},
        hardware=Hardware(96 * _MIB),
    )
    with register.open_plan(catalogue, request) as planned:
        register.store(catalogue, planned, request, Journal(_JOURNAL))


def make_golden(bench: Bench, size_mib: str) -> None:
    """Make an image of the lab's guest and random bytes."""
    raw = IMAGES / "golden.raw"
    run_tool("qemu-img", "convert", "-O", "raw", _GUEST, raw)
    with raw.open("r+b") as file:
        file.seek(_GUEST_MIB * _MIB)
        for _index in range(int(size_mib) - _GUEST_MIB):
            file.write(os.urandom(_MIB))
    run_tool("qemu-img", "convert", "-O", "qcow2", raw, GOLDEN)
    raw.unlink()
    bench.connection.handle.storagePoolLookupByName("default").refresh(0)


def _prepare(bench: Bench, size_mib: str) -> list[frame.Row]:
    """Make an appliance of the golden image, and a machine for virt-clone with the same."""
    make_golden(bench, size_mib)
    register_image(bench, "default")
    bench.make(
        1, "linked", "shutdown"
    )  # its definition, with the disk in another place, is the peer's original
    text = domains.read_definition_xml(domains.look_up(bench.connection, "ours-1"))
    bench.tidy()
    text = text.replace("<name>ours-1<", "<name>golden<").replace(
        str(IMAGES / "ours-1.vda.qcow2"), str(GOLDEN)
    )
    domains.define(bench.connection, text)
    return []


def run_tool(*words: str | Path) -> str:
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def _linked(bench: Bench, clones: str, _rounds: str, *, started: bool) -> list[frame.Row]:
    """So many clones at once, against as many runs of virt-clone, one after the other as it works."""
    number, room = int(clones), {}

    def ours() -> None:
        bench.make(number, "linked", "running" if started else "shutdown")
        room[OURS] = _used("ours-")

    def theirs() -> None:
        for index in range(number):
            name = f"peer-{index}"
            disk = IMAGES / f"{name}.qcow2"
            run_tool(
                "virt-clone", "--quiet", "--original", "golden", "--name", name, "--file", disk
            )
            if started:
                virsh.output(virsh.URI, "start", name)
        room["virt-clone"] = _used("peer-")

    medians = frame.Race({OURS: ours, "virt-clone": theirs}, tidy=bench.tidy).medians(
        1, warm_up=False
    )
    case = "linked+start" if started else "linked"
    rows = frame.rows("clone", case, number, medians, OURS)
    if started:  # guests write as they boot
        return rows
    disk = frame.rows(
        "clone", "linked, disk", number, {name: float(size) for name, size in room.items()}, OURS
    )
    return rows + [frame.Row(**{**vars(row), "unit": "bytes"}) for row in disk]


def _used(prefix: str) -> int:
    return sum(path.stat().st_blocks * 512 for path in IMAGES.glob(f"{prefix}*"))


def _full(bench: Bench, _clones: str, rounds: str) -> list[frame.Row]:
    source, target = GOLDEN, IMAGES / "peer-copy.qcow2"
    race = frame.Race(
        {
            OURS: lambda: bench.make(1, "full", "shutdown"),
            "qemu-img convert": lambda: run_tool(
                "qemu-img", "convert", "-O", "qcow2", source, target
            ),
        },
        tidy=bench.tidy,
    )
    return frame.rows("clone", "full", 1, race.medians(int(rounds)), OURS)


def _reflink(bench: Bench, _clones: str, rounds: str) -> list[frame.Row]:
    """On the XFS that is mounted for this: shared blocks against an overlay."""
    folder = Path("/var/lib/headroom-bench/pool")
    folder.mkdir()
    xml = f"<pool type='dir'><name>xfs</name><target><path>{folder}</path></target></pool>"
    pool = bench.connection.handle.storagePoolCreateXML(xml, 0)
    try:
        register_image(bench, "xfs")
        race = frame.Race(
            {
                f"{OURS} reflink": lambda: bench.make(1, "reflink", "shutdown", "xfs"),
                f"{OURS} linked": lambda: bench.make(1, "linked", "shutdown", "xfs"),
            },
            tidy=bench.tidy,
        )
        return frame.rows("clone", "reflink", 1, race.medians(int(rounds)), f"{OURS} reflink")
    finally:
        bench.tidy()
        pool.destroy()
        shutil.rmtree(folder)


def _warm(bench: Bench, _clones: str, rounds: str) -> list[frame.Row]:
    """Until the guest answers HTTP: from memory, against booting. The image is made before."""
    bench.settle()
    bench.make(1, "warm", "running")
    bench.tidy()
    contenders: dict[str, frame.Contender] = {
        OURS: lambda: bench.answer(bench.make(1, "warm", "running")[0]["macs"][0]),
        "cold boot": lambda: bench.answer(bench.make(1, "linked", "running")[0]["macs"][0]),
    }
    return frame.rows(
        "clone", "warm", 1, frame.Race(contenders, tidy=bench.tidy).medians(int(rounds)), OURS
    )


def _streamed(bench: Bench, source: str) -> list[frame.Row]:
    """Until the guest answers HTTP on a host that has not the appliance: against a copy of the disk first."""
    bench.settle()
    uri = f"qemu+ssh://root@{source}/system"
    with open_connection(uri) as remote:
        catalogue = open_catalogue(remote, "default")
        manifest = catalogue.get("web", None)
        path = catalogue.locate_disks(manifest)["vda"]

    def ours() -> None:
        (row,) = bench.make(1, "streamed", "running", source_uri=uri)
        bench.answer(row["macs"][0])

    def uploaded() -> None:
        copy = IMAGES / "peer-upload.qcow2"
        run_tool("scp", "-q", f"root@{source}:{path}", copy)
        register_image(bench, "default", copy)
        bench.answer(bench.make(1, "linked", "running")[0]["macs"][0])

    def until_local() -> float:
        began = time.perf_counter()
        StreamWatch(bench.connection, SYSTEM_CLOCK).await_local("ours-1", _OPTIONS["timeout"])
        return time.perf_counter() - began

    answered = seconds(ours)
    local = answered + until_local()
    _check_same(source, path, IMAGES / "ours-1.vda.qcow2")
    bench.tidy()
    peer = {"upload then boot": seconds(uploaded)}
    bench.tidy()
    return [
        *frame.rows("clone", "streamed", 1, {OURS: answered, **peer}, OURS),
        *frame.rows("clone", "streamed, local", 1, {OURS: local, **peer}, OURS),
    ]


def seconds(act: frame.Contender) -> float:
    """Return how long it took."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _check_same(source: str, path: str, copy: Path) -> None:
    """Raise unless the copy is the source's image, bit by bit, but for the partition that the guest writes to."""
    script = (
        "set -e; raw=$(mktemp -p /var/tmp); qemu-img convert -U -O raw {} $raw; "
        "{{ head -c 33M $raw; tail -c +50331649 $raw; }} | sha256sum; rm $raw"
    )
    sums = {run_tool("ssh", source, script.format(path)), run_tool("sh", "-c", script.format(copy))}
    if len(sums) != 1:
        raise RuntimeError(f"{copy} is not {path}")
