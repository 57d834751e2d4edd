# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Parse, read and write XML of any kind, with entities, DTDs and the network off. Pure; all XML is parsed here."""

from __future__ import annotations

import functools
import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree

# https://libvirt.org/formatdomain.html#memory-allocation: k, KiB, M, … are binary; KB, MB, … are decimal.
_DIGITS: t.Final = re.compile(r"[0-9]{1,20}")
_SHOWN: t.Final = 40
# The most that libvirt itself takes (VIR_DOMAIN_CPUMASK_LEN).
_HIGHEST_CPU: t.Final = 16384
_POWERS: t.Final = {letter: power for power, letter in enumerate("kmgtpe", start=1)}
_UNITS: t.Final[dict[str, int]] = {
    "b": 1,
    "bytes": 1,
    **{letter: 1024**power for letter, power in _POWERS.items()},
    **{f"{letter}ib": 1024**power for letter, power in _POWERS.items()},
    **{f"{letter}b": 1000**power for letter, power in _POWERS.items()},
}


def parse_element(text: str) -> etree._Element:
    """Return the root of ``text``, parsed with entities, DTDs and the network off; raises HeadroomError."""
    try:
        return etree.fromstring(text.encode(), _make_parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        raise HeadroomError(f"XML could not be parsed: {error}") from error


@functools.cache
def _make_parser() -> etree.XMLParser:
    # One for all: making a parser takes longer than most definitions take to be parsed.
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_blank_text=True
    )


def serialise(element: etree._Element) -> str:
    """Return the XML text of ``element``."""
    return etree.tostring(element, encoding="unicode", pretty_print=True)


def read_attribute(element: etree._Element | None, name: str) -> str:
    """Return an attribute of ``element``; nothing if it has none, or there is no element."""
    return "" if element is None else element.get(name, "")


def iterate_elements(root: etree._Element) -> t.Iterator[etree._Element]:
    """Yield ``root`` and all elements below it, in the order of the text; no comments, no instructions."""
    return (element for element in root.iter() if isinstance(element.tag, str))


def map_children(element: etree._Element | None) -> dict[str, etree._Element]:
    """Return the first child of each name: one pass instead of a search for each."""
    return {} if element is None else {str(child.tag): child for child in reversed(element)}


def iterate_children(element: etree._Element | None, tag: str) -> t.Iterator[etree._Element]:
    """Return the children of that name, none where there is no element."""
    return iter(()) if element is None else element.iterchildren(tag)


def drop_elements(root: etree._Element, *paths: str) -> None:
    """Take the elements at these paths out."""
    for path in paths:
        for element in root.findall(path):
            parent = element.getparent()
            if parent is not None:
                parent.remove(element)


def read_text(element: etree._Element | None) -> str | None:
    """Return the text of ``element``, None where there is no element."""
    return None if element is None else element.text or ""


def read_size_bytes(element: etree._Element | None, default_unit: str = "KiB") -> int:
    """Return the bytes that an element with a ``unit`` attribute says, 0 without element; raises HeadroomError."""
    text = (read_text(element) or "").strip()
    if element is None or not text:
        return 0
    unit = element.get("unit", default_unit)
    if unit.lower() not in _UNITS:
        raise HeadroomError(f"XML: <{element.tag!s}> has the unit {unit[:_SHOWN]!r}, which is none")
    return parse_number(text, f"<{element.tag!s}>") * _UNITS[unit.lower()]


def parse_number(text: str, what: str) -> int:
    """Return a whole number of 0 or more that ``what`` says; raises HeadroomError."""
    stripped = text.strip()
    if not _DIGITS.fullmatch(stripped):
        raise HeadroomError(f"XML: {what} says {text[:_SHOWN]!r}, which is not a number")
    return int(stripped)


def parse_cpus(text: str) -> list[int]:
    """Return the numbers that libvirt's notation ``0-3,^2,8`` stands for, sorted; raises HeadroomError."""
    numbers: set[int] = set()
    for part in filter(None, (part.strip() for part in text.split(","))):
        first, _dash, last = part.lstrip("^").partition("-")
        start, stop = (parse_number(digits, "a list of CPUs") for digits in (first, last or first))
        if stop > _HIGHEST_CPU:
            raise HeadroomError(f"XML: a list of CPUs names {stop}, which no host has")
        part_numbers = range(start, stop + 1)
        numbers = (
            numbers.difference(part_numbers) if part[0] == "^" else numbers.union(part_numbers)
        )
    return sorted(numbers)


def format_cpus(numbers: t.Iterable[int]) -> str:
    """Return numbers in libvirt's notation, such as ``0-1,3``."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and spans[-1][-1] == number - 1:
            spans[-1][-1:] = [number]
        else:
            spans.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
