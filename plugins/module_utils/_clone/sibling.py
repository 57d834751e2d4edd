# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Another machine of the appliance that a machine was made from: what Machine.clone() has done."""

from __future__ import annotations

import dataclasses
import datetime as dt
import secrets
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
    open_catalogue,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import (
    parse_reference,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    UnsupportedBehaviour,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import SYSTEM_CLOCK, Clock

from .apply import Maker
from .model import Overrides
from .plan import CloneRequest, State, check_request
from .survey import make_plan

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._domain.defined import (
        DefinedDomain,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal

    from .apply import Row


@dataclasses.dataclass(frozen=True)
class Cloner:
    """Makes siblings of machines: as large, in the same pool, fleet and tenant, with an identity of their own.

    ``appliance_pool`` holds the catalogue, if another pool than that of the machine's first volume.
    """

    journal: Journal
    appliance_pool: str | None = None
    state: State = "running"
    clock: Clock = SYSTEM_CLOCK

    def __call__(self, domain: DefinedDomain, name: str) -> Row:
        """Return the row of the new machine; raises UnsupportedBehaviour for one that was made from no appliance."""
        request = self._request(domain, name)
        plan = make_plan(
            open_catalogue(domain.connection, self.appliance_pool or request.pool), request
        )
        if not plan.clones:
            raise Conflict(f"a machine {name!r} exists already. Choose another name.", name=name)
        created = dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        maker = Maker(
            domain.connection, plan, created, self.clock, secrets.token_bytes, self.journal
        )
        (row,) = maker.make()
        return row

    def _request(self, domain: DefinedDomain, name: str) -> CloneRequest:
        definition = domain.definition
        metadata = definition.metadata
        if metadata.appliance is None:
            raise UnsupportedBehaviour(
                "defined machine",
                f"clone {domain.name!r}, which was made from no appliance",
                "Capture it first, with headroom.libvirt.appliance and source.domain, and clone the appliance.",
            )
        appliance, version = parse_reference("appliance", metadata.appliance)
        return check_request(
            CloneRequest(
                appliance,
                version,
                names=(name,),
                pool=metadata.volumes[0].pool if metadata.volumes else "default",
                fleet=metadata.fleet,
                tenant=metadata.tenant,
                state=self.state,
                overrides=Overrides(memory_bytes=definition.memory_bytes, vcpus=definition.vcpus),
            )
        )
