# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``choose_files``: which file in a folder is the page of a tenant. Pure.

A tenant is called as its owner likes: with spaces, slashes, in any script.
"""

from __future__ import annotations

import posixpath
import re
import typing as t

_PLAIN: t.Final = re.compile(rb"[A-Za-z0-9._-]")
_LONGEST_BYTES: t.Final = 255
_SUFFIX: t.Final = ".html"


def encode_name(name: str) -> str:
    """Return ``name`` with ``~`` and two hexadecimal digits for each byte that a file name had better not have.

    Two names are never encoded alike: ``~`` is encoded as well.
    """
    content = name.encode(errors="surrogatepass")
    return "".join(
        chr(byte)
        if _PLAIN.fullmatch(bytes([byte])) and not (index == 0 and byte == ord("."))
        else f"~{byte:02X}"
        for index, byte in enumerate(content)
    )


def choose_files(
    tenants: t.Iterable[str], folder: str, taken: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the path of each tenant's page in ``folder``, and why others have none.

    ``taken`` is the operator's page.
    """
    paths: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for tenant in tenants:
        name = f"{encode_name(tenant)}{_SUFFIX}"
        path = posixpath.join(folder, name)
        if len(name) > _LONGEST_BYTES:
            left_out[tenant] = f"its name makes a file name of {len(name)} bytes"
        elif posixpath.normpath(path) == posixpath.normpath(taken):
            left_out[tenant] = f"its page would be {taken}, which is the operator's"
        else:
            paths[tenant] = path
    return paths, left_out
