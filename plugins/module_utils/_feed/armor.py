# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""strip_signature(): a clearsigned text without its signature, for who asked for no check. Pure.

https://www.rfc-editor.org/rfc/rfc9580#name-cleartext-signature-framewor
"""

from __future__ import annotations

import typing as t

CLEARSIGNED: t.Final = b"-----BEGIN PGP SIGNED MESSAGE-----"
_MARK: t.Final = b"\xef\xbb\xbf"
_SIGNATURE: t.Final = b"-----BEGIN PGP SIGNATURE-----"


def strip_signature(text: bytes) -> bytes:
    """Return what a clearsigned ``text`` says; any other as it is."""
    if not text.removeprefix(_MARK).lstrip().startswith(CLEARSIGNED):
        return text
    lines = text.removeprefix(_MARK).lstrip().splitlines(keepends=True)
    begin = next((index for index, line in enumerate(lines) if not line.strip()), len(lines)) + 1
    end = next(
        (index for index, line in enumerate(lines) if line.startswith(_SIGNATURE)), len(lines)
    )
    return b"".join(line[2:] if line.startswith(b"- ") else line for line in lines[begin:end])
