# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables of reStructuredText that are made from code: `build_table`, and `Section`, the place in a guide for them."""

from __future__ import annotations

import dataclasses
import textwrap
import typing as t

from tools.checkout import ROOT

if t.TYPE_CHECKING:
    from pathlib import Path

_GUIDES: t.Final = ROOT / "docs" / "docsite" / "rst"


def build_table(
    header: t.Sequence[str], widths: t.Sequence[int], rows: t.Iterable[t.Sequence[str]]
) -> str:
    """Return a table; ``widths`` are shares of the columns."""
    lines = [
        ".. list-table::",
        "   :header-rows: 1",
        f"   :widths: {' '.join(map(str, widths))}",
        "",
        *_build_row(header),
    ]
    for row in rows:
        lines += _build_row(row)
    return "\n".join(lines) + "\n"


def _build_row(cells: t.Sequence[str]) -> t.Iterator[str]:
    for index, cell in enumerate(cells):
        first = "   * - " if index == 0 else "     - "
        yield from textwrap.wrap(
            cell, 118, initial_indent=first, subsequent_indent="       ", break_on_hyphens=False
        ) or [first.rstrip()]


@dataclasses.dataclass(frozen=True)
class Section:
    """What stands between two comments of a guide; ``what`` names it there, ``tool`` the module that writes it."""

    guide: str
    what: str
    tool: str

    @property
    def _path(self) -> Path:
        return _GUIDES / self.guide

    @property
    def _begin(self) -> str:
        return f".. {self.what}: written by ``python3 -m tools.{self.tool}``\n"

    @property
    def _end(self) -> str:
        return f"\n.. end of the {self.what}\n"

    def read(self) -> str:
        """Return what the guide shows."""
        text = self._path.read_text(encoding="utf-8")
        return text.partition(self._begin)[2].partition(self._end)[0].lstrip("\n")

    def write(self, content: str) -> None:
        """Put ``content`` there."""
        before, rest = self._path.read_text(encoding="utf-8").split(self._begin)
        after = rest.split(self._end)[1]
        text = f"{before}{self._begin}\n{content}{self._end}{after}"
        self._path.write_text(text, encoding="utf-8")
