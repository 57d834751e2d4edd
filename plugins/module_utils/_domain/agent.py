# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Running a program inside a guest, by its agent. What a guest answers is not trusted."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._connection import translated
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.xml import parse_element
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._libvirt_dep import libvirt_qemu, require_libvirt_qemu
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK, Clock, Waiter

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._libvirt_dep import libvirt

    Domain = libvirt.virDomain

_CHANNEL: t.Final = "org.qemu.guest_agent.0"
_ANSWER_SECONDS: t.Final = 10
_LONGEST_OUTPUT: t.Final = 2000


class AgentFailed(HeadroomError):
    """The guest's agent did not do what it was asked."""

    kind = "agent_failed"


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a program ended, and the end of what it wrote, as printable text."""

    code: int
    output: str


def is_connected(live_xml: str) -> bool:
    """Return whether a domain's running XML says that its agent is there. Pure."""
    targets = parse_element(live_xml).iterfind("devices/channel/target")
    return any(one.get("name") == _CHANNEL and one.get("state") == "connected" for one in targets)


def run(domain: Domain, script: str, timeout: float, clock: Clock = SYSTEM_CLOCK) -> Ended:
    """Run a shell script in the guest; raises AgentFailed, or TimedOut when it does not end within ``timeout`` s."""
    arguments = {"path": "/bin/sh", "arg": ["-c", script], "capture-output": True}
    pid = _ask(domain, "guest-exec", arguments).get("pid")
    if not isinstance(pid, int):
        raise AgentFailed(f"the agent of {domain.name()!r} did not say which process it started")
    latest: dict[str, t.Any] = {}

    def has_ended() -> bool:
        latest.update(_ask(domain, "guest-exec-status", {"pid": pid}))
        return latest.get("exited") is True

    Waiter(timeout, clock, first_pause=0.1).until(has_ended, f"the end of a script in {domain.name()!r}")
    code = latest.get("exitcode")
    return Ended(code if isinstance(code, int) else -1, _text(latest.get("out-data")) + _text(latest.get("err-data")))


def _ask(domain: Domain, command: str, arguments: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    require_libvirt_qemu()
    request = json.dumps({"execute": command, "arguments": arguments})
    with translated(f"ask the agent of {domain.name()!r} for {command}"):
        answer = libvirt_qemu.qemuAgentCommand(domain, request, _ANSWER_SECONDS, 0)
    try:
        said = json.loads(answer).get("return")
    except (ValueError, AttributeError, RecursionError) as error:
        raise AgentFailed(f"the agent of {domain.name()!r} answered what is no JSON") from error
    return said if isinstance(said, dict) else {}


def _text(data: object) -> str:
    try:
        decoded = base64.b64decode(data).decode(errors="replace") if isinstance(data, str) else ""
    except binascii.Error:
        return ""
    return "".join(letter if letter.isprintable() else " " for letter in decoded[-_LONGEST_OUTPUT:])
