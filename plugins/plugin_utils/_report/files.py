# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``choose_files``: which files in a folder are a tenant's: its page, and the data beside it. Pure.

A tenant is called as its owner likes: with spaces, slashes, in any script.
"""

from __future__ import annotations

import posixpath
import re
import typing as t

_PLAIN: t.Final = re.compile(rb"[A-Za-z0-9._-]")
_LONGEST_BYTES: t.Final = 255
PAGE: t.Final = ".html"


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
    contents: t.Mapping[str, t.Mapping[str, str]], folder: str, taken: t.Collection[str]
) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Return the files of each tenant by their paths in ``folder``, and why others have none.

    ``contents`` are those files by what their names end in, of each tenant; ``taken`` are the paths of the operator's.
    """
    files: dict[str, dict[str, str]] = {}
    left_out: dict[str, str] = {}
    normal = {posixpath.normpath(path): path for path in taken}
    for tenant, texts in contents.items():
        base = posixpath.join(folder, encode_name(tenant))
        paths = {f"{base}{suffix}": text for suffix, text in texts.items()}
        longest = max(len(posixpath.basename(path)) for path in paths)
        clash = next((path for path in map(posixpath.normpath, paths) if path in normal), None)
        if longest > _LONGEST_BYTES:
            left_out[tenant] = f"its name makes a file name of {longest} bytes"
        elif clash is not None:
            what = "page" if clash.endswith(PAGE) else "data"
            left_out[tenant] = f"its {what} would be {normal[clash]}, which is the operator's"
        else:
            files[tenant] = paths
    return files, left_out


def name_beside(page: str, suffix: str) -> str:
    """Return the path of data beside a page: ``report.html`` has ``report.json``."""
    return f"{page.removesuffix(PAGE)}{suffix}"
