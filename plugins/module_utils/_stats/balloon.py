# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.


"""How often guests report their memory: ``set_periods`` after a reading, so that the next one is fresh.

Without a period a guest's balloon driver reports once or never.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import require_lxml
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

    from .sample import DomainSample

_NO_PERIOD: t.Final = "0"  # what libvirt leaves out of the XML


def set_periods(
    connection: Connection, samples: t.Iterable[DomainSample], seconds: int, *, check_mode: bool
) -> Changes:
    """Set the period of each domain that runs and is free to; return what changed, or would, by the domain's name.

    Costs two calls a domain, and one more where the period is another one. A domain without a balloon is passed over,
    as is one that is busy or has stopped since.
    """
    require_lxml()
    changes = Changes()
    for sample in samples:
        if sample.id is None or sample.stats["timed_out"]:
            continue
        with contextlib.suppress(NotFound):
            _set_period(
                domains.look_up_uuid(connection, sample.uuid),
                seconds,
                changes,
                check_mode=check_mode,
            )
    return changes


def _set_period(
    domain: domains.Domain, seconds: int, changes: Changes, *, check_mode: bool
) -> None:
    before = read_period(domains.read_live_xml(domain))
    if before is None or before == seconds:
        return
    try:
        if not check_mode:
            domains.set_balloon_period(domain, seconds)
    except HeadroomError:
        if domains.is_active(domain):
            raise
    else:
        changes.add(domain.name(), {"balloon_period": before}, {"balloon_period": seconds})


def read_period(xml: str) -> int | None:
    """Return the period in seconds that a running definition has, 0 for none; None without a balloon that reports."""
    balloon = parse_element(xml).find("devices/memballoon")
    if balloon is None or not (balloon.get("model") or "").startswith("virtio"):
        return None
    stats = balloon.find("stats")
    return int((_NO_PERIOD if stats is None else stats.get("period")) or _NO_PERIOD)
