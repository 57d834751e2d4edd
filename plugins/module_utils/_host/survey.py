# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Everything that one look at a host gives."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ConnectionFailed,
    HeadroomError,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domains,
    networks,
    node_xml,
    storage,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import node as api
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import (
    split_version,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.machines import (
    read_machine_uri,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.states import state_name

from . import capacity, guests

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

_KIB = 1024
_MIB = 1024**2
_Found = t.TypeVar("_Found")


def retrieve(
    connection: Connection,
    policy: capacity.Policy,
    *,
    pools: t.Collection[str] | None = None,
    refresh: bool = False,
    with_guests: bool = False,
    machine_uri: str | None = None,
) -> dict[str, t.Any]:
    """Return the ``host`` value of host_info.

    ``pools`` names those to report, None means all; raises NotFound for one that the host does not have. With
    ``refresh``, libvirt looks at their storage first; ``with_guests`` adds what each guest takes, and what names it
    by ``machine_uri`` (as for read_machine_uri()). What does not run, or cannot be read, is reported in ``health``.
    """
    shares = _shares(connection)
    promised = capacity.committed(shares)
    total, memory = _read_memory(connection)
    allowed = capacity.budget(total, policy)
    found_pools, health = _pools(connection, pools, refresh)
    network_rows, network_health = _networks(connection)
    health += [
        *network_health,
        capacity.check_cpu(promised, allowed),
        capacity.check_memory(
            promised, allowed, memory["available_bytes"], policy.memory_reserve_bytes
        ),
    ]
    free = capacity.free(allowed, promised.defined)
    return {
        **_identity(connection, total.vcpus),
        "memory": memory,
        "allowed": dataclasses.asdict(allowed),
        "committed": dataclasses.asdict(promised),
        "domains": capacity.count_states(shares),
        "pools": [dataclasses.asdict(pool) for pool in found_pools],
        "networks": [dataclasses.asdict(network) for network in network_rows],
        "free": {**dataclasses.asdict(free), "pools": capacity.free_in_pools(found_pools)},
        "health": [dataclasses.asdict(check) for check in health],
        **(_guests(connection, machine_uri) if with_guests else {}),
    }


def _guests(connection: Connection, machine_uri: str | None) -> dict[str, t.Any]:
    return {
        "guests": guests.placed_guests(connection, read_machine_uri(connection, machine_uri)),
        "appliance_volumes": guests.appliance_volumes(connection),
    }


def _identity(connection: Connection, threads: int) -> dict[str, t.Any]:
    name, version = api.read_hypervisor(connection)
    capabilities = api.read_capabilities(connection)
    return {
        "uri": connection.uri,
        "hostname": api.read_hostname(connection),
        "uuid": capabilities.uuid,
        "libvirt_version": _dotted(api.read_libvirt_version(connection)),
        "hypervisor": name,
        "hypervisor_version": _dotted(version),
        "cpu": {
            "threads": threads,
            "arch": capabilities.arch,
            "model": capabilities.cpu_model,
            "vendor": capabilities.cpu_vendor,
        },
    }


def _read_memory(connection: Connection) -> tuple[capacity.Resources, dict[str, int | None]]:
    node, stats = api.read_node_info(connection), api.read_memory_stats(connection)
    # virNodeInfo is the fallback: the binding rounds it down to whole MiB.
    total = stats["total"] * _KIB if "total" in stats else node[1] * _MIB
    free = stats["free"] * _KIB if "free" in stats else None
    reclaimable = (stats.get("buffers", 0) + stats.get("cached", 0)) * _KIB
    available = None if free is None else free + reclaimable
    sizes = {"total_bytes": total, "free_bytes": free, "available_bytes": available}
    return capacity.Resources(vcpus=node[2], memory_bytes=total), sizes


def _shares(connection: Connection) -> list[capacity.Share]:
    return [
        share for domain in domains.list_all(connection) for share in _unless_gone(_share, domain)
    ]


def _share(domain: t.Any) -> capacity.Share:
    state, maximum_kib, _current_kib, vcpus, _cpu_time = domains.read_info(domain)
    return capacity.Share(state_name(state), capacity.Resources(vcpus, maximum_kib * _KIB))


def _pools(
    connection: Connection, wanted: t.Collection[str] | None, refresh: bool
) -> tuple[list[node_xml.Pool], list[capacity.Check]]:
    found, health = _list("storage", lambda: storage.list_pools(connection))
    handles = {pool.name(): pool for pool in found}
    missing = sorted(set(wanted or ()) - set(handles))
    if missing:
        raise NotFound(
            f"pools: the host has no pool {missing[0]!r}. It has: {', '.join(sorted(handles)) or 'none'}.",
            pools=missing,
        )
    chosen = [handles[name] for name in sorted(handles) if wanted is None or name in wanted]
    if refresh:
        health += [check for handle in chosen for check in _refresh(handle)]
    pools = [pool for handle in chosen for pool in _unless_gone(_pool, handle)]
    return pools, health + [capacity.check_pool(pool) for pool in pools]


def _refresh(handle: storage.Pool) -> list[capacity.Check]:
    # A pool cannot be refreshed while volumes of it are being written, or when it does not run.
    try:
        storage.refresh(handle)
    except ConnectionFailed:
        raise
    except HeadroomError as error:
        return [capacity.Check("pool", "warning", error.message, handle.name())]
    return []


def _pool(handle: storage.Pool) -> node_xml.Pool:
    state = node_xml.pool_state_name(storage.read_state(handle))
    return node_xml.read_pool(
        storage.read_pool_xml(handle), state=state, autostart=storage.has_autostart(handle)
    )


def _networks(connection: Connection) -> tuple[list[node_xml.Network], list[capacity.Check]]:
    handles, health = _list("networks", lambda: networks.list_all(connection))
    rows = [network for handle in handles for network in _unless_gone(_network, handle)]
    rows.sort(key=lambda network: network.name)
    return rows, health + [capacity.check_network(network) for network in rows]


def _network(handle: networks.Network) -> node_xml.Network:
    active, autostart = networks.is_active(handle), networks.has_autostart(handle)
    return node_xml.read_network(networks.read_live_xml(handle), active=active, autostart=autostart)


def _list(
    check: t.Literal["storage", "networks"], call: t.Callable[[], list[_Found]]
) -> tuple[list[_Found], list[capacity.Check]]:
    """Return what ``call`` lists; with split daemons, the one behind it may be down while the others answer."""
    try:
        return call(), []
    except ConnectionFailed:
        raise
    except HeadroomError as error:
        return [], [capacity.Check(check, "error", error.message)]


def _unless_gone(read: t.Callable[[t.Any], _Found], handle: t.Any) -> t.Iterator[_Found]:
    """Yield what ``read`` returns; nothing when the thing vanished between being listed and being read."""
    try:
        yield read(handle)
    except NotFound:
        return


def _dotted(version: int) -> str:
    return ".".join(str(part) for part in split_version(version))
