# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``trace_query`` says what an expression looked at and did not find, which JMESPath passes over in silence. Pure.

A projection drops what is null, so that a sum over machines of which one did not tell is one over the others, and one
over a name that no machine has is 0: a part that looks like a whole, and nothing that looks like a number.
"""

from __future__ import annotations

import dataclasses
import itertools
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._jmespath_dep import jmespath

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._query import Query

Node = t.Mapping[str, t.Any]

# What may be null by the will of who wrote it: one side of `||`, an argument of not_null(), and any condition.
_PATHS: t.Final = frozenset(
    {"field", "subexpression", "index_expression", "index", "identity", "current"}
)
_FALLBACKS: t.Final = frozenset({"or_expression", "not_expression"})


@dataclasses.dataclass
class Trace:
    """The names under which there was something, nothing (null), and of which nobody ever heard."""

    found: set[str] = dataclasses.field(default_factory=set)
    null: set[str] = dataclasses.field(default_factory=set)
    absent: set[str] = dataclasses.field(default_factory=set)

    @property
    def partial(self) -> list[str]:
        """What is known of some and not of all."""
        return sorted(self.null | (self.absent & self.found))

    @property
    def unheard(self) -> list[str]:
        """What nobody has."""
        return sorted(self.absent - self.found - self.null)


def trace_query(query: Query, data: t.Any, exempt: t.Iterable[t.Any]) -> tuple[t.Any, Trace]:
    """Return what ``query`` yields on ``data``, and its Trace; raises what Query.evaluate does.

    What is in the parts ``exempt`` of ``data`` may be null.
    """
    trace = Trace()
    exempt_ids = set(map(id, itertools.chain.from_iterable(map(_list_mappings, exempt))))
    quiet_ids = {id(node) for node in _list_quiet(query.compiled.parsed)}
    interpreter = _make_interpreter(trace, exempt_ids, quiet_ids)
    return query.evaluate_with(interpreter, data), trace


def _make_interpreter(trace: Trace, exempt_ids: set[int], quiet_ids: set[int]) -> t.Any:
    class Interpreter(jmespath.visitor.TreeInterpreter):
        """Notes what is looked up, but for what may be missing."""

        _quiet = 0

        def visit(self, node: t.Any, *arguments: t.Any, **options: t.Any) -> t.Any:
            self._quiet += id(node) in quiet_ids
            try:
                return super().visit(node, *arguments, **options)
            finally:
                self._quiet -= id(node) in quiet_ids

        def visit_field(self, node: t.Any, value: t.Any) -> t.Any:
            result = super().visit_field(node, value)
            if isinstance(value, dict) and not self._quiet and id(value) not in exempt_ids:
                name = node["value"]
                if result is not None:
                    trace.found.add(name)
                elif name in value:
                    trace.null.add(name)
                else:
                    trace.absent.add(name)
            return result

    return Interpreter()


def _list_quiet(root: Node) -> t.Iterator[Node]:
    """Yield the nodes in which nothing is noted."""
    pending = [root]
    while pending:
        node = pending.pop()
        children = [child for child in node["children"] if isinstance(child, dict)]
        pending += children
        if node["type"] == "filter_projection":
            yield children[2]
        elif node["type"] == "comparator":
            yield node
        elif node["type"] in _FALLBACKS or node.get("value") == "not_null":
            yield from (child for child in children if child["type"] in _PATHS)


def _list_mappings(value: t.Any) -> t.Iterator[t.Any]:
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from _list_mappings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _list_mappings(part)
