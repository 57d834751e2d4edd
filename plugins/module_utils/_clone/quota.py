# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a tenant may have on a host, and what it has. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_at_least
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    InvalidInput,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._sizes import parse_size

Resource = t.Literal["machines", "vcpus", "memory_bytes", "disk_bytes"]
RESOURCES: t.Final[tuple[Resource, ...]] = t.get_args(Resource)
_OPTIONS: t.Final[t.Mapping[Resource, str]] = {"memory_bytes": "memory", "disk_bytes": "disk"}


class QuotaExceeded(HeadroomError):
    """A tenant would have more than it may. ``exceeded`` lists {resource, limit, used, wanted}."""

    kind = "quota_exceeded"


@dataclasses.dataclass(frozen=True)
class Usage:
    """What machines take together, as they are defined: a machine that is off counts, as it may be started."""

    machines: int = 0
    vcpus: int = 0
    memory_bytes: int = 0
    disk_bytes: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, name) + getattr(other, name) for name in RESOURCES))

    def __mul__(self, count: int) -> Usage:
        return Usage(*(getattr(self, name) * count for name in RESOURCES))


@dataclasses.dataclass(frozen=True)
class Quota:
    """The most that a tenant may have on a host; None is no limit."""

    machines: int | None = None
    vcpus: int | None = None
    memory_bytes: int | None = None
    disk_bytes: int | None = None

    @property
    def limits(self) -> dict[Resource, int]:
        """The limits that there are."""
        return {name: getattr(self, name) for name in RESOURCES if getattr(self, name) is not None}


def read_quota(option: t.Mapping[str, t.Any] | None, tenant: str | None) -> Quota:
    """Return the quota that the option says; raises InvalidInput for one without a tenant, or below zero."""
    limits = {key: value for key, value in (option or {}).items() if value is not None}
    if limits and tenant is None:
        raise InvalidInput("quota", limits, "needs a tenant", "Set tenant, or leave quota out.")
    for name in ("machines", "vcpus"):
        check_at_least(
            f"quota.{name}", limits.get(name, 0), 0, "machines" if name == "machines" else "vCPUs"
        )
    sizes = {
        f"{name}_bytes": parse_size(f"quota.{name}", limits[name])
        for name in ("memory", "disk")
        if name in limits
    }
    return Quota(machines=limits.get("machines"), vcpus=limits.get("vcpus"), **sizes)


def check_quota(tenant: str, quota: Quota, used: Usage, desired: Usage) -> None:
    """Raise QuotaExceeded naming tenant, limit and use when ``wanted`` is more than is left."""
    exceeded = [
        {
            "resource": name,
            "limit": limit,
            "used": getattr(used, name),
            "wanted": getattr(desired, name),
        }
        for name, limit in quota.limits.items()
        if getattr(desired, name) and getattr(used, name) + getattr(desired, name) > limit
    ]
    if exceeded:
        raise QuotaExceeded(
            f"quota: the tenant {tenant!r} may not have {desired.machines} more machines on this host: "
            f"{'; '.join(map(_describe_exceeded, exceeded))}. Make fewer or smaller ones, remove some, or raise the "
            "quota.",
            tenant=tenant,
            exceeded=exceeded,
        )


def _describe_exceeded(excess: t.Mapping[str, t.Any]) -> str:
    words = _OPTIONS.get(excess["resource"], excess["resource"])
    unit = " bytes" if excess["resource"].endswith("_bytes") else ""
    return f"{words}: {excess['used']} of {excess['limit']}{unit} are used, and {excess['wanted']} more are wanted"
