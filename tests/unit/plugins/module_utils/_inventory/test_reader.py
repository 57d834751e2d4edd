# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reader: how many calls it makes, and that a file which is not the domain's own is not believed."""

from __future__ import annotations

import collections
import json
import subprocess
import sys
import threading
import time
import typing as t
import zlib
from pathlib import Path

import libvirt
import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._inventory import (
    definitions,
    reader,
    remote,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory.answer import MAGIC
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import Connection


class Counting:
    """A libvirt object whose calls are counted by name, as are those of the objects that it returns."""

    def __init__(self, inner: t.Any, calls: collections.Counter[str]) -> None:
        self._inner = inner
        self._calls = calls

    def __getattr__(self, name: str) -> t.Any:
        attribute = getattr(self._inner, name)
        if name in {"name", "UUIDString", "ID"}:  # what the binding knows without asking
            return attribute

        def call(*arguments: t.Any) -> t.Any:
            self._calls[name] += 1
            return self._wrapped(attribute(*arguments))

        return call

    def _wrapped(self, value: t.Any) -> t.Any:
        if isinstance(value, (list, tuple)):
            return type(value)(map(self._wrapped, value))
        return (
            Counting(value, self._calls)
            if isinstance(value, (libvirt.virDomain, libvirt.virNetwork))
            else value
        )


class Host:
    """A host of libvirt's test driver, and the files that QEMU's driver would write for its domains."""

    def __init__(self, connection: Connection, folder: Path) -> None:
        self.handle = connection.handle
        self.places = definitions.Places(
            definitions=str(folder / "definitions"),
            running=str(folder / "running"),
            neighbours=str(folder / "arp"),
        )
        Path(self.places.definitions).mkdir()
        Path(self.places.running).mkdir()

    def define(self, name: str, title: str = "first") -> libvirt.virDomain:
        """Define a domain and do with its file what libvirt does."""
        uuid = next(
            (
                domain.UUIDString()
                for domain in self.handle.listAllDomains()
                if domain.name() == name
            ),
            None,
        )
        xml = (
            f"<domain type='test'><name>{name}</name>{f'<uuid>{uuid}</uuid>' if uuid else ''}<title>{title}</title>"
            "<memory>8192</memory><os><type>hvm</type></os></domain>"
        )
        domain = self.handle.defineXMLFlags(xml, 0)
        self.write(self.places.definitions, domain)
        return domain

    def start(self, name: str) -> libvirt.virDomain:
        """Start a domain and do with its status what libvirt does."""
        domain = self.define(name)
        domain.createWithFlags(0)
        self.write(self.places.running, domain)
        return domain

    def write(self, folder: str, domain: libvirt.virDomain) -> None:
        """Write the file of a domain as it is now, with what libvirt puts around it."""
        xml = domain.XMLDesc(0)
        status = domain.isActive()
        text = (
            f"<domstatus state='running'><pid/>{xml}</domstatus>"
            if status
            else f"<!-- AUTO-GENERATED -->\n{xml}"
        )
        Path(folder, f"{domain.name()}.xml").write_text(text)

    def look(
        self, *sources: str, places: bool = True, xml: bool = False
    ) -> tuple[dict[str, t.Any], collections.Counter[str]]:
        """Look at the host; return the report and the calls that were really made."""
        calls: collections.Counter[str] = collections.Counter()
        request = reader.LookRequest(
            sources or ("lease",), xml=xml, places=self.places if places else None
        )
        return reader.Reader(libvirt, Counting(self.handle, calls), request).look(), calls


@pytest.fixture
def host(node: Connection, tmp_path: Path) -> Host:
    return Host(node, tmp_path)


def titles(report: dict[str, t.Any]) -> list[str]:
    return sorted(
        domain["xml"].partition("<title>")[2].partition("<")[0] for domain in report["domains"]
    )


def name(domain: dict[str, t.Any]) -> str:
    return str(domain["xml"]).partition("<name>")[2].partition("<")[0]


@pytest.mark.parametrize("number", [1, 10, 50])
def test_the_number_of_calls_does_not_depend_on_the_number_of_domains(
    host: Host, number: int
) -> None:
    for position in range(number):
        (host.start if position % 2 else host.define)(f"web-{position}")
    report, calls = host.look()
    assert calls == {
        "getAllDomainStats": 1,
        "listAllDomains": 1,
        "listAllNetworks": 1,
        "DHCPLeases": 1,
    }
    assert (report["calls"], report["read"], len(report["domains"])) == (4, 0, number)


def test_what_the_files_say_is_what_libvirt_says(host: Host) -> None:
    host.define("web-1")
    host.start("web-2")
    said = {domain["xml"]: domain["autostart"] for domain in host.look(places=False)[0]["domains"]}
    assert {domain["xml"]: domain["autostart"] for domain in host.look()[0]["domains"]} == {
        xml.removesuffix("\n"): autostart for xml, autostart in said.items()
    }


@pytest.mark.parametrize("asked", [{"places": False}, {"xml": True}])
def test_without_files_and_for_the_xml_itself_every_definition_is_a_call(
    host: Host, asked: dict[str, bool]
) -> None:
    host.define("web-1")
    for _unused in range(2):
        report, calls = host.look(**asked)
        assert calls["XMLDesc"] == report["read"] == 1
        assert report["calls"] == calls.total()


def test_a_domain_that_stopped_has_no_running_definition(host: Host) -> None:
    domain = host.start("web-1")
    assert " id='" in host.look()[0]["domains"][0]["xml"]
    domain.destroyFlags(0)  # its status is still there for a moment
    report, calls = host.look()
    assert " id='" not in report["domains"][0]["xml"]
    assert calls["XMLDesc"] == 0


def replaced(host: Host, old: str, new: str) -> None:
    path = Path(host.places.running, "web-1.xml")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    "damage",
    [
        lambda host, _domain: Path(host.places.running, "web-1.xml").unlink(),
        lambda host, _domain: Path(host.places.running, "web-1.xml").write_text(""),
        lambda host, _domain: Path(host.places.running, "web-1.xml").write_bytes(
            b"<domain \xff</domain>"
        ),
        lambda host, _domain: replaced(host, "</domain>", ""),
        lambda host, domain: replaced(host, f" id='{domain.ID()}'", f" id='{domain.ID() + 1}'"),
        lambda host, domain: replaced(
            host, domain.UUIDString(), "00000000-0000-0000-0000-000000000000"
        ),
    ],
    ids=["missing", "empty", "no text", "cut off", "of an earlier run", "of another domain"],
)
def test_libvirt_is_asked_where_a_file_is_not_what_it_should_be(
    host: Host, damage: t.Callable[[Host, libvirt.virDomain], object]
) -> None:
    damage(host, host.start("web-1"))
    report, calls = host.look()
    assert calls["XMLDesc"] == 1
    assert titles(report) == ["first"]


