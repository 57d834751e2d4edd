# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""parse_size(): the bytes of a size as people write it; parse_rate(): those of a bandwidth. Pure."""

from __future__ import annotations

import fractions
import re
import typing as t

from ansible.module_utils.common.text.formatters import human_to_bytes
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

_IEC_UNIT = re.compile(r"(?<=[KMGTPE])iB$", re.IGNORECASE)
_BARE_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
MIB: t.Final = 1024**2
_MOST_BYTES: t.Final = 2**63 - 1  # of a file, and of all that libvirt takes
_DECIMAL = re.compile(r"(?P<number>[0-9.]+)\s*(?P<unit>[KMGTPE])B", re.IGNORECASE)


def parse_size(option: str, value: str) -> int:
    """Return the bytes that ``value`` says, such as ``10GiB``, ``10GB``, ``512M`` or ``4096``.

    As in libvirt: ``G`` and ``GiB`` are powers of 1024, ``GB`` is one of 1000. Raises InvalidInput naming ``option``.
    """
    try:
        return _read_bytes(value.strip())
    except (OverflowError, ValueError) as error:
        raise InvalidInput(
            option,
            value,
            "is not a size",
            "Write a number with a unit, for example 512MiB or 10GiB.",
        ) from error


def _read_bytes(text: str) -> int:
    decimal = _DECIMAL.fullmatch(text)
    if decimal is None:
        size = int(human_to_bytes(_IEC_UNIT.sub("", text)))
    else:
        factor = 1000 ** ("KMGTPE".index(decimal["unit"].upper()) + 1)
        size = int(fractions.Fraction(decimal["number"]) * factor)
    if size > _MOST_BYTES:
        raise OverflowError
    return size


def parse_rate(option: str, value: str) -> int:
    """Return the bytes a second that ``value`` says, such as ``50MiB`` or ``50MiB/s``.

    A number without a unit is in MiB/s, as everywhere in libvirt. Raises InvalidInput naming ``option``.
    """
    text = value.strip()
    amount = re.sub(r" ?/s$", "", text)
    size = parse_size(option, f"{text}MiB" if _BARE_NUMBER.fullmatch(text) else amount)
    if size <= 0:
        remedy = (
            "Write how much may be sent a second, for example 50MiB, or leave it out for no limit."
        )
        raise InvalidInput(option, value, "must be above 0", remedy)
    return size


def parse_whole_mib_rate(option: str, value: str) -> int:
    """Return a bandwidth in whole MiB/s, in which libvirt takes some; raises InvalidInput for less than one."""
    rate = parse_rate(option, value) // MIB
    if rate < 1:
        raise InvalidInput(option, value, "must be at least 1 MiB a second", "Write 1MiB or more.")
    return rate
