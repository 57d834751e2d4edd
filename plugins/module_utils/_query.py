# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""compile_query(): the JMESPath expression of an option, compiled before the work starts; its errors say where."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._jmespath_dep import (
    jmespath,
    require_jmespath,
)

_REMEDY: t.Final = (
    "Correct the expression; https://jmespath.org/specification.html describes the language."
)

# Of an element in an array jmespath tells Python's type, of everything else its own.
_TYPES: t.Final = {
    "NoneType": "null",
    "bool": "boolean",
    "dict": "object",
    "float": "number",
    "int": "number",
    "list": "array",
    "str": "string",
}

Node = t.Mapping[str, t.Any]


class InvalidQuery(InvalidInput):
    """An option holds a JMESPath expression that cannot be evaluated.

    ``details`` has ``option``, ``value``, ``problem`` and, where it is known, ``line`` and ``column`` (both from 1).
    """

    kind = "invalid_query"

    def __init__(self, option: str, text: str, problem: str, offset: int | None = None) -> None:
        place, where = _locate(text, offset)
        super().__init__(
            option, text, f"is not a usable JMESPath expression: {place}{problem}", _REMEDY
        )
        self.details.update(where, problem=problem)


@dataclasses.dataclass(frozen=True)
class Query:
    """A compiled expression and the option that it came from."""

    option: str
    text: str
    compiled: t.Any = dataclasses.field(repr=False, compare=False)

    def evaluate(self, data: t.Any) -> t.Any:
        """Return what the expression yields on ``data`` (JSON-able); raises InvalidQuery.

        What ``data`` does not have yields None, as JMESPath says; a function that gets a wrong type is an error.
        """
        return self.evaluate_with(jmespath.visitor.TreeInterpreter(), data)

    def evaluate_with(self, interpreter: t.Any, data: t.Any) -> t.Any:
        """Return what the expression yields by another interpreter of jmespath's kind; raises as ``evaluate`` does."""
        try:
            return interpreter.visit(self.compiled.parsed, data)
        except jmespath.exceptions.JMESPathTypeError as error:
            raise self._describe_type_error(error) from error
        except (jmespath.exceptions.JMESPathError, ValueError, RecursionError) as error:
            raise InvalidQuery(self.option, self.text, _format_error(error)) from error

    def _describe_type_error(self, error: t.Any) -> InvalidQuery:
        # jmespath's own text quotes the whole value: with the statistics of a host in it, nobody finds the mistake.
        expected = " or ".join(error.expected_types)
        got = _TYPES.get(error.actual_type, error.actual_type)
        problem = f"the function {error.function_name}() needs {expected}, but got {got}"
        return InvalidQuery(
            self.option, self.text, problem, _call_offset(self.text, error.function_name)
        )


def compile_query(option: str, text: str) -> Query:
    """Return the Query of ``text``, which the option ``option`` holds.

    Raises InvalidQuery for a syntax error, an unknown function and an ``&expression`` outside a function's arguments;
    MissingDependency without jmespath.
    """
    require_jmespath()
    try:
        compiled = jmespath.compile(text)
    except jmespath.exceptions.EmptyExpressionError as error:
        raise InvalidQuery(option, text, "it is empty") from error
    except jmespath.exceptions.LexerError as error:
        raise InvalidQuery(option, text, error.message, error.lexer_position) from error
    except jmespath.exceptions.IncompleteExpressionError as error:
        raise InvalidQuery(option, text, "it ends too early", error.lex_position) from error
    except jmespath.exceptions.ParseError as error:
        raise InvalidQuery(
            option, text, f"unexpected {error.token_value!r}", error.lex_position
        ) from error
    except RecursionError as error:
        raise InvalidQuery(option, text, "it is nested too deeply") from error
    _check(option, text, compiled.parsed)
    return Query(option, text, compiled)


def _check(option: str, text: str, root: Node) -> None:
    """Refuse what jmespath would notice only on data that happens to reach it, or return as a Python object."""
    pending: list[tuple[Node, bool]] = [(root, False)]
    while pending:
        node, is_argument = pending.pop()
        is_call = node["type"] == "function_expression"
        if is_call and node["value"] not in jmespath.functions.Functions.FUNCTION_TABLE:
            name = node["value"]
            raise InvalidQuery(
                option, text, f"there is no function {name}()", _call_offset(text, name)
            )
        if node["type"] == "expref" and not is_argument:
            raise InvalidQuery(option, text, "an &expression can only be an argument of a function")
        pending.extend((child, is_call) for child in node["children"] if isinstance(child, dict))


def _call_offset(text: str, function: str) -> int | None:
    """Return where ``function`` is called, None unless it is called exactly once: the parser keeps no positions."""
    tokens = list(jmespath.lexer.Lexer().tokenize(text))
    starts = [
        token["start"]
        for token, following in zip(tokens, tokens[1:])
        if token["value"] == function and following["type"] == "lparen"
    ]
    return starts[0] if len(starts) == 1 else None


def _locate(text: str, offset: int | None) -> tuple[str, dict[str, int]]:
    if offset is None:
        return "", {}
    before = text[:offset]
    line, column = before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
    shown = (
        f"at line {line}, column {column}: " if "\n" in text.strip() else f"at column {column}: "
    )
    return shown, {"line": line, "column": column}


def _format_error(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
