# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Python compiles of a source in a zip archive is kept for the next that has the same source. See tools/warm.py.

Python keeps no bytecode of what it imports from an archive, and a module comes as one: each task compiled it anew.
"""

from __future__ import annotations

import _imp
import hashlib
import marshal
import os
import sys
import types
import typing as t
import zipimport

FOLDER: t.Final = os.environ.get("HEADROOM_KEPT_BYTECODE", "/var/cache/headroom-kept-bytecode")
_compile: t.Final = zipimport._compile_source  # type: ignore[attr-defined]


def compile_once(path: str, source: bytes) -> types.CodeType:
    """Return the code of a source that was read at ``path``, in place of the function of zipimport."""
    digest = hashlib.blake2b(source, digest_size=20).hexdigest()
    name = (
        f"{FOLDER}/{digest}.{sys.implementation.cache_tag}"  # a controller may have several Pythons
    )
    try:
        with open(name, "rb") as kept:  # noqa: PTH123 - pathlib takes longer to import than this saves
            code: types.CodeType = marshal.loads(kept.read())  # noqa: S302 - root's own
    except OSError:  # not yet there, or root's where another user asks
        code = _compile(path, source)
        _keep(name, code)
        return code
    _imp._fix_co_filename(code, path)  # type: ignore[attr-defined]
    return code


def _keep(name: str, code: types.CodeType) -> None:
    partial = f"{name}.{os.getpid()}"
    try:
        with open(partial, "wb") as kept:  # noqa: PTH123
            kept.write(marshal.dumps(code))
        os.replace(partial, name)  # noqa: PTH105 - whole or not at all
    except OSError:  # another user, or a full disk: the next task compiles it again
        return


zipimport._compile_source = compile_once  # type: ignore[attr-defined]
