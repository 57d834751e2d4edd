# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""What a health check asks (HealthCheck), what a member showed (Finding), and what follows (``judge``). Pure."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils import _persisted
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import (
    check_at_least,
    check_between,
    check_positive,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

Kind = t.Literal[
    "passed",  # it showed that it serves
    "off",  # it does not run, so there is nothing to show
    "unknown",  # it could not be asked, for a reason that is not its own
    "io error",  # paused, since its storage failed
    "crashed",  # its kernel or its QEMU gave up
    "stopped",  # paused for another reason that is none of the operator's
    "hung",  # its QEMU does not answer either
    "no address",
    "refused",  # the guest answers, and nothing listens
    "silent",  # the guest's QEMU is well, and nobody answers
    "failing",  # the service answers that it fails
]
# What the hypervisor itself says, whatever the check asks.
HOST_KINDS: t.Final = frozenset({"io error", "crashed", "stopped", "hung"})
# What needs no second look: no check that is wrong, and no network that is cut, looks like this.
_CERTAIN: t.Final = frozenset({"io error", "crashed", "stopped"})
_BROKEN: t.Final[t.Mapping[tuple[str, str | None], tuple[Kind, str]]] = {
    ("paused", "ioerror"): ("io error", "it is paused by an I/O error of its storage"),
    ("paused", "crashed"): ("crashed", "its kernel has panicked, and it stands still"),
    ("crashed", "panicked"): ("crashed", "its kernel has panicked"),
    ("crashed", None): ("crashed", "it has crashed"),
    ("shutoff", "crashed"): ("crashed", "its QEMU or its kernel crashed, and it is off"),
    ("paused", "watchdog"): ("stopped", "its watchdog has paused it"),
    ("paused", "postcopy_failed"): ("stopped", "it lost a part of its memory in a migration"),
    ("paused", "api_error"): ("stopped", "it is paused since an operation of libvirt failed"),
}
_RUNNING: t.Final = frozenset({"running", "blocked"})
_PATH: t.Final = re.compile(r"/[!-~]*")
_FORMAT: t.Final = 1

Options = t.Mapping[str, t.Any]
SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "port": {"type": "int"},
    "path": {"type": "str"},
    "scheme": {"type": "str", "choices": ["http", "https"], "default": "http"},
    "agent": {"type": "bool", "default": False},
    "timeout": {"type": "float", "default": 5.0},
    "failures": {"type": "int", "default": 2},
    "grace": {"type": "int", "default": 120},
    "max_unhealthy": {"type": "str", "default": "50%"},
}


@dataclasses.dataclass(frozen=True)
class HealthCheck:
    """How a member shows that it serves: its ``port`` is open, ``path`` answers below 400 there, its ``agent`` answers.

    One that fails ``failures`` checks in a row, and for longer than ``grace`` seconds after it was made or woken, is
    unhealthy. An answer may take ``timeout`` seconds.
    """

    port: int | None = None
    path: str | None = None
    scheme: t.Literal["http", "https"] = "http"
    agent: bool = False
    timeout: float = 5.0
    failures: int = 2
    grace: float = 120.0

    @property
    def identity(self) -> str:
        """What is asked: of another question, the answers before say nothing."""
        return f"{self.scheme} {self.port} {self.path} {self.agent}"


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a member showed at one look, and the words for it."""

    kind: Kind
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class HealthRecord:
    """What is known of a member's checks so far, of the question ``check``; times in epoch seconds.

    ``failures`` in a row, the latest at ``failed``; ``passed`` is when it last passed.
    """

    check: str
    failures: int = 0
    failed: float | None = None
    passed: float | None = None

    def as_dict(self) -> dict[str, t.Any]:
        """Return the record as JSON-able data."""
        return {"format": _FORMAT, **dataclasses.asdict(self)}


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether a member counts: ``healthy`` is None where that is not known, or not yet.

    ``awaited`` says that it has not passed since it was made or woken, and may yet. ``has_passed`` says that it has
    passed this very check before, so that the check is one that can be passed.
    """

    kind: Kind
    healthy: bool | None
    reason: str | None = None
    awaited: bool = False
    has_passed: bool = False

    def as_dict(self) -> dict[str, t.Any]:
        """Return what the member's row has of it."""
        return {
            "healthy": self.healthy,
            "health_kind": self.kind,
            "health_reason": self.reason,
            "awaited": self.awaited,
            "has_passed": self.has_passed,
        }


