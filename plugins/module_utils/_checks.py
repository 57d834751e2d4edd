# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Values that come through a playbook, in which anything may be: each is checked as it is read. Pure."""

from __future__ import annotations

import dataclasses
import math
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput


@dataclasses.dataclass(frozen=True)
class Given:
    """A value and where it stands, such as ``hosts[1].sample.history[3].value``."""

    path: str
    value: t.Any
    remedy: str

    def wrong(self, expected: str) -> InvalidInput:
        """Return the error that says where the value stands and what it should be."""
        return InvalidInput(self.path, self.value, f"is not {expected}", self.remedy)

    def __getitem__(self, name: str) -> Given:
        """Return the value of a key; one that is not there is None."""
        if not isinstance(self.value, dict):
            raise self.wrong("a dictionary")
        return Given(f"{self.path}.{name}", self.value.get(name), self.remedy)

    def listed(self) -> list[t.Any]:
        """Return the values of a list as they are, unchecked."""
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        return self.value

    def items(self) -> list[Given]:
        """Return the values of a list."""
        return [
            Given(f"{self.path}[{index}]", item, self.remedy)
            for index, item in enumerate(self.listed())
        ]

    def number(self) -> float:
        """Return a number."""
        if (
            isinstance(self.value, bool)
            or not isinstance(self.value, (int, float))
            or not math.isfinite(self.value)
        ):
            raise self.wrong("a number")
        return float(self.value)

    def count(self) -> int:
        """Return a whole number of 0 or more."""
        number = self.number()
        if number < 0:
            raise self.wrong("a number of 0 or more")
        return int(number)

    def demand(self) -> float | None:
        """Return a number of 0 or more, None for one that is missing."""
        return None if self.value is None else float(self.at_least_zero())

    def at_least_zero(self) -> float:
        """Return a number of 0 or more."""
        number = self.number()
        if number < 0:
            raise self.wrong("a number of 0 or more")
        return number

    def text(self) -> str:
        """Return a text that is not empty."""
        if not isinstance(self.value, str) or not self.value:
            raise self.wrong("a text")
        return self.value

    def machine(self) -> dict[str, str | None]:
        """Return what names a machine: its host's ``uri``, its ``name`` and its ``uuid``."""
        texts = {"uri": self["uri"].text(), "name": self["name"].text()}
        return {**texts, "uuid": self["uuid"].optional(Given.text)}

    def optional(self, read: t.Callable[[Given], t.Any]) -> t.Any:
        """Return what ``read`` makes of the value, None of None."""
        return None if self.value is None else read(self)
