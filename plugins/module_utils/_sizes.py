# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Sizes as people write them."""

from __future__ import annotations

import re

from ansible.module_utils.common.text.formatters import human_to_bytes
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

_IEC_UNIT = re.compile(r"(?<=[KMGTPE])iB$", re.IGNORECASE)


def parse_size(option: str, value: str) -> int:
    """Return the bytes that ``value`` says, such as ``10GiB``, ``512M`` or ``4096``.

    Every unit is a power of 1024, ``GB`` too, as everywhere in Ansible. Raises InvalidInput naming ``option``.
    """
    try:
        size = human_to_bytes(_IEC_UNIT.sub("", value.strip()))
    except ValueError as error:
        raise InvalidInput(
            option, value, "is not a size", "Write a number with a unit, for example 512MiB or 10GiB."
        ) from error
    return int(size)
