# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``read_host``: everything that one look at a host gives, as host_info returns it; it changes nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ConnectionFailed,
    HeadroomError,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.export_xml import (
    is_helper,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import (
    is_helper_name,
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
_Row = t.TypeVar("_Row")


def read_host(
    connection: Connection,
    policy: capacity.CapacityPolicy,
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
    shares = _read_shares(connection)
    committed = capacity.add_shares(shares)
    total, memory = _read_memory(connection)
    allowed = capacity.compute_budget(total, policy)
    pool_rows, health = _read_pools(connection, pools, refresh)
    network_rows, network_health = _read_networks(connection)
    health += [
        *network_health,
        capacity.check_cpu(committed, allowed),
        capacity.check_memory(
            committed, allowed, memory["available_bytes"], policy.memory_reserve_bytes
        ),
    ]
    free = capacity.compute_free(allowed, committed.defined)
    return {
        **_read_identity(connection, total.vcpus),
        "memory": memory,
        "allowed": dataclasses.asdict(allowed),
        "committed": dataclasses.asdict(committed),
        "domains": capacity.count_states(shares),
        "pools": [dataclasses.asdict(pool) for pool in pool_rows],
        "networks": [dataclasses.asdict(network) for network in network_rows],
        "free": {**dataclasses.asdict(free), "pools": capacity.list_free_bytes(pool_rows)},
        "health": [dataclasses.asdict(check) for check in health],
        **(_read_guests(connection, machine_uri) if with_guests else {}),
    }


def _read_guests(connection: Connection, machine_uri: str | None) -> dict[str, t.Any]:
    cards = api.list_cards(connection)
    return {
        "cards": None if cards is None else sorted(cards),
        "guests": guests.read_guests(connection, read_machine_uri(connection, machine_uri)),
        "appliance_volumes": guests.list_appliance_volumes(connection),
    }


def _read_identity(connection: Connection, threads: int) -> dict[str, t.Any]:
    name, version = api.read_hypervisor(connection)
    capabilities = api.read_capabilities(connection)
    return {
        "uri": connection.uri,
        "hostname": api.read_hostname(connection),
        "uuid": capabilities.uuid,
        "libvirt_version": _format_version(api.read_libvirt_version(connection)),
        "hypervisor": name,
        "hypervisor_version": _format_version(version),
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


def _read_shares(connection: Connection) -> list[capacity.Share]:
    """Return what each guest takes; a helper, such as the image of warm clones, is nobody's machine."""
    shares = _read_each(_read_share, domains.list_all(connection))
    return [share for share in shares if share is not None]


def _read_share(domain: t.Any) -> capacity.Share | None:
    if is_helper_name(domain.name()) and is_helper(domains.read_live_element(domain)):
        return None
    state, maximum_kib, _current_kib, vcpus, _cpu_time = domains.read_info(domain)
    return capacity.Share(state_name(state), capacity.Resources(vcpus, maximum_kib * _KIB))


def _read_pools(
    connection: Connection, names: t.Collection[str] | None, refresh: bool
) -> tuple[list[node_xml.HostPool], list[capacity.Check]]:
    listed, health = _list("storage", lambda: storage.list_pools(connection))
    handles = {pool.name(): pool for pool in listed}
    missing = sorted(set(names or ()) - set(handles))
    if missing:
        raise NotFound(
            f"pools: the host has no pool {missing[0]!r}. It has: {', '.join(sorted(handles)) or 'none'}.",
            pools=missing,
        )
    chosen = [handles[name] for name in sorted(handles) if names is None or name in names]
    if refresh:
        health += itertools.chain.from_iterable(map(_refresh, chosen))
    pools = _read_each(_read_pool, chosen)
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


def _read_pool(handle: storage.Pool) -> node_xml.HostPool:
    state = node_xml.pool_state_name(storage.read_state(handle))
    return node_xml.read_pool(
        storage.read_pool_xml(handle), state=state, autostart=storage.has_autostart(handle)
    )


def _read_networks(
    connection: Connection,
) -> tuple[list[node_xml.HostNetwork], list[capacity.Check]]:
    handles, health = _list("networks", lambda: networks.list_all(connection))
    rows = _read_each(_read_network, handles)
    rows.sort(key=lambda network: network.name)
    return rows, health + [capacity.check_network(network) for network in rows]


def _read_network(handle: networks.Network) -> node_xml.HostNetwork:
    active, autostart = networks.is_active(handle), networks.has_autostart(handle)
    return node_xml.read_network(networks.read_live_xml(handle), active=active, autostart=autostart)


def _list(
    check: t.Literal["storage", "networks"], call: t.Callable[[], list[_Row]]
) -> tuple[list[_Row], list[capacity.Check]]:
    """Return what ``call`` lists; with split daemons, the one behind it may be down while the others answer."""
    try:
        return call(), []
    except ConnectionFailed:
        raise
    except HeadroomError as error:
        return [], [capacity.Check(check, "error", error.message)]


def _read_each(read: t.Callable[[t.Any], _Row], handles: t.Iterable[t.Any]) -> list[_Row]:
    """Return what ``read`` returns of each handle, but for those that vanished since they were listed."""
    rows = []
    for handle in handles:
        with contextlib.suppress(NotFound):
            rows.append(read(handle))
    return rows


def _format_version(version: int) -> str:
    return ".".join(str(part) for part in split_version(version))
