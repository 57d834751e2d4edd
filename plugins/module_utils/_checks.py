# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Checks of values, each with one wording: call one as an option or another task's result is read. Pure.

``check_positive``, ``check_at_least``, ``check_above``, ``check_between`` and ``check_moment`` are for options whose
type Ansible has checked; each returns the value, or raises InvalidInput that says what it must be. ``Value`` is for
what comes through a playbook, in which anything may be.
"""

from __future__ import annotations

import dataclasses
import math
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._times import check_seconds

Number = t.TypeVar("Number", int, float)
T = t.TypeVar("T")


def check_positive(
    option: str, value: Number, unit: str = "", remedy: str = "Write a number above 0."
) -> Number:
    """Return a number above 0 of ``unit`` (such as ``seconds``; a bare number without)."""
    problem = f"must be a positive number of {unit}" if unit else "must be a positive number"
    return _require(option, value, problem, remedy, holds=0 < value < math.inf)


def check_at_least(
    option: str, value: Number, least: float, unit: str = "", remedy: str | None = None
) -> Number:
    """Return a number of ``unit`` that is not below ``least``."""
    problem = f"must be at least {least:g} {unit}".rstrip()
    holds = least <= value < math.inf
    return _require(option, value, problem, remedy or f"Write {least:g} or more.", holds=holds)


def check_above(option: str, value: Number, limit: float, remedy: str) -> Number:
    """Return a number above ``limit``."""
    problem = f"must be a number above {limit:g}"
    return _require(option, value, problem, remedy, holds=limit < value < math.inf)


def check_between(
    option: str,
    value: Number,
    lowest: float,
    highest: float,
    remedy: str,
    *,
    excluded: t.Literal["lowest", "highest"] | None = None,
) -> Number:
    """Return a number from ``lowest`` to ``highest``, of which one may be ``excluded``."""
    start = f"above {lowest:g}" if excluded == "lowest" else f"from {lowest:g}"
    end = {"lowest": f"and up to {highest:g}", "highest": f"to less than {highest:g}"}.get(
        excluded or "", f"to {highest:g}"
    )
    excludes_it = value == {"lowest": lowest, "highest": highest}.get(excluded or "", math.nan)
    holds = lowest <= value <= highest and not excludes_it
    return _require(option, value, f"must be a number {start} {end}", remedy, holds=holds)


def check_moment(option: str, moment: float) -> float:
    """Return a time in seconds since 1970."""
    try:
        return check_seconds(moment)
    except ValueError as error:
        raise InvalidInput(option, moment, str(error), "Write it like 1795392000.") from None


def _require(option: str, value: Number, problem: str, remedy: str, *, holds: bool) -> Number:
    if not holds:
        raise InvalidInput(option, value, problem, remedy)
    return value


@dataclasses.dataclass(frozen=True)
class Value:
    """A value and where it stands, such as ``hosts[1].sample.history[3].value``.

    Each ``require_…`` returns what the value must be, and raises InvalidInput for anything else.
    """

    path: str
    value: t.Any
    remedy: str

    def error(self, expected: str) -> InvalidInput:
        """Return the error that says where the value stands and what it must be."""
        return InvalidInput(self.path, self.value, f"must be {expected}", self.remedy)

    def __getitem__(self, name: str) -> Value:
        """Return the value of a key of this dictionary, None where it has no such key."""
        if not isinstance(self.value, dict):
            raise self.error("a dictionary")
        return Value(f"{self.path}.{name}", self.value.get(name), self.remedy)

    def require_list(self) -> list[t.Any]:
        """Return the items of a list as they are, unchecked."""
        if not isinstance(self.value, list):
            raise self.error("a list")
        return self.value

    def require_items(self) -> list[Value]:
        """Return the items of a list."""
        return [
            Value(f"{self.path}[{index}]", item, self.remedy)
            for index, item in enumerate(self.require_list())
        ]

    def require_number(self) -> float:
        """Return a number."""
        if (
            isinstance(self.value, bool)
            or not isinstance(self.value, (int, float))
            or not math.isfinite(self.value)
        ):
            raise self.error("a number")
        return float(self.value)

    def require_amount(self) -> float:
        """Return a number of 0 or more."""
        number = self.require_number()
        if number < 0:
            raise self.error("a number of 0 or more")
        return number

    def require_count(self) -> int:
        """Return a number of 0 or more without its fraction."""
        return int(self.require_amount())

    def require_text(self) -> str:
        """Return a text that is not empty."""
        if not isinstance(self.value, str) or not self.value:
            raise self.error("a text")
        return self.value

    def require_machine(self) -> dict[str, str | None]:
        """Return what names a machine: its host's ``uri``, its ``name`` and its ``uuid``."""
        return {
            "uri": self["uri"].require_text(),
            "name": self["name"].require_text(),
            "uuid": self["uuid"].read_optional(Value.require_text),
        }

    def read_optional(self, read: t.Callable[[Value], T]) -> T | None:
        """Return what ``read`` makes of the value, None of None."""
        return None if self.value is None else read(self)
