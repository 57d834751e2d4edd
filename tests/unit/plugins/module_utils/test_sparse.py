# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._sparse import SparseDigest

BLOCK = 64 * 1024
LENGTHS = st.one_of(st.integers(0, 9), st.integers(BLOCK - 3, BLOCK + 3), st.integers(0, 3 * BLOCK))
PIECES = st.lists(st.tuples(st.booleans(), LENGTHS), max_size=6)


def read(content: bytes, cuts: list[tuple[bool, int]]) -> str:
    """Take the content in pieces; those that are zero as holes, where a cut says so."""
    digest, position = SparseDigest(), 0
    for as_hole, length in [*cuts, (False, len(content))]:
        piece = content[position : position + length]
        position += len(piece)
        if as_hole and not any(piece):
            digest.add_hole(len(piece))
        else:
            digest.add(piece)
    assert digest.size_bytes == len(content)
    return digest.hex()


def build(pieces: list[tuple[bool, int]]) -> bytes:
    return b"".join((b"x" if is_data else bytes(1)) * length for is_data, length in pieces)


@given(pieces=PIECES, cuts=PIECES, others=PIECES)
def test_how_a_file_is_read_and_where_its_holes_are_makes_no_difference(
    pieces: list[tuple[bool, int]], cuts: list[tuple[bool, int]], others: list[tuple[bool, int]]
) -> None:
    content = build(pieces)
    assert read(content, cuts) == read(content, others)


@given(pieces=PIECES, others=PIECES)
def test_two_files_differ(pieces: list[tuple[bool, int]], others: list[tuple[bool, int]]) -> None:
    one, other = build(pieces), build(others)
    assert (read(one, []) == read(other, [])) == (one == other)


def test_a_single_byte_and_a_longer_end_are_noticed() -> None:
    content = bytes(5 * BLOCK)
    changed = bytearray(content)
    changed[3 * BLOCK + 7] = 1
    digests = {read(bytes(one), []) for one in (content, changed, content + bytes(1), content[1:])}
    assert len(digests) == 4


def test_a_large_hole_costs_nothing() -> None:
    digest = SparseDigest()
    digest.add_hole(1 << 50)
    digest.add(b"end")
    assert digest.size_bytes == (1 << 50) + 3
