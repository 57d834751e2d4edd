# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The only place that imports jmespath: apart from libvirt and lxml, so that what has no queries does not load it."""

from __future__ import annotations

import traceback
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._dependency import require

JMESPATH_IMPORT_ERROR: str | None = None

try:
    import jmespath
    import jmespath.exceptions
except ImportError:
    JMESPATH_IMPORT_ERROR = traceback.format_exc()
    jmespath = t.cast(t.Any, None)


def require_jmespath() -> None:
    """Raise MissingDependency unless jmespath can be used."""
    require("jmespath", JMESPATH_IMPORT_ERROR)


__all__ = ["jmespath", "require_jmespath"]
