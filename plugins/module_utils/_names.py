# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Check names that become file names or stand in XML. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput

LONGEST_NAME: t.Final = 63
# What the collection keeps for itself on a host is named so: helper domains, their volumes, and the catalogue.
OWN_PREFIX: t.Final = "headroom-"
# Volumes of a host's catalogue of appliances are named so, and no machine may take one away.
APPLIANCE_PREFIX: t.Final = f"{OWN_PREFIX}appliance."

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]*")


def check_name(option: str, value: str) -> str:
    """Return ``value`` when it can name a domain, an appliance or a volume; raises InvalidInput naming ``option``."""
    return _check(option, value, _NAME, "letters, digits, '.', '_' and '-'")


def check_new_name(option: str, value: str) -> str:
    """As check_name(), for what is to be made: raises InvalidInput for a name that the collection keeps for itself."""
    if value.casefold().startswith(OWN_PREFIX):
        raise InvalidInput(
            option,
            value,
            f"begins with {OWN_PREFIX!r}, as what this collection keeps for itself does",
            "Choose another name.",
        )
    return check_name(option, value)


def is_appliance_volume(name: str) -> bool:
    """Return whether a volume is called like one of the catalogue: no machine's is, as no name has ``@`` or ``=``."""
    return name.startswith(APPLIANCE_PREFIX) and ("@" in name or "=" in name)


def check_version(option: str, value: str) -> str:
    """Return ``value`` when it can be the version of an appliance; raises InvalidInput naming ``option``."""
    return _check(option, value, _VERSION, "letters, digits, '.', '_', '-', '+' and '~'")


def _check(option: str, value: str, allowed: re.Pattern[str], characters: str) -> str:
    if not allowed.fullmatch(value) or ".." in value or len(value) > LONGEST_NAME:
        raise InvalidInput(
            option,
            value,
            "cannot be used as a name, since it becomes part of file names",
            f"Write 1 to {LONGEST_NAME} {characters}, beginning with a letter or digit, without '..'.",
        )
    return value