def read_check(options: Options) -> HealthCheck:
    """Return the check of options that Ansible has checked; raises InvalidInput for one that cannot be meant."""
    port, path = options["port"], options["path"]
    if port is not None:
        check_between("health.port", port, 1, 65535, "Write the TCP port on which members serve.")
    if path is not None and port is None:
        remedy = "Write health.port too, such as 80."
        raise InvalidInput("health.path", path, "needs a port to be asked for on", remedy)
    if path is not None and not _PATH.fullmatch(path):
        remedy = "Write the path of an URL, with %20 for a space: /health."
        raise InvalidInput("health.path", path, "must begin with / and have no spaces", remedy)
    check_positive("health.timeout", options["timeout"], "seconds")
    check_at_least("health.failures", options["failures"], 1, "checks")
    check_at_least("health.grace", options["grace"], 0, "seconds")
    names = [field.name for field in dataclasses.fields(HealthCheck)]
    return HealthCheck(**{name: options[name] for name in names})


def judge_state(state: str, reason: str | None) -> Finding | None:
    """Return what libvirt's state alone says of a member; None of one that runs, and has to be asked."""
    if state in _RUNNING:
        return None
    kind, words = _BROKEN.get((state, reason)) or _BROKEN.get((state, None)) or ("off", "")
    return Finding(kind, words)


def judge_status(check: HealthCheck, status: int) -> Finding:
    """Return what an HTTP status says."""
    if 200 <= status < 400:  # success and redirections
        return Finding("passed")
    return Finding("failing", f"{check.path} answers {status}")


def read_record(data: t.Any, check: HealthCheck) -> HealthRecord:
    """Return what is known of this check; nothing of another one, or of what cannot be read."""
    try:
        _persisted.check_format(data if isinstance(data, dict) else {}, _FORMAT, "a health record")
        record = _persisted.build(HealthRecord, data, "a health record")
    except _persisted.UnreadableShape:
        return HealthRecord(check.identity)
    times: list[t.Any] = [time for time in (record.failed, record.passed) if time is not None]
    is_sound = all(isinstance(number, (int, float)) for number in (record.failures, *times))
    return record if is_sound and record.check == check.identity else HealthRecord(check.identity)


def judge(
    check: HealthCheck, finding: Finding, record: HealthRecord, began: float | None, now: float
) -> tuple[Verdict, HealthRecord]:
    """Return what a look at ``now`` means for a member that was made or woken at ``began``, and what is known then.

    A look that follows another one within the check's timeout is the same look.
    """
    if finding.kind == "passed":
        passed = dataclasses.replace(record, failures=0, failed=None, passed=now)
        return Verdict("passed", healthy=True, has_passed=True), passed
    has_passed = record.passed is not None
    if finding.kind in ("off", "unknown"):
        return Verdict(finding.kind, None, finding.reason or None, has_passed=has_passed), record
    is_new = record.failed is None or not 0 <= now - record.failed < check.timeout
    record = dataclasses.replace(record, failures=record.failures + is_new, failed=now)
    has_begun = record.passed is not None and record.passed >= (began or 0)
    is_young = began is not None and 0 <= now - began < check.grace and not has_begun
    is_unhealthy = finding.kind in _CERTAIN or (not is_young and record.failures >= check.failures)
    verdict = Verdict(
        finding.kind,
        healthy=False if is_unhealthy else None,
        reason=finding.reason,
        awaited=is_young and not is_unhealthy,
        has_passed=has_passed,
    )
    return verdict, record
