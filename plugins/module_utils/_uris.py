# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What the URIs of hosts and feeds say by themselves, and what of them may be shown. Pure."""

from __future__ import annotations

import re
import typing as t
from urllib.parse import urlsplit

_SECRET_IN_URI: t.Final = re.compile(r"(?P<user>//[^/@:]*):(?P<password>[^/@]*)@")


def mask_uri(uri: str) -> str:
    """Return ``uri`` with its password, if it has one, replaced."""
    return _SECRET_IN_URI.sub(r"\g<user>:***@", uri)


def find_passwords(options: object) -> set[str]:
    """Return the passwords in all URIs among ``options``, however deep they lie."""
    found: set[str] = set()
    left = [options]
    while left:
        option = left.pop()
        if isinstance(option, str):
            found.update(match.group("password") for match in _SECRET_IN_URI.finditer(option))
        elif isinstance(option, dict):
            left.extend(option.values())
        elif isinstance(option, (list, tuple)):
            left.extend(option)
    return found - {""}


def leads_here(uri: str) -> bool:
    """Return whether a libvirt ``uri`` leads to the machine where this runs, so that files of its host are files here.

    A socket of one's own may be the end of a tunnel.
    """
    return not urlsplit(uri).netloc and "socket=" not in uri
