# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The options of placement_plan_info: ``ARGUMENTS``, and what each ``read_…`` makes of them. Pure.

``read_estate`` reads what host_info returned on the hosts.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import (
    Value,
    check_at_least,
    check_between,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._sizes import parse_size

from .model import (
    AffinityRule,
    HostView,
    InFlight,
    Move,
    PlacementDisk,
    PlacementGuest,
    PlacementPolicy,
    PlacementPool,
    RememberedGuest,
)
from .spread import Size

Options = t.Mapping[str, t.Any]

_HOST_REMEDY: t.Final = (
    "Hand in the `host` that headroom.libvirt.host_info returned on the host with guests=true, or null if it did not "
    "answer."
)


_TEXTS: t.Final[dict[str, t.Any]] = {"type": "list", "elements": "str", "default": []}

RULE: t.Final[dict[str, dict[str, t.Any]]] = {
    "kind": {"type": "str", "choices": ["affinity", "anti_affinity"], "required": True},
    "strength": {"type": "str", "choices": ["soft", "hard"], "default": "soft"},
    "fleets": _TEXTS,
    "tags": _TEXTS,
    "names": _TEXTS,
    "each": {"type": "bool", "default": False},
}
MOVING: t.Final[dict[str, dict[str, t.Any]]] = {
    **{name: {"type": "str", "required": True} for name in ("guest", "source", "destination")},
    "failed": {"type": "bool", "default": False},
}
HOST: t.Final[dict[str, dict[str, t.Any]]] = {
    "name": {"type": "str", "required": True},
    "facts": {"type": "dict"},
}
CLONES: t.Final[dict[str, dict[str, t.Any]]] = {
    "count": {"type": "int", "default": 1},
    "fleet": {"type": "str"},
    "vcpus": {"type": "int", "default": 1},
    "memory": {"type": "str", "required": True},
    "disk": {"type": "str", "default": "1GiB"},
    "pool": {"type": "str", "default": "default"},
    "spread": {"type": "str", "choices": ["even", "pack"], "default": "even"},
    "max_per_host": {"type": "int"},
}

ARGUMENTS = ArgumentSpec(
    options={
        "action": {
            "type": "str",
            "choices": ["drain", "restore", "rebalance", "place"],
            "required": True,
        },
        "host": {"type": "list", "elements": "str"},
        "hosts": {"type": "list", "elements": "dict", "required": True, "options": HOST},
        "pending": {"type": "list", "elements": "dict", "default": []},
        "moving": {"type": "list", "elements": "dict", "default": [], "options": MOVING},
        "rules": {"type": "list", "elements": "dict", "default": [], "options": RULE},
        "n_plus_one": {"type": "str", "choices": ["ignore", "soft", "hard"], "default": "soft"},
        "pool_reserve": {"type": "str", "default": "1GiB"},
        "shared_pools": _TEXTS,
        "destination_pool": {"type": "str"},
        "count_stopped": {"type": "bool", "default": True},
        "include_stopped": {"type": "bool", "default": False},
        "minimum_gain": {"type": "float", "default": 0.1},
        "most_moves": {"type": "int"},
        "moves_per_host": {"type": "int", "default": 4},
        "moves_per_link": {"type": "int", "default": 2},
        "clones": {"type": "dict", "options": CLONES},
    },
    required_if=[
        ("action", "drain", ["host"]),
        ("action", "restore", ["host"]),
        ("action", "place", ["clones"]),
    ],
)


def read_policy(params: Options) -> PlacementPolicy:
    """Return how to plan; raises InvalidInput for what makes no sense."""
    gain, most = params["minimum_gain"], params["most_moves"]
    check_between("minimum_gain", gain, 0, 1, "0.1 is a tenth of a host.")
    for option in ("moves_per_host", "moves_per_link"):
        remedy = "Write how many guests may move at once; with 1 they move one after the other."
        check_at_least(option, params[option], 1, "moves", remedy)
    if most is not None:
        remedy = "Write how many guests may be moved, or leave it out."
        check_at_least("most_moves", most, 0, "moves", remedy)
    return PlacementPolicy(
        rules=tuple(_read_rule(index, rule) for index, rule in enumerate(params["rules"])),
        n_plus_one=params["n_plus_one"],
        pool_reserve_bytes=parse_size("pool_reserve", params["pool_reserve"]),
        shared_pools=frozenset(params["shared_pools"]),
        destination_pool=params["destination_pool"],
        count_stopped=params["count_stopped"],
        include_stopped=params["include_stopped"],
        minimum_gain=gain,
        most_moves=most,
        moves_per_host=params["moves_per_host"],
        moves_per_link=params["moves_per_link"],
    )


def read_in_flight(params: Options) -> tuple[InFlight, ...]:
    """Return the guests that are on their way, and those whose move has failed."""
    return tuple(
        InFlight(move["guest"], move["source"], move["destination"], move["failed"])
        for move in params["moving"]
    )


def read_pending(params: Options) -> tuple[Move, ...]:
    """Return the rest of a plan that is being carried out; raises InvalidInput for what is not a move."""
    moves = [
        Value(f"pending[{index}]", move, "Hand in `moves` of an earlier plan.")
        for index, move in enumerate(params["pending"])
    ]
    return tuple(
        Move(
            guest=move["guest"].require_text(),
            uuid=move["uuid"].require_text(),
            source=move["source"].require_text(),
            destination=move["destination"].require_text(),
            reason=move["reason"].require_text(),
        )
        for move in moves
    )


def read_host_names(params: Options) -> list[str]:
    """Return the hosts to be drained, or the one to be restored; raises InvalidInput for one that is not in `hosts`."""
    choices = {host["name"] for host in params["hosts"]}
    names = list(dict.fromkeys(params["host"]))
    if not names:
        raise InvalidInput("host", names, "does not name a host", "Name one of `hosts`.")
    for name in names:
        if name not in choices:
            raise InvalidInput(
                "host", name, "is not one of `hosts`", f"Name one of: {', '.join(sorted(choices))}."
            )
    if params["action"] == "restore" and len(names) > 1:
        raise InvalidInput(
            "host", names, "names more than one host", "Restore one after the other."
        )
    return names


def read_clone_size(clones: Options) -> Size:
    """Return what one clone takes; raises InvalidInput for what is not a size."""
    for option, least in (("count", 0), ("vcpus", 1)):
        check_at_least(f"clones.{option}", clones[option], least)
    return Size(
        vcpus=clones["vcpus"],
        memory_bytes=parse_size("clones.memory", clones["memory"]),
        disk_bytes=parse_size("clones.disk", clones["disk"]),
    )


def _read_rule(index: int, rule: Options) -> AffinityRule:
    if not (rule["fleets"] or rule["tags"] or rule["names"]):
        remedy = "Write fleets, tags or names; '*' matches all."
        raise InvalidInput(f"rules[{index}]", rule["kind"], "does not select any guest", remedy)
    return AffinityRule(
        kind=rule["kind"],
        strength=rule["strength"],
        fleets=tuple(rule["fleets"]),
        tags=tuple(rule["tags"]),
        names=tuple(rule["names"]),
        each=rule["each"],
    )


@dataclasses.dataclass(frozen=True)
class Estate:
    """The hosts that answered, and the names of those that did not."""

    hosts: tuple[HostView, ...]
    silent: tuple[str, ...]


def read_estate(hosts: t.Sequence[t.Mapping[str, t.Any]]) -> Estate:
    """Return what the ``hosts`` (``{name, facts}`` each) say; raises InvalidInput."""
    names = [host["name"] for host in hosts]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise InvalidInput(
                f"hosts[{index}].name", name, "is listed twice", "Name each host once."
            )
    answered = {
        host["name"]: Value(f"hosts[{index}].facts", host["facts"], _HOST_REMEDY)
        for index, host in enumerate(hosts)
        if host.get("facts") is not None
    }
    views = tuple(_read_host(name, facts) for name, facts in answered.items())
    return Estate(views, tuple(sorted(set(names) - set(answered))))


def _read_host(name: str, facts: Value) -> HostView:
    allowed, mark = facts["allowed"], facts["maintenance"]
    return HostView(
        name=name,
        vcpus=allowed["vcpus"].require_count(),
        memory_bytes=allowed["memory_bytes"].require_count(),
        guests=tuple(
            _read_guest(guest)
            for guest in facts["guests"].require_items()
            if not guest["helper"].value
        ),
        pools=tuple(
            _read_pool(pool)
            for pool in facts["pools"].require_items()
            if pool["available_bytes"].value is not None
        ),
        bases=frozenset(
            volume.require_text() for volume in facts["appliance_volumes"].require_items()
        ),
        networks=frozenset(
            network["name"].require_text()
            for network in facts["networks"].require_items()
            if network["active"].value
        ),
        cards=_read_cards(facts["cards"]),
        maintenance=None
        if mark.value is None
        else mark["reason"].read_optional(Value.require_text) or "maintenance",
        remembered=()
        if mark.value is None
        else tuple(_read_remembered(guest) for guest in mark["guests"].require_items()),
        refuges=() if mark.value is None else _read_refuges(mark),
    )


def _read_refuges(mark: Value) -> tuple[str, ...]:
    """Return the hosts on which the guests may be; none of what an older version returned."""
    hosts = mark["hosts"]
    return (
        () if hosts.value is None else tuple(host.require_text() for host in hosts.require_items())
    )


def _read_guest(guest: Value) -> PlacementGuest:
    return PlacementGuest(
        uuid=guest["uuid"].require_text(),
        name=guest["name"].require_text(),
        vcpus=guest["vcpus"].require_count(),
        memory_bytes=guest["memory_bytes"].require_count(),
        running=bool(guest["running"].value),
        fleet=guest["fleet"].read_optional(Value.require_text),
        tags=tuple(tag.require_text() for tag in guest["tags"].require_items()),
        networks=tuple(network.require_text() for network in guest["networks"].require_items()),
        bridges=tuple(_read_cards(guest["bridges"]) or ()),
        disks=tuple(_read_disk(disk) for disk in guest["disks"].require_items()),
        busy=guest["busy"].read_optional(Value.require_text),
        machine=guest["machine"].read_optional(Value.require_machine),
    )


def _read_cards(cards: Value) -> frozenset[str] | None:
    """Return names of cards; None where the host does not tell them, or had not got that field yet."""
    if cards.value is None:
        return None
    return frozenset(card.require_text() for card in cards.require_items())


def _read_disk(disk: Value) -> PlacementDisk:
    return PlacementDisk(
        target=disk["target"].require_text(),
        path=disk["path"].require_text(),
        pool=disk["pool"].read_optional(Value.require_text),
        bytes=disk["bytes"].require_count(),
        base=disk["base"].read_optional(Value.require_text),
        base_bytes=disk["base_bytes"].require_count(),
    )


def _read_pool(pool: Value) -> PlacementPool:
    return PlacementPool(
        name=pool["name"].require_text(),
        path=pool["path"].read_optional(Value.require_text),
        free_bytes=pool["available_bytes"].require_count(),
        source=pool["source"].read_optional(Value.require_text),
        type=pool["type"].read_optional(Value.require_text),
    )


def _read_remembered(guest: Value) -> RememberedGuest:
    return RememberedGuest(guest["uuid"].require_text(), guest["name"].require_text())
