# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Run a program in a guest through its agent. What the agent answers is the guest's word, and only read as numbers."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Waiter

from . import domains
from .connection import translate_errors
from .libvirt_dep import libvirt, libvirt_qemu

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

CHANNEL: t.Final = "org.qemu.guest_agent.0"
_ANSWER_SECONDS: t.Final = 10


def is_connected(domain: domains.Domain) -> bool:
    """Return whether the agent in the guest has opened its channel; asks libvirt, not the guest."""
    targets = domains.read_live_element(domain).iterfind(
        f"devices/channel/target[@name='{CHANNEL}']"
    )
    return any(target.get("state") == "connected" for target in targets)


def is_responsive(domain: domains.Domain) -> bool:
    """Return whether the agent in the guest has opened its channel and answers on it.

    libvirt calls the channel connected a little before it has connected to it itself, and refuses to ask until then.
    """
    if not is_connected(domain):
        return False
    try:
        _ask(domain, "guest-ping")
    except HeadroomError as error:
        if error.details.get("libvirt_code") in (
            libvirt.VIR_ERR_AGENT_UNRESPONSIVE,
            libvirt.VIR_ERR_AGENT_UNSYNCED,
        ):
            return False
        raise
    return True


def run(domain: domains.Domain, words: t.Sequence[str], timeout: float, clock: Clock) -> None:
    """Run a program in the guest; raises HeadroomError unless it ends with 0 within ``timeout`` seconds."""
    started = _ask(domain, "guest-exec", path=words[0], arg=list(words[1:]))
    process = _read_number(domain, started, "pid")
    status: dict[str, t.Any] = {}

    def has_ended() -> bool:
        status.update(_ask(domain, "guest-exec-status", pid=process))
        return status.get("exited") is True

    # Each look takes some of the guest's own time: 5 to 20 ms of a processor that is emulated.
    Waiter(timeout, clock, first_pause=0.1, longest_pause=0.1).wait_for(
        has_ended, f"the end of {words[0]} in {domain.name()!r}"
    )
    if status.get("exitcode") != 0:
        code = _read_number(
            domain, {"exitcode": status.get("exitcode", status.get("signal"))}, "exitcode"
        )
        raise HeadroomError(
            f"{words[0]} failed in the guest of {domain.name()!r} with {code}.", name=domain.name()
        )


def _ask(domain: domains.Domain, command: str, **arguments: t.Any) -> dict[str, t.Any]:
    request = json.dumps({"execute": command, "arguments": arguments})
    with translate_errors(f"ask the agent of {domain.name()!r} for {command}"):
        answer = libvirt_qemu.qemuAgentCommand(domain, request, _ANSWER_SECONDS, 0)
    try:
        facts = json.loads(answer)["return"]
    except (ValueError, KeyError, TypeError, RecursionError):
        facts = None
    if not isinstance(facts, dict):
        raise HeadroomError(
            f"the agent of {domain.name()!r} gave an answer to {command} that cannot be read."
        )
    return facts


def _read_number(domain: domains.Domain, facts: t.Mapping[str, t.Any], name: str) -> int:
    value = facts.get(name)
    if not isinstance(value, int):
        raise HeadroomError(f"the agent of {domain.name()!r} gave no {name}.")
    return value
