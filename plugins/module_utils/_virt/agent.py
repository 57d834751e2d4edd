# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Run a program in a guest through its agent, freeze its file systems, or read its clock.

What the agent answers is the guest's word, and only read as numbers: ``parse_facts``, ``parse_time`` and
``parse_exit_code`` are pure, and raise HeadroomError for what no agent answers.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Waiter

from . import domains
from .connection import translate_errors
from .libvirt_dep import libvirt, libvirt_qemu, require_libvirt_qemu

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
    process = _parse_number(domain.name(), started, "pid")
    status: dict[str, t.Any] = {}

    def has_ended() -> bool:
        status.update(_ask(domain, "guest-exec-status", pid=process))
        return status.get("exited") is True

    # Each look takes some of the guest's own time: 5 to 20 ms of a processor that is emulated.
    Waiter(timeout, clock, first_pause=0.1, longest_pause=0.1).wait_for(
        has_ended, f"the end of {words[0]} in {domain.name()!r}"
    )
    code = parse_exit_code(domain.name(), status)
    if code != 0:
        raise HeadroomError(
            f"{words[0]} failed in the guest of {domain.name()!r} with {code}.", name=domain.name()
        )


def read_time(domain: domains.Domain) -> int:
    """Return the guest's time in epoch seconds, as its agent tells it; raises when none answers within ten seconds.

    libvirt's own call for it waits for ever for an agent that has answered before and then says nothing more.
    """
    require_libvirt_qemu()
    return parse_time(domain.name(), _send(domain, "guest-get-time"))


def is_frozen(domain: domains.Domain) -> bool:
    """Return whether the guest's agent has frozen its file systems, for whomever."""
    require_libvirt_qemu()
    return bool(_parse_return(_send(domain, "guest-fsfreeze-status")) == "frozen")


def freeze(domain: domains.Domain) -> None:
    """Have the agent write down and freeze the guest's file systems."""
    domains.bound_agent(domain)
    with translate_errors(f"freeze the file systems of {domain.name()!r}"):
        domain.fsFreeze()


def thaw(domain: domains.Domain) -> None:
    """Have the agent let the guest write to its file systems again; nothing happens to those that are not frozen."""
    domains.bound_agent(domain)
    with translate_errors(f"thaw the file systems of {domain.name()!r}"):
        domain.fsThaw()


def _ask(domain: domains.Domain, command: str, **arguments: t.Any) -> dict[str, t.Any]:
    return parse_facts(domain.name(), command, _send(domain, command, **arguments))


def _send(domain: domains.Domain, command: str, **arguments: t.Any) -> str:
    request = json.dumps({"execute": command, "arguments": arguments})
    with translate_errors(f"ask the agent of {domain.name()!r} for {command}"):
        return libvirt_qemu.qemuAgentCommand(domain, request, _ANSWER_SECONDS, 0)


def parse_facts(name: str, command: str, answer: str) -> dict[str, t.Any]:
    """Return what the agent in the guest ``name`` returned for a command."""
    facts = _parse_return(answer)
    if not isinstance(facts, dict):
        raise _explain(name, command)
    return facts


def parse_time(name: str, answer: str) -> int:
    """Return the epoch seconds in an answer to guest-get-time."""
    nanoseconds = _parse_return(answer)
    if not isinstance(nanoseconds, int) or isinstance(nanoseconds, bool):
        raise _explain(name, "guest-get-time")
    return nanoseconds // 10**9


def parse_exit_code(name: str, status: t.Mapping[str, t.Any]) -> int:
    """Return how a program ended: its exit code, or the signal that ended it."""
    code = status.get("exitcode", status.get("signal"))
    return _parse_number(name, {"exitcode": code}, "exitcode")


def _parse_return(answer: str) -> t.Any:
    try:
        return json.loads(answer)["return"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _explain(name: str, command: str) -> HeadroomError:
    return HeadroomError(f"the agent of {name!r} gave an answer to {command} that cannot be read.")


def _parse_number(name: str, facts: t.Mapping[str, t.Any], key: str) -> int:
    value = facts.get(key)
    if not isinstance(value, int):
        raise HeadroomError(f"the agent of {name!r} gave no {key}.")
    return value
