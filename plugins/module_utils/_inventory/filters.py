# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``read_filters``: which domains the inventory lists, by the options ``names`` and ``filters``. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._query import Query


class Filters(t.NamedTuple):
    """Regular expressions, one of which must match the whole name, and JMESPath expressions that must all be true."""

    names: tuple[re.Pattern[str], ...] = ()
    queries: tuple[Query, ...] = ()

    def admit(self, name: str, facts: t.Mapping[str, t.Any]) -> bool:
        """Return whether the domain is listed; raises InvalidQuery for a query that fails on these facts."""
        if self.names and not any(pattern.fullmatch(name) for pattern in self.names):
            return False
        return all(_is_true(query.evaluate(facts)) for query in self.queries)


def read_filters(names: t.Sequence[str], queries: t.Sequence[str]) -> Filters:
    """Return the Filters of the options ``names`` and ``filters``; raises InvalidInput."""
    return Filters(
        names=compile_names("names", names),
        queries=tuple(_compile_query(text) for text in queries),
    )


def compile_names(option: str, patterns: t.Sequence[str]) -> tuple[re.Pattern[str], ...]:
    """Return regular expressions for whole names; raises InvalidInput that names ``option``."""
    return tuple(_compile(option, pattern) for pattern in patterns)


def _compile_query(text: str) -> Query:
    # only where it is used: to load JMESPath takes longer than many a host takes to be read
    from ansible_collections.headroom.libvirt.plugins.module_utils._query import compile_query  # noqa: PLC0415

    return compile_query("filters", text)


def _compile(option: str, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise InvalidInput(
            option, pattern, f"is not a regular expression: {error}", "Correct it."
        ) from error


def _is_true(value: t.Any) -> bool:
    # as JMESPath has it: 0 is true
    return value is not None and value is not False and value not in ("", [], {})
