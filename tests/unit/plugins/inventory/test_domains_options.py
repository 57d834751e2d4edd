# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every option of the inventory plugin, and every choice of each, is in an example and in a test."""

from __future__ import annotations

import ast
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible import constants
from ansible.plugins.loader import inventory_loader

from tools.checkout import ROOT
from tools.inventories import PLUGIN, Inventories, domain

# What Ansible's own code does with every plugin alike.
NOT_OURS = {"cache_prefix"}


def options() -> dict[str, dict[str, t.Any]]:
    """The documented options by name, those of Ansible's fragments among them."""
    inventory_loader.get(PLUGIN)  # Ansible reads the documentation when it loads the plugin
    return dict(constants.config.get_configuration_definitions("inventory", PLUGIN))


def examples() -> list[t.Any]:
    """The documents of EXAMPLES."""
    module = sys.modules[inventory_loader.get(PLUGIN).__module__]
    return list(yaml.safe_load_all(vars(module)["EXAMPLES"]))


def words_in_python(path: Path) -> t.Iterator[str]:
    """What a test calls by keyword, and all its texts."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def words_in(value: object) -> t.Iterator[str]:
    """The keys and texts in what YAML holds."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from words_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from words_in(inner)
    else:
        yield str(value)


def words_in_tests() -> set[str]:
    """Every word of the tests of the plugin, this one left out."""
    python = [
        *(
            path
            for path in Path(__file__).parent.glob("test_*.py")
            if path.name != Path(__file__).name
        ),
        *(
            ROOT / "tests/integration" / name
            for name in ("test_lost_host.py", "test_reach_guest.py")
        ),
    ]
    found = {word for path in python for word in words_in_python(path)}
    for path in (ROOT / "tests/integration/targets/inventory_domains").glob("*.yml"):
        found.update(words_in(yaml.safe_load(path.read_text())))
    return found


def wanted() -> set[str]:
    """Every option and every choice."""
    return {
        str(word)
        for name, option in options().items()
        for word in (name, *option.get("choices", ()))
    } - NOT_OURS


def test_every_option_and_choice_is_tested() -> None:
    with_own = words_in_tests() | {"use_extra_vars", "leading_separator"}  # below
    assert wanted() - with_own == set()


def test_every_option_is_in_an_example() -> None:
    fragments = {"use_extra_vars", "leading_separator", "cache_prefix"}  # Ansible's own
    assert set(options()) - set(words_in(examples())) - fragments == set()


def test_a_machine_called_like_a_group_of_the_file_is_qualified(inventories: Inventories) -> None:
    host = inventories.host("k1", domain("windows"))
    inventory = inventories.read(host, groups={"windows": "'win' in inventory_hostname"})
    assert [host.name for host in inventory.groups["windows"].get_hosts()] == ["windows.k1"]


@pytest.mark.parametrize(("leading", "group"), [(True, "_web"), (False, "web")])
def test_groups_may_do_without_a_leading_separator(
    inventories: Inventories, leading: bool, group: str
) -> None:
    host = inventories.host("k1", domain("a", fleet="web"))
    inventory = inventories.read(
        host, keyed_groups=[{"key": "libvirt_fleet"}], leading_separator=leading
    )
    assert group in inventory.groups


def test_extra_variables_are_for_expressions_if_asked(
    inventories: Inventories, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ansible.plugins.inventory.load_extra_vars", lambda _loader: {"size": 7})
    host = inventories.host("k1", domain("a"))
    for used in (True, False):
        variables = (
            inventories.read(host, compose={"twice": "size * 2"}, use_extra_vars=used)
            .hosts["a"]
            .vars
        )
        assert variables.get("twice") == (14 if used else None)
