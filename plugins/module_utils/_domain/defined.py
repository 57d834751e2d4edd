# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""A domain that libvirt defines, with attributes that persist: reading one asks libvirt, setting one is durable."""

from __future__ import annotations

import contextlib
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict, NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domain_xml,
    domains,
    states,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import format_time
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import Standing

from .labels import Description, relabel
from .model import Observed, read_situation

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import Metadata

    from .labels import Labels


class DefinedDomain:
    """A domain of the host that ``connection`` leads to."""

    def __init__(self, connection: Connection, domain: domains.Domain) -> None:
        self.connection = connection
        self.domain = domain

    @property
    def name(self) -> str:
        """The domain's name."""
        return self.domain.name()

    @property
    def uuid(self) -> str:
        """The domain's UUID."""
        return self.domain.UUIDString()

    @property
    def definition(self) -> domain_xml.Definition:
        """The persistent definition, read now."""
        return domains.read_definition(self.domain)

    @property
    def metadata(self) -> Metadata:
        """Our metadata, read now. Setting it writes the definition and the running domain."""
        return domains.read_metadata(self.domain)

    @metadata.setter
    def metadata(self, value: Metadata) -> None:
        domains.set_metadata(self.domain, value)

    @property
    def autostart(self) -> bool:
        """Whether the domain starts with its host. Setting it is durable."""
        return domains.has_autostart(self.domain)

    @autostart.setter
    def autostart(self, value: bool) -> None:
        domains.set_autostart(self.domain, value)

    def describe(self) -> Description:
        """Return what is said of the domain now."""
        definition = self.definition
        return Description(self.metadata, definition.title, definition.description)

    def put_labels(self, labels: Labels) -> None:
        """Put the labels over what is said of the domain, in its definition and while it runs."""
        self.metadata = relabel(self.metadata, labels)
        if labels.title is not None:
            domains.set_title(self.domain, labels.title or None)
        if labels.description is not None:
            domains.set_description(self.domain, labels.description or None)

    def put_standing(self, *, in_service: bool) -> None:
        """Record that the domain is in service from now on, or is not."""
        since = format_time(time.time())
        self.metadata = self.metadata._replace(standing=Standing(in_service, since))

    def put_claim(self, fleet: str | None) -> None:
        """Record for which fleet the domain is parked; None for none."""
        self.metadata = self.metadata._replace(parked_for=fleet)

    def observe(self) -> Observed:
        """Return what the host says of the domain now."""
        number, _reason = domains.read_state(self.domain)
        state = states.state_name(number)
        saved = state == "shutoff" and domains.has_saved_memory(self.domain)
        return Observed(
            name=self.name,
            uuid=self.uuid,
            situation=read_situation(state, saved=saved),
            persistent=domains.is_persistent(self.domain),
            protected=self.metadata.protected,
        )


def look_up(connection: Connection, name: str, uuid: str | None = None) -> DefinedDomain:
    """Return the domain that ``connection``'s host calls ``name``.

    Raises NotFound; and Conflict where the domain of that name is not the one that has ``uuid``, or that one has
    another name by now.
    """
    try:
        domain = DefinedDomain(connection, domains.look_up(connection, name))
    except NotFound:
        if uuid is not None:
            _refuse_if_renamed(connection, name, uuid)
        raise
    if uuid is not None and domain.uuid != uuid:
        raise Conflict(
            f"{name!r} on {connection.uri} is another machine by now: its UUID is {domain.uuid}, not {uuid}. Read the "
            "machines of the host again, and hand in the row that it has now.",
            uri=connection.uri,
            name=name,
            uuid=domain.uuid,
            expected_uuid=uuid,
        )
    return domain


def _refuse_if_renamed(connection: Connection, name: str, uuid: str) -> None:
    with contextlib.suppress(NotFound):
        new_name = domains.look_up_uuid(connection, uuid).name()
        raise Conflict(
            f"the machine {uuid} on {connection.uri} is not called {name!r} any more, but {new_name!r}. Read the "
            "machines of the host again, and hand in the row that it has now.",
            uri=connection.uri,
            name=new_name,
            uuid=uuid,
            expected_name=name,
        )
