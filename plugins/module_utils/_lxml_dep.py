# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The only place that imports lxml: what reads XML takes ``etree`` from here, once ``require_lxml`` was called."""

from __future__ import annotations

import traceback
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._dependency import require

LXML_IMPORT_ERROR: str | None = None

try:
    from lxml import etree
except ImportError:
    LXML_IMPORT_ERROR = traceback.format_exc()
    etree = t.cast(t.Any, None)


def require_lxml() -> None:
    """Raise MissingDependency unless lxml can be used."""
    require("lxml", LXML_IMPORT_ERROR)


__all__ = ["LXML_IMPORT_ERROR", "etree", "require_lxml"]
