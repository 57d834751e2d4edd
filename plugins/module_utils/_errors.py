# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The collection's one family of errors.

Helpers raise these; only the runner behind a module's ``main()`` turns them into a failed task.
"""

from __future__ import annotations

import typing as t


class HeadroomError(Exception):
    """Something that an operator can read and act on.

    ``details`` are JSON-able values that are returned beside ``msg`` under ``error``, so that a playbook
    can branch on them without parsing prose.
    """

    kind = "error"

    def __init__(self, message: str, **details: t.Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def as_result(self) -> dict[str, t.Any]:
        """Return ``{kind, ...details}``: the ``error`` value of a failed task."""
        return {"kind": self.kind, **self.details}


class InvalidInput(HeadroomError):
    """An option holds a value that cannot be used. Names the option, the value and the remedy."""

    kind = "invalid_input"

    def __init__(self, option: str, value: object, problem: str, remedy: str) -> None:
        shown = (
            value if isinstance(value, (str, int, float, bool)) or value is None else repr(value)
        )
        super().__init__(
            f"{option}: {value!r} {problem}. {remedy}", option=option, value=shown, remedy=remedy
        )


class _Hidden:
    """Stands for a value that is not to be shown."""

    def __repr__(self) -> str:
        return "the value"


class InvalidSecret(InvalidInput):
    """An option that may hold a secret cannot be used. Names the option and the remedy, and never the value."""

    def __init__(self, option: str, problem: str, remedy: str) -> None:
        super().__init__(option, _Hidden(), problem, remedy)
        del self.details["value"]


class MissingDependency(HeadroomError):
    """A Python library that the module needs is not there, or is too old."""

    kind = "missing_dependency"

    def __init__(self, message: str, import_traceback: str | None = None, **details: t.Any) -> None:
        super().__init__(message, **details)
        self.import_traceback = import_traceback


class ConnectionFailed(HeadroomError):
    """The host did not answer, or refused the connection."""

    kind = "connection_failed"


class NotFound(HeadroomError):
    """A thing that the task names does not exist on the host."""

    kind = "not_found"


class Conflict(HeadroomError):
    """The task would collide with something that exists already or is being changed by someone else."""

    kind = "conflict"


class InUse(Conflict):
    """A thing cannot go because others depend on it."""

    kind = "in_use"


class NoSpace(HeadroomError):
    """A pool, file system or host has no room for what is asked."""

    kind = "no_space"


class NotEnoughMemory(HeadroomError):
    """What is asked takes more memory than the limits of this process leave."""

    kind = "not_enough_memory"


class ChecksumMismatch(HeadroomError):
    """The content is not the one that was announced."""

    kind = "checksum_mismatch"


class TimedOut(HeadroomError):
    """A state was not reached in the time that the task allows."""

    kind = "timeout"


class Unsupported(HeadroomError):
    """This libvirt, QEMU or pool cannot do what is asked. The message names the way out."""

    kind = "unsupported"


class UnsupportedBehaviour(Unsupported):
    """A level of the machine (behaviour, detached, defined) cannot fulfil a behaviour."""

    kind = "unsupported_behaviour"

    def __init__(self, level: str, behaviour: str, way_out: str) -> None:
        super().__init__(
            f"A {level} cannot {behaviour}. {way_out}",
            level=level,
            behaviour=behaviour,
            remedy=way_out,
        )


class Interrupted(HeadroomError):
    """A signal asked the run to stop."""

    kind = "interrupted"


class LibvirtFailed(HeadroomError):
    """libvirt reported an error that has no closer relative here."""

    kind = "libvirt_error"


class Unexpected(HeadroomError):
    """Another library raised what the collection does not know; the details name the type of its error."""

    kind = "unexpected"