def test_a_name_that_leads_elsewhere_is_no_name_of_a_file(host: Host) -> None:
    Path(host.places.definitions, "secret.xml").write_text(
        "<domain type='x'><uuid>u</uuid></domain>"
    )
    domain = definitions.Domain(None, "../definitions/secret", "u", -1, {})
    assert definitions.read_definition(host.places, domain) is None


def test_passwords_in_the_files_stay_there(host: Host) -> None:
    host.start("web-1")
    replaced(
        host,
        "</domain>",
        "<graphics type='vnc' port='5900' passwd='a&apos;b' listen='::1'/></domain>",
    )
    report, _calls = host.look()
    assert "<graphics type='vnc' port='5900' listen='::1'/>" in report["domains"][0]["xml"]


def test_the_arp_table_is_read_where_the_host_is_here(host: Host) -> None:
    table = host.places.neighbours
    assert table is not None
    Path(table).write_text(
        "IP address       HW type     Flags       HW address            Mask     Device\n"
        "192.168.122.9    0x1         0x2         52:54:00:00:00:09     *        virbr0\n"
        "192.168.122.8    0x1         0x0         00:00:00:00:00:00     *        virbr0\n"
    )
    host.define("web-1").createWithFlags(0)
    report, calls = host.look("arp")
    assert report["addresses"] == [
        {"source": "arp", "mac": "52:54:00:00:00:09", "address": "192.168.122.9"}
    ]
    assert calls["interfaceAddresses"] == 0
    assert host.look("arp", places=False)[1]["interfaceAddresses"] == 1


