# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The only place that imports libvirt; what wraps its calls takes ``libvirt`` from here.

A host without it must get a message that says what to install, not a stack trace, and a task that does not need it must
run without it. So the import is tried here once, and modules call ``require_libvirt`` before they connect.
"""

from __future__ import annotations

import traceback
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._dependency import require
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Unsupported

LIBVIRT_IMPORT_ERROR: str | None = None
LIBVIRT_QEMU_IMPORT_ERROR: str | None = None

try:
    import libvirt
except ImportError:
    LIBVIRT_IMPORT_ERROR = traceback.format_exc()
    libvirt = t.cast(t.Any, None)

try:
    import libvirt_qemu
except ImportError:
    LIBVIRT_QEMU_IMPORT_ERROR = traceback.format_exc()
    libvirt_qemu = t.cast(t.Any, None)

MINIMUM_LIBVIRT = (8, 0, 0)


def require_libvirt() -> None:
    """Raise MissingDependency or Unsupported unless libvirt can be used."""
    require("libvirt", LIBVIRT_IMPORT_ERROR)
    version = split_version(libvirt.getVersion())
    if version < MINIMUM_LIBVIRT:
        text, minimum = _format_version(version), _format_version(MINIMUM_LIBVIRT)
        raise Unsupported(
            f"libvirt {text} is too old: {minimum} or newer is needed. Upgrade libvirt.",
            found=text,
            minimum=minimum,
        )


def require_libvirt_qemu() -> None:
    """Raise MissingDependency unless guest agents can be asked."""
    require("libvirt_qemu", LIBVIRT_QEMU_IMPORT_ERROR)


def split_version(number: int) -> tuple[int, int, int]:
    """Split libvirt's ``major * 1000000 + minor * 1000 + release`` into its parts."""
    return number // 1_000_000, number // 1_000 % 1_000, number % 1_000


def _format_version(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)


__all__ = [
    "libvirt",
    "libvirt_qemu",
    "require_libvirt",
    "require_libvirt_qemu",
    "split_version",
]
