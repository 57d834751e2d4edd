# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The options that say how to plan moves, and what they make."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import (
    Value,
    check_at_least,
    check_between,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._sizes import parse_size

from .model import AffinityRule, InFlight, Move, Policy
from .plan import Size

Options = t.Mapping[str, t.Any]

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
    name: {"type": "str", "required": True} for name in ("guest", "source", "destination")
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
        "clones": {"type": "dict", "options": CLONES},
    },
    required_if=[
        ("action", "drain", ["host"]),
        ("action", "restore", ["host"]),
        ("action", "place", ["clones"]),
    ],
)


def policy_of(params: Options) -> Policy:
    """Return how to plan; raises InvalidInput for what makes no sense."""
    gain, most = params["minimum_gain"], params["most_moves"]
    check_between("minimum_gain", gain, 0, 1, "0.1 is a tenth of a host.")
    if most is not None:
        remedy = "Write how many guests may be moved, or leave it out."
        check_at_least("most_moves", most, 0, "moves", remedy)
    return Policy(
        rules=tuple(_rule(index, rule) for index, rule in enumerate(params["rules"])),
        n_plus_one=params["n_plus_one"],
        pool_reserve_bytes=parse_size("pool_reserve", params["pool_reserve"]),
        shared_pools=frozenset(params["shared_pools"]),
        destination_pool=params["destination_pool"],
        count_stopped=params["count_stopped"],
        include_stopped=params["include_stopped"],
        minimum_gain=gain,
        most_moves=most,
    )


def in_flight_of(params: Options) -> tuple[InFlight, ...]:
    """Return the guests that are on their way."""
    return tuple(
        InFlight(one["guest"], one["source"], one["destination"]) for one in params["moving"]
    )


def pending_of(params: Options) -> tuple[Move, ...]:
    """Return what is left of a plan; raises InvalidInput for what is no move."""
    given = [
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
        for move in given
    )


def named_hosts(params: Options) -> list[str]:
    """Return the hosts to be drained, or the one to be restored; raises InvalidInput for one that is not known."""
    known = {host["name"] for host in params["hosts"]}
    named = list(dict.fromkeys(params["host"]))
    if not named:
        raise InvalidInput("host", named, "does not name a host", "Name one of `hosts`.")
    for name in named:
        if name not in known:
            raise InvalidInput(
                "host", name, "is not one of `hosts`", f"Name one of: {', '.join(sorted(known))}."
            )
    if params["action"] == "restore" and len(named) > 1:
        raise InvalidInput(
            "host", named, "names more than one host", "Restore one after the other."
        )
    return named


def clone_size(clones: Options) -> Size:
    """Return what one clone takes; raises InvalidInput for what is no size."""
    for option, least in (("count", 0), ("vcpus", 1)):
        check_at_least(f"clones.{option}", clones[option], least)
    return Size(
        vcpus=clones["vcpus"],
        memory_bytes=parse_size("clones.memory", clones["memory"]),
        disk_bytes=parse_size("clones.disk", clones["disk"]),
    )


def _rule(index: int, rule: Options) -> AffinityRule:
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
