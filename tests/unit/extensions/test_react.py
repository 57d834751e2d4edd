# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rulebook asks the events for what they have, and for kinds that the source is told to send."""

from __future__ import annotations

import re
import typing as t

import pytest
import yaml

from tools.checkout import ROOT

from .test_libvirt_events import source

RULEBOOK = ROOT / "extensions/eda/rulebooks/react.yml"
(PLAY,) = yaml.safe_load(RULEBOOK.read_text(encoding="utf-8"))
SOURCE = PLAY["sources"][0]["headroom.libvirt.libvirt_events"]
DOMAIN = {"name": "web-1", "uuid": "u", "fleet": "web", "tenant": "acme"}
EVENTS: dict[str, dict[str, t.Any]] = {
    "lifecycle": {**source.make_lifecycle(5, 2), "domain": DOMAIN},
    "io_error": {**source.make_io_error("/a", "vda", 1, "enospc"), "domain": DOMAIN},
    "connection": {"kind": "connection", "state": "lost"},
}


def has(event: dict[str, t.Any], path: str) -> bool:
    value: t.Any = {**event, "uri": "qemu:///system", "sequence": 1}
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True


@pytest.mark.parametrize("rule", PLAY["rules"], ids=lambda rule: rule["name"])
def test_a_rule_asks_for_what_the_event_has(rule: dict[str, t.Any]) -> None:
    kind = re.findall(r'event\.libvirt\.kind == "(\w+)"', rule["condition"])
    assert len(kind) == 1
    assert kind[0] in SOURCE["kinds"]
    paths = re.findall(r"event\.libvirt\.([\w.]*\w)", str(rule))
    assert len(paths) > 1
    assert [path for path in paths if not has(EVENTS[kind[0]], path)] == []


def test_its_options_are_documented() -> None:
    options = yaml.safe_load(source.DOCUMENTATION)["options"]
    assert set(SOURCE) <= set(options)
