# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What strangers may write: mutations that begin with good files and spoil them, in their bytes or in their structure.

Each is made of seeds, and called with a source of chance it returns one input; what knows a structure spoils the bytes
now and then, too. Hypothesis makes some fifty such inputs a second, this some thousands: here that is what counts.
"""

from __future__ import annotations

import copy
import json
import random
import struct
import typing as t

from lxml import etree

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Spoil = t.Callable[[random.Random], bytes]

_MOST_EDITS: t.Final = 5
_DEEPEST: t.Final = 3
_SPOILT_SHARE: t.Final = 0.2
_NUMBERS: t.Final = (
    0,
    1,
    7,
    8,
    511,
    512,
    2**15,
    2**16,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63,
    2**64 - 1,
)
_LAYOUTS: t.Final = ("B", ">H", "<I", ">I", "<Q", ">Q")
_HOSTILE_NUMBERS: t.Final = (
    "-1",
    "0",
    "1e400",
    "9" * 20,
    "9" * 40,
    "9" * 5000,
    "0x10",
    "1_000",
    "0" * 19 + "1" * 5000,
)
_HOSTILE_DIGITS: t.Final = (
    "\u00b2",
    "\u0663",
    "\u0967\u0968",
    "\u2460",
    "NaN",
    "-Infinity",
    "+5",
    " 7 ",
    "1.5",
    "",
)
_HOSTILE_PATHS: t.Final = (
    "../../etc/shadow",
    "/etc/shadow",
    "file:/etc/shadow",
    "a//b",
    "http://[::1",
    "//[",
    "json:{}",
)
_HOSTILE_WORDS: t.Final = (
    "\0",
    "\x1b[31m",
    "\u202e",
    "\ufeff",
    "\ufffe",
    "\U0001f600",
    "{{ 7*7 }}",
    "%s%n",
    "a" * 9000,
)
_TEXTS: t.Final = (*_HOSTILE_NUMBERS, *_HOSTILE_DIGITS, *_HOSTILE_PATHS, *_HOSTILE_WORDS)
_VALUES: t.Final[tuple[t.Any, ...]] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    10**30,
    1e308,
    float("nan"),
    float("inf"),
    [],
    {},
    [[]],
    {"a": {}},
    "\ud800",
)


def spoil_bytes(seeds: Sequence[bytes]) -> Spoil:
    """Return seeds of which bytes were changed, cut, doubled, or taken from another one."""

    def spoil(chance: random.Random) -> bytes:
        return _edit_bytes(chance, chance.choice(seeds))

    return spoil


def _edit_bytes(chance: random.Random, seed: bytes) -> bytes:
    content = bytearray(seed)
    for _edit in range(chance.randint(1, _MOST_EDITS)):
        start, length = chance.randint(0, len(content)), chance.randint(0, 16)
        content[start : start + length] = _choose_piece(chance, content[start : start + length])
    return bytes(content)


def _choose_piece(chance: random.Random, piece: bytearray) -> bytes:
    number = chance.randrange(5)
    if number == 0:
        return chance.randbytes(chance.randint(1, 8))
    if number == 1:
        return _pack(chance.choice(_LAYOUTS), chance.choice(_NUMBERS))
    if number == 2:
        return _encode(chance.choice(_TEXTS))
    return bytes(piece) * 3 if number == 3 else b""


def _pack(layout: str, number: int) -> bytes:
    return struct.pack(layout, number % 256 ** struct.calcsize(layout))


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _mix(spoil: Spoil) -> Spoil:
    """Return ``spoil``, of whose inputs some are spoilt in their bytes besides."""

    def spoil_both(chance: random.Random) -> bytes:
        content = spoil(chance)
        return _edit_bytes(chance, content) if chance.random() < _SPOILT_SHARE else content

    return spoil_both


def spoil_fields(seeds: Sequence[bytes], layouts: Sequence[tuple[int, str]]) -> Spoil:
    """Return seeds in which numbers of a binary header, (offset, code of struct) each, say something else."""

    def spoil(chance: random.Random) -> bytes:
        content = bytearray(chance.choice(seeds))
        for offset, layout in chance.choices(layouts, k=chance.randint(0, _MOST_EDITS)):
            size = struct.calcsize(layout)
            if offset + size <= len(content):
                number = chance.choice((*_NUMBERS, chance.getrandbits(8 * size)))
                content[offset : offset + size] = _pack(layout, number)
        return bytes(content)

    return _mix(spoil)


def spoil_lines(seeds: Sequence[bytes]) -> Spoil:
    """Return texts of which lines, or words of them, were changed, left out, doubled or taken from another seed."""
    every = [line for seed in seeds for line in seed.splitlines(keepends=True)]

    def spoil(chance: random.Random) -> bytes:
        lines = chance.choice(seeds).splitlines(keepends=True)
        for _edit in range(chance.randint(1, _MOST_EDITS)):
            index = chance.randint(0, len(lines))
            line = b"".join(lines[index : index + 1])
            cut, text = chance.randint(0, len(line)), _encode(chance.choice(_TEXTS))
            lines[index : index + 1] = chance.choice(
                (
                    [],
                    [line, line],
                    [line[:cut] + text + line[cut:]],
                    [line[:cut] + text + b"\n"],
                    [b" " + line],
                    [line.rstrip() + b"\r"],
                    [line, chance.choice(every)],
                )
            )
        return b"".join(lines)

    return _mix(spoil)


def spoil_json(seeds: Sequence[bytes]) -> Spoil:
    """Return JSON of which values have another type or value, or keys another name."""
    trees = [json.loads(seed) for seed in seeds]
    words = [word for tree in trees for word in _list_words(tree)]

    def spoil(chance: random.Random) -> bytes:
        tree = copy.deepcopy(chance.choice(trees))
        for _edit in range(chance.randint(0, _MOST_EDITS)):
            _edit_json(chance, tree, words)
        return _encode(json.dumps(tree))

    return _mix(spoil)


def _edit_json(chance: random.Random, tree: t.Any, words: list[str]) -> None:
    places = list(_list_places(tree))
    if not places:
        return
    container, key = chance.choice(places)
    action = chance.randrange(6)
    if action == 0:
        del container[key]
    elif action == 1:
        container[key] = [container[key]] * 2
    elif action == 2:
        other, other_key = chance.choice(places)
        container[key] = copy.deepcopy(other[other_key])
    elif action == 3 and isinstance(container, dict):
        container[chance.choice((*_TEXTS, *words))] = container.pop(key)
    else:
        container[key] = _choose_value(chance, words)


def _choose_value(chance: random.Random, words: list[str], depth: int = 0) -> t.Any:
    number = chance.randrange(8)
    if number == 0 and depth < _DEEPEST:
        return [_choose_value(chance, words, depth + 1) for _item in range(chance.randint(0, 3))]
    if number == 1 and depth < _DEEPEST:
        return {chance.choice(words): _choose_value(chance, words, depth + 1)}
    return copy.deepcopy(chance.choice((_VALUES, _TEXTS, words)[number % 3]))


def _list_words(tree: t.Any) -> Iterator[str]:
    for container, key in _list_places(tree):
        if isinstance(key, str):
            yield key
        if isinstance(container[key], str):
            yield container[key]


def _list_places(tree: t.Any) -> Iterator[tuple[t.Any, t.Any]]:
    """Yield (container, key or index) of everything that stands in ``tree``."""
    pending = [tree]
    while pending:
        container = pending.pop()
        for key in list(container) if isinstance(container, dict) else range(len(container)):
            yield container, key
            if isinstance(container[key], (dict, list)):
                pending.append(container[key])


class _Parts(t.NamedTuple):
    """What stands in the seeds, and what strangers may put there."""

    elements: list[etree._Element]
    tags: list[str]
    names: list[str]
    values: list[str]


def spoil_xml(seeds: Sequence[bytes]) -> Spoil:
    """Return XML of which elements, attributes and texts were changed, left out, doubled or put elsewhere."""
    roots = [etree.fromstring(seed) for seed in seeds]
    elements = [element for root in roots for element in _list_elements(root)]
    texts = [element.text or "" for element in elements]
    texts += [str(value) for element in elements for value in element.attrib.values()]
    parts = _Parts(
        elements=elements,
        tags=[str(element.tag) for element in elements],
        names=[str(name) for element in elements for name in element.attrib] or ["type"],
        values=[*map(_make_printable, _TEXTS)] * 3 + texts,
    )

    def spoil(chance: random.Random) -> bytes:
        root = copy.deepcopy(chance.choice(roots))
        for _edit in range(chance.randint(0, _MOST_EDITS)):
            chance.choice(_XML_EDITS)(chance, chance.choice(_list_elements(root)), parts)
        return etree.tostring(root)

    return _mix(spoil)


def _change_attribute(chance: random.Random, element: etree._Element, parts: _Parts) -> None:
    names = [str(name) for name in element.attrib] or parts.names
    element.set(chance.choice(names), chance.choice(parts.values))


def _add_attribute(chance: random.Random, element: etree._Element, parts: _Parts) -> None:
    element.set(chance.choice(parts.names), chance.choice(parts.values))


def _change_text(chance: random.Random, element: etree._Element, parts: _Parts) -> None:
    element.text = chance.choice(parts.values)


def _change_tag(chance: random.Random, element: etree._Element, parts: _Parts) -> None:
    element.tag = chance.choice(parts.tags)


def _drop(_chance: random.Random, element: etree._Element, _parts: _Parts) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _take_from_elsewhere(chance: random.Random, element: etree._Element, parts: _Parts) -> None:
    element.append(copy.deepcopy(chance.choice(parts.elements)))


def _add_remark(chance: random.Random, element: etree._Element, _parts: _Parts) -> None:
    remark = chance.choice((etree.Comment("x"), etree.ProcessingInstruction("x", "y")))
    element.insert(0, remark)


_XML_EDITS: t.Final[tuple[Callable[[random.Random, etree._Element, _Parts], None], ...]] = (
    _change_attribute,
    _add_attribute,
    _change_text,
    _change_tag,
    _drop,
    _take_from_elsewhere,
    _add_remark,
)


def _list_elements(root: etree._Element) -> list[etree._Element]:
    return [element for element in root.iter() if isinstance(element.tag, str)]


def _make_printable(text: str) -> str:
    """Return what XML can hold of a text."""
    return "".join(letter for letter in text if letter >= " " and letter not in "\ufffe\uffff")
