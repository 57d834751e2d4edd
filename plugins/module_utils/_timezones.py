# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``find_zone`` opens a time zone by its name in the IANA database, as the machine has it where this runs."""

from __future__ import annotations

import datetime as dt
import zoneinfo

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    InvalidInput,
    MissingDependency,
)


def find_zone(option: str, name: str) -> dt.tzinfo:
    """Return the time zone ``name``; raises InvalidInput naming ``option``, MissingDependency where there are none."""
    if name == "UTC":
        return dt.timezone.utc
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # the last of a folder: Europe
        if zoneinfo.available_timezones():
            remedy = (
                "Write a name of the IANA database, such as Europe/Berlin, America/New_York or UTC."
            )
            raise InvalidInput(option, name, "is not the name of a time zone", remedy) from None
    raise MissingDependency(
        f"{option}: {name!r} cannot be looked up, as no time zones are installed where this runs. Install tzdata (the "
        "package of the distribution, or from PyPI into the Python that runs it), or write times with their offset "
        "and leave the option out.",
        library="tzdata",
    )
