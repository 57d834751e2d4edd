# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What cloud-init in a clone is told: the files of a NoCloud seed. Pure.

https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidSecret

LABEL: t.Final = "cidata"

# https://docs.cloud-init.io/en/latest/explanation/format.html: by these cloud-init knows what user-data is.
_USER_DATA: t.Final = re.compile(
    r"#!|#cloud-config\b|#cloud-config-archive\b|#cloud-boothook\b|#include\b|#include-once\b|#part-handler\b"
    r"|## template: ?jinja|(Content-Type|MIME-Version|From)\b",
    re.IGNORECASE,
)
_OURS: t.Final = "instance-id"
# Below these a network configuration names other machines.
_OF_OTHERS: t.Final = frozenset({"nameservers", "routes", "routing-policy", "match", "parameters"})


@dataclasses.dataclass(frozen=True)
class Seed:
    """What all clones of a task are told. Who each of them is, is added by files()."""

    user_data: str = "#cloud-config\n{}\n"
    meta_data: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    network_config: t.Mapping[str, t.Any] | None = None


def read(user_data: t.Any, meta_data: t.Any, network_config: t.Any) -> Seed:
    """Return the seed that the options say; None leaves cloud-init its own way. Raises InvalidSecret."""
    seed = Seed()
    return Seed(
        user_data=seed.user_data if user_data is None else _make_user_data(user_data),
        meta_data={} if meta_data is None else _make_meta_data(meta_data),
        network_config=None if network_config is None else _make_network_config(network_config),
    )


def list_shared(seed: Seed) -> list[str]:
    """Return, as keys of options, what a seed says of all its clones though only one machine can have it."""
    shared = [
        f"meta_data.{key}" for key in ("local-hostname", "local_hostname") if key in seed.meta_data
    ]
    if _has_address(seed.network_config):
        shared.append("the addresses in network_config")
    return shared


def _has_address(config: t.Any) -> bool:
    """Return whether a network configuration of either version gives a card an address, as no server does."""
    if isinstance(config, (list, tuple)):
        return any(map(_has_address, config))
    if not isinstance(config, dict) or config.get("type") == "nameserver":
        return False
    own = {key: value for key, value in config.items() if key not in _OF_OTHERS}
    return bool(own.get("addresses")) or "address" in own or any(map(_has_address, own.values()))


def make_files(seed: Seed, name: str, uuid: str) -> dict[str, bytes]:
    """Return {file: content} of the seed of the clone ``name``: its instance is its UUID, its hostname its name."""
    meta_data = {"local-hostname": make_hostname(name), **seed.meta_data, _OURS: uuid}
    texts = {"meta-data": _to_json(meta_data), "user-data": seed.user_data}
    if seed.network_config is not None:
        texts["network-config"] = _to_json(seed.network_config)
    return {file: text.encode() for file, text in texts.items()}


def make_hostname(name: str) -> str:
    """Return the hostname of a machine called ``name``: a host's name knows neither ``_`` nor a ``-`` or ``.`` last."""
    return name.replace("_", "-").rstrip("-.")


def _make_user_data(value: t.Any) -> str:
    if isinstance(value, dict):
        return f"#cloud-config\n{_to_json(value)}"
    text = value if isinstance(value, str) else repr(value)
    if not _USER_DATA.match(text):
        raise InvalidSecret(
            "user_data",
            "does not begin as user-data does, so cloud-init would ignore it",
            "Begin with a line such as '#cloud-config' or '#!/bin/sh', or give a dict.",
        )
    return text


def _make_meta_data(value: t.Mapping[str, t.Any]) -> t.Mapping[str, t.Any]:
    for key in (_OURS, _OURS.replace("-", "_")):
        if key in value:
            raise InvalidSecret(
                f"meta_data.{key}",
                "is the clone's UUID and cannot be chosen, since a clone with the instance of another would keep its "
                "keys and its name",
                "Leave it out.",
            )
    return value


def _make_network_config(value: t.Mapping[str, t.Any]) -> t.Mapping[str, t.Any]:
    """Return the configuration itself; some write it below a key ``network``, as netplan does."""
    inner = value.get("network", value)
    if not isinstance(inner, dict) or inner.get("version") not in (1, 2):
        raise InvalidSecret(
            "network_config",
            "has no version that cloud-init knows",
            "Write version: 2 with ethernets, or version: 1 with config.",
        )
    parts = {1: ("config",), 2: ("ethernets", "bonds", "bridges", "vlans", "renderer")}[
        inner["version"]
    ]
    if not any(part in inner for part in parts):
        raise InvalidSecret(
            "network_config",
            f"says nothing of {' or '.join(parts)}",
            "Describe at least one interface.",
        )
    return inner


def _to_json(value: t.Any) -> str:
    """Return the value as JSON, which is YAML too: so nothing is needed to write it, and nothing is left to guess."""
    return json.dumps(value, indent=1) + "\n"
