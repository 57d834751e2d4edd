# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils import _jmespath_dep
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    InvalidInput,
    MissingDependency,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._query import (
    InvalidQuery,
    compile_query,
)

DOMAINS = {
    "domains": [{"name": "web-1", "cpu": {"time_seconds": 2.5}}, {"name": "web-2", "cpu": None}]
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("domains[].name", ["web-1", "web-2"]),
        ("sum(domains[].cpu.time_seconds)", 2.5),
        ("domains[?name=='none']", []),
        ("nothing.at.all", None),
        ("max_by(domains, &length(name)).name", "web-1"),
    ],
)
def test_a_query_yields_what_jmespath_says(expression: str, expected: t.Any) -> None:
    assert compile_query("query", expression).evaluate(DOMAINS) == expected


@pytest.mark.parametrize(
    ("expression", "column", "problem"),
    [
        ("domains[", 9, "it ends too early"),
        ("domains name", 9, "unexpected 'name'"),
        ("domains[?name=='web", 16, "Unclosed ' delimiter"),
        ("length(domains) + total(domains)", 17, "Unknown token +"),
        ("domains[].nosuch(@)", 11, "there is no function nosuch()"),
    ],
)
def test_a_broken_expression_says_where(expression: str, column: int, problem: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        compile_query("demand", expression)
    assert caught.value.message.startswith(
        f"demand: {expression!r} is not a usable JMESPath expression: at column {column}: "
    )
    assert problem in caught.value.message
    assert (
        caught.value.as_result().items()
        >= {"option": "demand", "line": 1, "column": column}.items()
    )


def test_a_position_in_an_expression_of_several_lines_names_the_line() -> None:
    with pytest.raises(InvalidQuery, match=r"at line 2, column 9: there is no function nosuch\(\)"):
        compile_query("query", "domains[]\n  .name.nosuch(@)")


@pytest.mark.parametrize(
    ("expression", "problem"), [("", "it is empty"), ("&name", "an &expression can only be")]
)
def test_an_expression_without_a_place_says_what_is_wrong(expression: str, problem: str) -> None:
    with pytest.raises(InvalidQuery, match=problem) as caught:
        compile_query("query", expression)
    assert "column" not in caught.value.details


def test_an_expression_that_is_nested_without_end_is_refused() -> None:
    with pytest.raises(InvalidQuery, match="nested too deeply"):
        compile_query("query", "(" * 5000)


def test_a_wrong_type_names_function_place_and_types_without_quoting_the_data() -> None:
    query = compile_query("query", "domains[?sum(name) > `1`]")
    with pytest.raises(InvalidQuery) as caught:
        query.evaluate(DOMAINS)
    assert (
        "at column 10: the function sum() needs array-number, but got string"
        in caught.value.message
    )
    assert "web-1" not in caught.value.message


@pytest.mark.parametrize(
    ("values", "got"),
    [
        (["x"], "string"),
        ([None], "null"),
        ([1, True], "boolean"),
        ([{}], "object"),
        ("x", "string"),
        (None, "null"),
    ],
)
def test_types_have_jmespaths_names(values: t.Any, got: str) -> None:
    with pytest.raises(InvalidQuery, match=rf"sum\(\) needs array-number, but got {got}\."):
        compile_query("query", "sum(@)").evaluate(values)


def test_a_function_called_twice_is_named_without_a_place() -> None:
    with pytest.raises(InvalidQuery, match=r"expression: the function sum\(\) needs") as caught:
        compile_query("query", "[sum(domains[].cpu.time_seconds), sum(domains)]").evaluate(DOMAINS)
    assert "column" not in caught.value.details


def test_a_wrong_number_of_arguments_is_reported() -> None:
    with pytest.raises(
        InvalidQuery, match=r"Expected 1 argument for function length\(\), received 0"
    ):
        compile_query("query", "length()").evaluate(DOMAINS)


def test_without_jmespath_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_jmespath_dep, "JMESPATH_IMPORT_ERROR", "Traceback …")
    with pytest.raises(MissingDependency, match="python3-jmespath"):
        compile_query("query", "domains")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


# Literals of an older JMESPath draft make the library warn.
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@given(text=st.text(alphabet="ab.[]{}()*&|?<>=!'`\"@,:-01 \n", max_size=20), data=JSON)
def test_any_text_either_works_or_raises_one_error(text: str, data: t.Any) -> None:
    with contextlib.suppress(InvalidQuery):
        compile_query("query", text).evaluate(data)
