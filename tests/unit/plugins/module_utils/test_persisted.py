# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils import _persisted
from ansible_collections.headroom.libvirt.plugins.module_utils._persisted import UnreadableShape

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=10,
)


@dataclasses.dataclass(frozen=True)
class Shape:
    name: str
    count: int = 1
    tags: t.Sequence[str] = dataclasses.field(default_factory=tuple)


@pytest.mark.parametrize(("data", "number"), [({}, 1), ({"format": 1}, 1), ({"format": 2}, 2)])
def test_a_shape_without_a_format_is_of_the_first(data: dict[str, t.Any], number: int) -> None:
    assert _persisted.check_format(data, 2, "the record") == number


@pytest.mark.parametrize("value", [3, 0, -1, "2", None, True, 2.0])
def test_another_format_is_refused(value: object) -> None:
    with pytest.raises(UnreadableShape, match="the record"):
        _persisted.check_format({"format": value}, 2, "the record")


def test_what_is_not_known_is_passed_over_and_what_is_not_said_has_its_default() -> None:
    assert _persisted.build(Shape, {"name": "a", "novel": 1}, "it") == Shape("a")


@pytest.mark.parametrize("data", [{}, {"count": 2}, [], "name", None])
def test_what_lacks_a_value_is_refused(data: object) -> None:
    with pytest.raises(UnreadableShape, match="it "):
        _persisted.build(Shape, data, "it")


@given(JSON)
def test_no_content_raises_another_error(data: t.Any) -> None:
    try:
        shape = _persisted.build(Shape, data, "it")
    except UnreadableShape:
        return
    assert shape.name == data["name"]
