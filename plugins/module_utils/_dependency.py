# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""require(): say what to install when a library is missing; called by the one file that imports it."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import MissingDependency

_PACKAGES: t.Final = {
    "libvirt": "Debian and Ubuntu: python3-libvirt; Fedora and RHEL: python3-libvirt; PyPI: libvirt-python",
    "libvirt_qemu": "a part of libvirt-python; Debian and Ubuntu: python3-libvirt; Fedora and RHEL: python3-libvirt",
    "lxml": "Debian and Ubuntu: python3-lxml; Fedora and RHEL: python3-lxml; PyPI: lxml",
    "jmespath": "Debian and Ubuntu: python3-jmespath; Fedora and RHEL: python3-jmespath; PyPI: jmespath",
}


def require(library: str, import_traceback: str | None) -> None:
    """Raise MissingDependency if there is a traceback of the library's import."""
    if import_traceback is not None:
        raise MissingDependency(
            f"{missing_required_lib(library)}. It is packaged as: {_PACKAGES[library]}.",
            import_traceback=import_traceback,
            library=library,
        )
