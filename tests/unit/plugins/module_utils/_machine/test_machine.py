# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import libvirt
import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    ConnectionFailed,
    InvalidInput,
    LibvirtFailed,
    TimedOut,
    UnsupportedBehaviour,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._machine.machine import (
    DefinedMachine,
    DetachedMachine,
    Machine,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    open_connection,
)

from tools.refusals import refusal

if t.TYPE_CHECKING:
    from pathlib import Path

URI = "test:///default"
UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f"
NODE = f"""<node>
  <domain type='test'>
    <name>test</name><uuid>{UUID}</uuid><memory>8192</memory><os><type>hvm</type></os>
  </domain>
</node>"""


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """A host with one running domain, anew for each test; test:///default is shared by a process."""
    description = tmp_path / "node.xml"
    description.write_text(NODE)
    return f"test://{description}"


@pytest.fixture
def connection(uri: str) -> t.Iterator[Connection]:
    with open_connection(uri) as connection:
        yield connection


BEHAVIOURS: dict[str, t.Callable[[Machine], object]] = {
    "start": lambda machine: machine.start(),
    "resume": lambda machine: machine.resume(),
    "wake": lambda machine: machine.wake(),
    "pause": lambda machine: machine.pause(),
    "save": lambda machine: machine.save(),
    "power off": lambda machine: machine.power_off(),
    "shut down": lambda machine: machine.shutdown(timeout=1),
    "undefine": lambda machine: machine.undefine(),
    "tell its situation": lambda machine: machine.observe(),
    "tell its statistics": lambda machine: machine.stats(),
}


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize(
    "machine", [Machine(), DetachedMachine({"name": "web-1"}), DetachedMachine({"uri": URI})]
)
def test_a_level_says_what_it_cannot_do_and_the_way_out(machine: Machine, behaviour: str) -> None:
    with pytest.raises(
        UnsupportedBehaviour, match=f"A {machine.level} cannot {behaviour}. .*uri.*name"
    ) as caught:
        BEHAVIOURS[behaviour](machine)
    assert caught.value.as_result()["level"] == machine.level


def test_making_a_detached_machine_touches_no_host() -> None:
    machine = DetachedMachine({"uri": "qemu+tcp://127.0.0.1:1/system", "name": "test"})
    machine.attributes["fleet"] = "web"
    with pytest.raises(ConnectionFailed):
        machine.pause()


def test_a_detached_machine_acts_on_the_host_that_it_names(uri: str) -> None:
    machine = DetachedMachine({"uri": uri, "name": "test", "uuid": UUID})
    assert machine.observe().situation == "running"
    with machine.defined() as defined:
        machine_on_host: Machine = defined
        machine_on_host.pause()
        assert defined.observe().situation == "paused"


def test_statistics_are_those_of_the_machine_on_its_host(uri: str, connection: Connection) -> None:
    defined = DefinedMachine.named(connection, "test")
    defined.metadata = defined.metadata._replace(fleet="web")
    expected = {
        "name": "test",
        "uuid": UUID,
        "state": "running",
        "fleet": "web",
        "timed_out": False,
    }
    assert defined.stats().items() >= expected.items()
    assert (
        DetachedMachine({"uri": uri, "name": "test"}).stats().items()
        >= {"name": "test", "state": "running"}.items()
    )


def test_a_detached_machine_refuses_another_machine_of_its_name(uri: str) -> None:
    machine = DetachedMachine(
        {"uri": uri, "name": "test", "uuid": "00000000-0000-0000-0000-000000000001"}
    )
    with pytest.raises(Conflict, match="another machine by now"):
        machine.shutdown(timeout=1)


@pytest.mark.parametrize("name", ["", 3, ["test"]])
def test_a_detached_machine_checks_its_attributes(name: object) -> None:
    with pytest.raises(InvalidInput, match=r"machine\.name"):
        DetachedMachine({"uri": URI, "name": name}).pause()


def test_a_defined_machine_goes_through_its_life(connection: Connection) -> None:
    machine = DefinedMachine.named(connection, "test")
    machine.pause()
    assert machine.observe().situation == "paused"
    machine.resume()
    machine.save()
    assert machine.observe().situation == "saved"
    machine.start()
    machine.shutdown(timeout=5)
    assert machine.observe().situation == "shutdown"


def test_setting_an_attribute_is_durable(connection: Connection) -> None:
    machine = DefinedMachine.named(connection, "test")
    machine.metadata = machine.metadata._replace(fleet="web", protected=True)
    machine.autostart = True
    again = DefinedMachine.named(connection, "test")
    assert (again.metadata.fleet, again.observe().protected, again.autostart) == ("web", True, True)
    assert again.definition.metadata == again.metadata


class DeafDomain:
    """A guest that hears no shutdown request: real ones cannot be made to on demand within a unit test's time."""

    def __init__(self) -> None:
        self.asked = 0
        self.on = True

    def name(self) -> str:
        return "deaf"

    def isActive(self) -> int:  # noqa: N802
        return int(self.on)

    def shutdown(self) -> int:
        self.asked += 1
        return 0

    def destroyFlags(self, _flags: int) -> int:  # noqa: N802
        self.on = False
        return 0


class LateDomain(DeafDomain):
    """A guest that goes off in the moment in which libvirt is asked to do something with it, unless it is stubborn."""

    def __init__(self, *, stubborn: bool = False) -> None:
        super().__init__()
        self.stubborn = stubborn

    def shutdown(self) -> int:
        return self._go_off()

    def destroyFlags(self, _flags: int) -> int:  # noqa: N802
        return self._go_off()

    def state(self, _flags: int) -> list[int]:
        return [libvirt.VIR_DOMAIN_RUNNING if self.on else libvirt.VIR_DOMAIN_SHUTOFF, 0]

    def _go_off(self) -> int:
        self.on = self.stubborn
        raise refusal(libvirt.VIR_ERR_OPERATION_INVALID, "domain is not running")


class FakeClock:
    time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def test_a_deaf_guest_is_asked_again_and_left_running(connection: Connection) -> None:
    domain = DeafDomain()
    with pytest.raises(TimedOut, match="force: true"):
        DefinedMachine(connection, t.cast(t.Any, domain)).shutdown(timeout=12, clock=FakeClock())
    assert domain.on
    assert domain.asked == 3


def test_a_deaf_guest_is_powered_off_where_that_is_asked(connection: Connection) -> None:
    domain = DeafDomain()
    DefinedMachine(connection, t.cast(t.Any, domain)).shutdown(
        timeout=12, force=True, clock=FakeClock()
    )
    assert not domain.on


@pytest.mark.parametrize("end", [BEHAVIOURS["power off"], BEHAVIOURS["shut down"]])
def test_a_guest_that_goes_off_by_itself_meanwhile_is_off(
    connection: Connection, end: t.Callable[[Machine], object]
) -> None:
    domain = LateDomain()
    end(DefinedMachine(connection, t.cast(t.Any, domain)))
    assert not domain.on


@pytest.mark.parametrize("end", [BEHAVIOURS["power off"], BEHAVIOURS["shut down"]])
def test_a_guest_that_cannot_be_ended_is_an_error(
    connection: Connection, end: t.Callable[[Machine], object]
) -> None:
    with pytest.raises(LibvirtFailed):
        end(DefinedMachine(connection, t.cast(t.Any, LateDomain(stubborn=True))))
