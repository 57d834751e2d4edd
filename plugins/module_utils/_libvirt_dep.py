# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The only place that imports libvirt and lxml; _jmespath_dep.py does the same for jmespath, which few tasks need.

A host without one of them must get a message that says what to install, not a stack trace, and a task that
does not need a library must run without it. So imports are tried here once and asserted by who uses them.
"""

from __future__ import annotations

import traceback
import typing as t

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import MissingDependency, Unsupported

LIBVIRT_IMPORT_ERROR: str | None = None
LIBVIRT_QEMU_IMPORT_ERROR: str | None = None
LXML_IMPORT_ERROR: str | None = None

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

try:
    from lxml import etree
except ImportError:
    LXML_IMPORT_ERROR = traceback.format_exc()
    etree = t.cast(t.Any, None)

MINIMUM_LIBVIRT = (8, 0, 0)

_PACKAGES = {
    "libvirt": "Debian and Ubuntu: python3-libvirt; Fedora and RHEL: python3-libvirt; PyPI: libvirt-python",
    "libvirt_qemu": "a part of libvirt-python; Debian and Ubuntu: python3-libvirt; Fedora and RHEL: python3-libvirt",
    "lxml": "Debian and Ubuntu: python3-lxml; Fedora and RHEL: python3-lxml; PyPI: lxml",
    "jmespath": "Debian and Ubuntu: python3-jmespath; Fedora and RHEL: python3-jmespath; PyPI: jmespath",
}


def require_libvirt() -> None:
    """Raise MissingDependency or Unsupported unless libvirt can be used."""
    require("libvirt", LIBVIRT_IMPORT_ERROR)
    version = split_version(libvirt.getVersion())
    if version < MINIMUM_LIBVIRT:
        raise Unsupported(
            f"libvirt {_dotted(version)} is too old: {_dotted(MINIMUM_LIBVIRT)} or newer is needed. Upgrade libvirt.",
            found=_dotted(version),
            minimum=_dotted(MINIMUM_LIBVIRT),
        )


def require_libvirt_qemu() -> None:
    """Raise MissingDependency unless guest agents can be asked."""
    require("libvirt_qemu", LIBVIRT_QEMU_IMPORT_ERROR)


def require_lxml() -> None:
    """Raise MissingDependency unless lxml can be used."""
    require("lxml", LXML_IMPORT_ERROR)


def split_version(number: int) -> tuple[int, int, int]:
    """Split libvirt's ``major * 1000000 + minor * 1000 + release`` into its parts."""
    return number // 1_000_000, number // 1_000 % 1_000, number % 1_000


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)


def require(library: str, import_traceback: str | None) -> None:
    """Raise MissingDependency if there is a traceback of the library's import."""
    if import_traceback is not None:
        raise MissingDependency(
            f"{missing_required_lib(library)}. It is packaged as: {_PACKAGES[library]}.",
            import_traceback=import_traceback,
            library=library,
        )


__all__ = [
    "etree",
    "libvirt",
    "libvirt_qemu",
    "require",
    "require_libvirt",
    "require_libvirt_qemu",
    "require_lxml",
    "split_version",
]
