# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The options of a task that brings domains into a state. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._names import check_name

from .labels import Labels, read_labels

if t.TYPE_CHECKING:
    from .model import TargetState

SHUTDOWN_SECONDS: t.Final = 60.0


@dataclasses.dataclass(frozen=True)
class DomainRequest:
    """What the chosen domains shall be; None leaves a property as it is. ``timeout`` is in seconds."""

    state: TargetState | None = None
    timeout: float = SHUTDOWN_SECONDS
    force: bool = False
    remove_volumes: bool = True
    protected: bool | None = None
    autostart: bool | None = None
    labels: Labels | None = None
    in_service: bool | None = None
    parked_for: str | None = None

    @property
    def describes(self) -> bool:
        """Whether it says something of the domain that its definition keeps beside the machine itself."""
        return any(said is not None for said in (self.labels, self.in_service, self.parked_for))


def read_request(params: t.Mapping[str, t.Any]) -> DomainRequest:
    """Return the request that a module's options make; raises InvalidInput."""
    names = [field.name for field in dataclasses.fields(DomainRequest)]
    options = {name: params[name] for name in names}
    if options["parked_for"]:
        check_name("parked_for", options["parked_for"])
    return DomainRequest(**{**options, "labels": read_labels(options["labels"])})
