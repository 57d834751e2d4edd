# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``read_look`` reads what a page is to look like: its title, its logo, and the templates that come before ours."""

from __future__ import annotations

import base64
import dataclasses
import pathlib
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

_MOST_BYTES: t.Final = 128 * 1024
_KINDS: t.Final = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"<svg": "image/svg+xml",
    b"<?xml": "image/svg+xml",
}


@dataclasses.dataclass(frozen=True)
class Look:
    """A page's own ``title`` (None: that of the report), its ``logo`` as a data URI, and a folder of ``templates``."""

    title: str | None = None
    logo: str | None = None
    templates: str | None = None

    def above(self, other: Look) -> Look:
        """Return this look, with what it does not say taken of the ``other``."""
        return Look(
            self.title or other.title, self.logo or other.logo, self.templates or other.templates
        )


def read_look(option: str, row: t.Mapping[str, t.Any]) -> Look:
    """Return the look that ``row`` (``title``, ``logo``, ``templates``) names; raises InvalidInput below ``option``."""
    templates, logo = row.get("templates"), row.get("logo")
    if templates is not None and not pathlib.Path(templates).is_dir():
        remedy = "Write the path of a folder on the controller."
        raise InvalidInput(f"{option}templates", templates, "is not a folder", remedy)
    data = None if logo is None else _read_logo(f"{option}logo", logo)
    return Look(row.get("title"), data, templates)


def _read_logo(option: str, path: str) -> str:
    """Return an image as a data URI, since a page asks for nothing from elsewhere."""
    try:
        with pathlib.Path(path).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        remedy = "Write the path of an image on the controller."
        raise InvalidInput(option, path, f"cannot be read: {error.strerror}", remedy) from error
    kind = next((kind for magic, kind in _KINDS.items() if content.startswith(magic)), None)
    if kind is None or len(content) > _MOST_BYTES:
        remedy = f"Take an SVG, PNG or JPEG of at most {_MOST_BYTES // 1024} KiB."
        problem = "is no such image" if kind is None else "is too large for a page"
        raise InvalidInput(option, path, problem, remedy)
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
