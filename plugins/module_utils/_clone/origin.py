# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Where the appliance of a task is: in the catalogue of the host, or on another one that it is streamed from."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
    open_catalogue,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    InvalidInput,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._sizes import parse_rate
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.pull import (
    find_crowd_problem,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)

from . import strategies
from .stream import source as streams
from .warm import warm

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

    from .plan import CloneRequest
    from .survey import ClonePlan

    Options = t.Mapping[str, t.Any]

_LAST_PORT: t.Final = 65535


@dataclasses.dataclass(frozen=True)
class Origin:
    """The catalogue with the appliance, and the request with its mode; ``source`` is set where it is another host's."""

    catalogue: Catalogue
    request: CloneRequest
    source: streams.Source | None = None


@contextlib.contextmanager
def open_origin(
    connection: Connection, options: Options, request: CloneRequest
) -> t.Iterator[Origin]:
    """Yield where the appliance is. With ``mode: auto`` that is the source only for what the host has not itself."""
    pool = options["appliance_pool"] or request.pool
    if not _is_streamed(connection, options, request, pool):
        yield Origin(open_catalogue(connection, pool), request)
        return
    uri = streams.check_uri(options["source_uri"])
    ports = parse_ports(options["source_ports"])
    with open_connection(uri, timeout=options.get("connect_timeout", 20.0)) as remote:
        catalogue = open_catalogue(remote, options["source_pool"] or pool)
        catalogue.require_files("source_pool")
        address, name = streams.resolve_address(uri, options["source_address"])
        wish = _read_tls(options)
        source = streams.Source(
            uri, catalogue, address, ports, wish != "false", name, wish == "auto"
        )
        yield Origin(catalogue, dataclasses.replace(request, mode="streamed"), source)


def _is_streamed(
    connection: Connection, options: Options, request: CloneRequest, pool: str
) -> bool:
    if request.mode == "streamed":
        if not options["source_uri"]:
            raise InvalidInput(
                "source_uri",
                None,
                "is needed with mode: streamed",
                "Name a host that has the appliance.",
            )
        return True
    if request.mode != "auto" or not options["source_uri"] or request.state != "running":
        return False
    return open_catalogue(connection, pool).find(request.appliance, request.version) is None


def parse_ports(text: str) -> range:
    """Return the ports that ``FIRST-LAST`` or ``PORT`` says; raises InvalidInput."""
    match = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", text)
    first, last = (0, 0) if match is None else (int(match[1]), int(match[2] or match[1]))
    if not 0 < first <= last <= _LAST_PORT:
        raise InvalidInput(
            "source_ports", text, "is not a range of ports", "Write for example 10809-10872."
        )
    return range(first, last + 1)


def _read_tls(options: Options) -> str:
    """Return the option; what older releases have kept of a task says nothing, or true or false."""
    return str(options.get("tls", False)).lower()


def settle_tls(
    plan: ClonePlan, origin: Origin, connection: Connection
) -> tuple[Origin, tuple[str, ...]]:
    """Return where the appliance is read from, and what the result says of that; raises as streams.settle_tls()."""
    if origin.source is None or not plan.clones:
        return origin, ()
    source, notes = streams.settle_tls(
        connection, origin.source, plan.manifest, plan.clones[0].name
    )
    return dataclasses.replace(origin, source=source), notes


def choose_strategy(
    plan: ClonePlan,
    origin: Origin,
    connection: Connection,
    options: Options,
    clock: Clock,
    journal: Journal,
) -> strategies.Strategy:
    """Return the way in which the clones of the plan come about; raises HeadroomError where there is none."""
    if origin.source is not None:
        _refuse_crowd(plan, connection)
        bandwidth = options["bandwidth"]
        limit = 0 if bandwidth is None else parse_rate("bandwidth", bandwidth)
        return strategies.StreamedStrategy(connection, origin.source, plan.manifest, limit)
    if plan.choice.mode == "warm":
        _refuse_seed(plan.request)
        overrides = dataclasses.replace(plan.request.overrides, console_password=None)
        hardware = warm.WarmHardware(plan.manifest, plan.platform, overrides)
        hardware.check()
        patience = warm.Patience(options["timeout"], options["warm_settle"])
        preparer = warm.Preparer(connection, plan.pool, clock, patience, journal)
        return strategies.WarmStrategy(connection, preparer, hardware, plan.base_paths)
    return strategies.PlainStrategy(connection, plan.choice.mode)


def _refuse_crowd(plan: ClonePlan, connection: Connection) -> None:
    if not plan.clones or len(plan.manifest.disks) == 1:
        return
    problem = find_crowd_problem(connection)
    if problem:
        raise Unsupported(
            f"mode: streamed is not possible: {problem}, and one of {plan.manifest.name}:{plan.manifest.version} has "
            f"{len(plan.manifest.disks)}. Bring the appliance here with headroom.libvirt.appliance, or update QEMU "
            "to 10.0."
        )


def _refuse_seed(request: CloneRequest) -> None:
    if request.seed is not None:
        raise InvalidInput(
            "seed",
            True,
            "comes too late with mode: warm, whose guests have booted already",
            "Leave seed, user_data, meta_data and network_config out, or choose another mode.",
        )
