# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""From the options of a task to the request for clones. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import (
    parse_reference,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_positive
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._sizes import parse_size

from . import quota
from .model import Overrides
from .plan import CloneRequest, check_request
from .seed import seed

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domain_xml


def read_request(options: t.Mapping[str, t.Any]) -> CloneRequest:
    """Return what the options ask for; raises InvalidInput.

    The options are those of a task, or those that the journal kept of one.
    """
    name, version = parse_reference("appliance", options["appliance"])
    if options["vcpus"] is not None:
        check_positive("vcpus", options["vcpus"], "vCPUs")
    overrides = Overrides(
        memory_bytes=_read_size("memory", options),
        **{option: options[option] for option in ("vcpus", "network", "title", "description")},
        console_password=options.get("console_password"),  # which the journal does not keep
    )
    same = ("count", "pool", "fleet", "tenant", "protected", "autostart", "state", "mode")
    return check_request(
        CloneRequest(
            appliance=name,
            version=version,
            names=tuple(options["names"] or ()),
            prefix=options["prefix"] or options["fleet"],
            disk_size_bytes=_read_size("disk_size", options),
            overrides=overrides,
            seed=_read_seed(options),
            addresses=options["addresses"] or {},
            neighbours=tuple(options["other_hosts"] or ()),
            quota=quota.read_quota(options["quota"], options["tenant"]),
            in_service=options.get("in_service"),  # which an older journal does not have
            **{option: options[option] for option in same},
        )
    )


def _read_seed(options: t.Mapping[str, t.Any]) -> seed.Seed | None:
    said = {option: options[option] for option in ("user_data", "meta_data", "network_config")}
    seed_options = [option for option, value in said.items() if value is not None]
    if seed_options and options["seed"] is False:
        raise InvalidInput(
            "seed",
            False,
            f"leaves no way to tell the clones {seed_options[0]}",
            f"Leave {seed_options[0]} out.",
        )
    return seed.read(**said) if seed_options or options["seed"] else None


def _read_size(option: str, options: t.Mapping[str, t.Any]) -> int | None:
    return None if options[option] is None else parse_size(option, options[option])


def fill_options(
    options: t.Mapping[str, t.Any], definition: domain_xml.Definition
) -> dict[str, t.Any]:
    """Return the options of a task that makes more of what the domain, which is a clone, was made from.

    What they do not say themselves is as it is with that domain.
    """
    metadata = definition.metadata
    domain_options = {
        "appliance": metadata.appliance,
        "pool": metadata.volumes[0].pool if metadata.volumes else None,
        "fleet": metadata.fleet,
        "tenant": metadata.tenant,
        "memory": str(definition.memory_bytes),
        "vcpus": definition.vcpus,
    }
    unsaid = {name: value for name, value in domain_options.items() if options[name] is None}
    return {**options, **unsaid}
