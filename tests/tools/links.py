# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks the links between the pages of a built site, offline: `python3 -m tools.links docs/build/build/html`."""

from __future__ import annotations

import html.parser
import sys
import typing as t
import urllib.parse
from pathlib import Path


class _Page(html.parser.HTMLParser):
    """What a page links to, and which places in it others may link to."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in an element."""
        for name, value in attrs:
            if value is None:
                continue
            if name in {"id", "name"}:
                self.anchors.add(value)
            elif name in {"href", "src"}:
                self.links.append(value)


def read_page(path: Path) -> _Page:
    """Return the links and anchors of a page."""
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def find_broken(site: Path) -> list[str]:
    """Return a line for each link within the site that leads nowhere."""
    pages = {path.resolve(): read_page(path) for path in sorted(site.rglob("*.html"))}
    return [
        f"{path.relative_to(site.resolve())}: {link}"
        for path, page in pages.items()
        for link in page.links
        if not _leads_somewhere(path, link, pages)
    ]


def _leads_somewhere(path: Path, link: str, pages: t.Mapping[Path, _Page]) -> bool:
    parts = urllib.parse.urlsplit(link)
    if parts.scheme or parts.netloc:
        return True  # elsewhere, which is not asked
    target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
    if target not in pages:
        return target.is_file()
    anchor = urllib.parse.unquote(parts.fragment)
    return not anchor or anchor in pages[target].anchors


if __name__ == "__main__":
    broken = find_broken(Path(sys.argv[1]))
    sys.exit("\n".join([*broken, f"{len(broken)} links lead nowhere"]) if broken else 0)
