# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import element_xml


@pytest.mark.parametrize(
    ("text", "numbers"), [("", []), ("0-3,^2, 8", [0, 1, 3, 8]), ("16384", [16384]), ("3-1", [])]
)
def test_a_list_of_cpus(text: str, numbers: list[int]) -> None:
    assert element_xml.parse_cpus(text) == numbers


@pytest.mark.parametrize("text", ["0-99999999999", "16385", "a", "1-b", "\u0663", "9" * 5000, "-"])
def test_no_list_of_cpus_takes_more_memory_than_there_is(text: str) -> None:
    with pytest.raises(HeadroomError, match=r"^XML: a list of CPUs "):
        element_xml.parse_cpus(text)


@pytest.mark.parametrize(
    ("xml", "size"),
    [
        ("<memory/>", 0),
        ("<memory> 7 </memory>", 7168),
        ("<memory unit='GB'>2</memory>", 2 * 10**9),
        ("<memory unit='b'>2</memory>", 2),
    ],
)
def test_a_size_has_a_unit(xml: str, size: int) -> None:
    assert element_xml.read_size_bytes(element_xml.parse_element(xml)) == size
    assert element_xml.read_size_bytes(None) == 0


@pytest.mark.parametrize(
    ("xml", "problem"),
    [
        ("<memory unit='parsec'>1</memory>", "has the unit 'parsec'"),
        ("<memory>many</memory>", "<memory> says 'many', which is not a number"),
        ("<memory>-1</memory>", "is not a number"),
        ("<memory>" + "9" * 5000 + "</memory>", "is not a number"),
    ],
)
def test_a_size_that_is_none_is_refused_by_name(xml: str, problem: str) -> None:
    with pytest.raises(HeadroomError, match=problem) as caught:
        element_xml.read_size_bytes(element_xml.parse_element(xml))
    assert len(caught.value.message) < 200