def test_networks_are_read_where_reservations_are_asked_for(host: Host) -> None:
    report, calls = host.look("reservation")
    assert [name for name, _xml in report["networks"]] == ["default"]
    assert calls["DHCPLeases"] == 0
    assert host.look("arp")[1]["listAllNetworks"] == 0


AGENT = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel>"


def test_agents_are_asked_at_the_same_time_and_late_ones_are_left_behind(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = threading.Event()
    asked: list[str] = []
    for name in ("quick", "silent", "broken", "off", "without"):
        domain = host.define(name)
        if name != "off":
            domain.createWithFlags(0)

    def definition(self: libvirt.virDomain, _flags: int) -> str:
        return f"<domain><name>{self.name()}</name>{AGENT if self.name() != 'without' else ''}</domain>"

    def answer(self: libvirt.virDomain, _source: int) -> dict[str, t.Any]:
        asked.append(self.name())
        if self.name() == "silent":
            never.wait(30)
        if self.name() == "broken":
            raise libvirt.libvirtError("Guest agent is not responding")
        return {
            "eth0": {"hwaddr": "52:54:00:00:00:01", "addrs": [{"addr": "10.0.0.1"}]},
            "lo": {"addrs": None},
        }

    monkeypatch.setattr(libvirt.virDomain, "XMLDesc", definition)
    monkeypatch.setattr(libvirt.virDomain, "interfaceAddresses", answer)
    started = time.monotonic()
    try:
        report = reader.Reader(
            libvirt, host.handle, reader.LookRequest(("agent",), agent_timeout=0.3)
        ).look()
    finally:
        never.set()
    assert time.monotonic() - started < 5
    assert [row["address"] for row in report["addresses"]] == ["10.0.0.1"]
    assert sorted(asked) == ["broken", "quick", "silent"]


def test_a_monitor_that_hangs_costs_only_its_own_statistics(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    for position in range(20):
        host.define(f"web-{position}")
    never, busy = threading.Event(), set()

    def hang_at_first(
        _self: libvirt.virConnect, domains: list[libvirt.virDomain], *_rest: int
    ) -> t.Any:
        if "web-7" in {domain.name() for domain in domains} and "web-7" not in busy:
            busy.add("web-7")  # from now on NOWAIT passes over it
            never.wait(30)
        return [(domain, {} if domain.name() in busy else {"cpu.time": 1}) for domain in domains]

    monkeypatch.setattr(libvirt.virConnect, "domainListGetStats", hang_at_first)
    try:
        report = reader.Reader(libvirt, host.handle, reader.LookRequest(statistics=True)).look()
    finally:
        never.set()
    told = {name(domain): "cpu.time" in domain["stats"] for domain in report["domains"]}
    assert len(told) == 20
    assert [title for title, whole in told.items() if not whole] == ["web-7"]


def test_the_program_says_what_it_saw(tmp_path: Path) -> None:
    node = tmp_path / "node.xml"
    node.write_text(
        "<node><domain type='test'><name>a</name><memory>1</memory><os><type>hvm</type></os></domain></node>"
    )
    program = remote.build_program(
        reader, (f"test://{node}", {"sources": ("lease",), "ask_agents": True})
    )
    done = subprocess.run(
        [sys.executable, "-I", "-"], input=program, capture_output=True, check=True
    )
    report = json.loads(zlib.decompress(done.stdout.partition(MAGIC)[2]))
    assert "<name>a</name>" in report["domains"][0]["xml"]
    node.unlink()
    done = subprocess.run(
        [sys.executable, "-I", "-"], input=program, capture_output=True, check=True
    )
    assert "node.xml" in json.loads(zlib.decompress(done.stdout.partition(MAGIC)[2]))["error"]
