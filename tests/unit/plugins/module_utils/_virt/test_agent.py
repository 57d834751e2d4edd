# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import types
import typing as t

import libvirt
import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ConnectionFailed,
    HeadroomError,
    TimedOut,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import agent
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import Connection

from tools.refusals import refusal


class Ticking:
    """A clock that only sleeping moves."""

    seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[t.Any]:
    """What the agent says, one each time, the last for ever; the test driver has no agents."""
    said: list[t.Any] = []

    class Agents:
        @staticmethod
        def qemuAgentCommand(_domain: object, _command: str, _timeout: int, _flags: int) -> str:  # noqa: N802
            answer = said.pop(0) if len(said) > 1 else said[0]
            return answer if isinstance(answer, str) else json.dumps({"return": answer})

    monkeypatch.setattr(agent, "libvirt_qemu", Agents)
    return said


def run(node: Connection) -> None:
    domain = node.handle.defineXMLFlags(
        "<domain type='test'><name>web</name><memory>65536</memory><os><type>hvm</type></os></domain>"
    )
    agent.run(domain, ["true"], 5.0, Ticking())


def test_a_program_is_waited_for(node: Connection, answers: list[t.Any]) -> None:
    answers += [{"pid": 7}, {"exited": False}, {"exited": True, "exitcode": 0}]
    run(node)
    assert len(answers) == 1


def test_a_program_that_fails_is_told(node: Connection, answers: list[t.Any]) -> None:
    answers += [{"pid": 7}, {"exited": True, "exitcode": 3}]
    with pytest.raises(HeadroomError, match="true failed in the guest of 'web' with 3"):
        run(node)


@pytest.mark.parametrize("answer", ["no json", "[]", {"pid": "7"}, {}, [1]])
def test_a_guest_may_answer_anything(node: Connection, answers: list[t.Any], answer: t.Any) -> None:
    answers.append(answer)
    with pytest.raises(HeadroomError):
        run(node)


def test_a_program_that_never_ends_is_not_waited_for(
    node: Connection, answers: list[t.Any]
) -> None:
    answers += [{"pid": 7}, {"exited": "yes", "out-data": "%%%"}]
    with pytest.raises(TimedOut):
        run(node)


CHANNEL = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' state='{}'/></channel>"


@pytest.mark.parametrize(
    "code", [libvirt.VIR_ERR_AGENT_UNRESPONSIVE, libvirt.VIR_ERR_AGENT_UNSYNCED]
)
def test_an_agent_that_libvirt_has_not_reached_yet_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    pings = [refusal(code), None]
    monkeypatch.setattr(agent, "libvirt_qemu", Pinged(pings))
    assert [agent.is_responsive(channelled("connected")) for _unused in range(2)] == [False, True]


def test_an_agent_that_has_not_opened_its_channel_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(agent, "libvirt_qemu", Pinged([]))
    assert not agent.is_responsive(channelled("disconnected"))


def test_a_lost_host_is_not_an_agent_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "libvirt_qemu", Pinged([refusal(libvirt.VIR_ERR_RPC)]))
    with pytest.raises(ConnectionFailed):
        agent.is_responsive(channelled("connected"))


def channelled(state: str) -> t.Any:
    """A running guest whose agent's channel has that state; the test driver knows no states of channels."""
    xml = f"<domain type='kvm'><devices>{CHANNEL.format(state)}</devices></domain>"
    return types.SimpleNamespace(XMLDesc=lambda _flags: xml, name=lambda: "web")


class Pinged:
    """The agents' side of libvirt, which raises or answers what is given, one each time."""

    def __init__(self, said: list[libvirt.libvirtError | None]) -> None:
        self.said = said

    def qemuAgentCommand(self, _domain: object, _command: str, _timeout: int, _flags: int) -> str:  # noqa: N802
        answer = self.said.pop(0)
        if answer is not None:
            raise answer
        return '{"return": {}}'


@pytest.mark.parametrize(
    "answer", [{"return": 1_700_000_000_123_456_789}, {"return": None}, {"return": "1"}, {}, []]
)
def test_the_time_of_a_guest_is_asked_for_with_a_limit(
    node: Connection, monkeypatch: pytest.MonkeyPatch, answer: t.Any
) -> None:
    domain = node.handle.defineXMLFlags(
        "<domain type='test'><name>web</name><memory>65536</memory><os><type>hvm</type></os></domain>"
    )
    asked: list[tuple[str, int]] = []

    class Agents:
        @staticmethod
        def qemuAgentCommand(_domain: object, command: str, timeout: int, _flags: int) -> str:  # noqa: N802
            asked.append((json.loads(command)["execute"], timeout))
            return json.dumps(answer)

    monkeypatch.setattr(agent, "libvirt_qemu", Agents)
    if answer == {"return": 1_700_000_000_123_456_789}:
        assert agent.read_time(domain) == 1_700_000_000
    else:
        with pytest.raises(HeadroomError, match="gave an answer to guest-get-time"):
            agent.read_time(domain)
    assert asked == [("guest-get-time", 10)]
