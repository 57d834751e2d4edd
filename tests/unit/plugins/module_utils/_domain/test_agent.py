# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import json
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._connection import Connection
from ansible_collections.headroom.libvirt.plugins.module_utils._domain import agent
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import TimedOut


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
    monkeypatch.setattr(agent, "require_libvirt_qemu", lambda: None)
    return said


def run(node: Connection) -> agent.Ended:
    domain = node.handle.defineXMLFlags(
        "<domain type='test'><name>web</name><memory>65536</memory><os><type>hvm</type></os></domain>"
    )
    return agent.run(domain, "true", 5.0, Ticking())


def test_what_a_program_wrote_is_printable_and_bounded(node: Connection, answers: list[t.Any]) -> None:
    output = base64.b64encode(b"x" * 5000 + b"\x1b[2Jend\xff").decode()
    answers += [{"pid": 7}, {"exited": False}, {"exited": True, "exitcode": 3, "out-data": output}]
    ended = run(node)
    assert ended.code == 3
    assert ended.output.startswith("x")
    assert ended.output.endswith(" [2Jend\ufffd")
    assert len(ended.output) == 2000


@pytest.mark.parametrize("answer", ["no json", "[]", {"pid": "7"}, {}, [1]])
def test_a_guest_may_answer_anything(node: Connection, answers: list[t.Any], answer: t.Any) -> None:
    answers.append(answer)
    with pytest.raises(agent.AgentFailed):
        run(node)


def test_a_program_that_never_ends_is_not_waited_for(node: Connection, answers: list[t.Any]) -> None:
    answers += [{"pid": 7}, {"exited": "yes", "out-data": "%%%"}]
    with pytest.raises(TimedOut):
        run(node)
