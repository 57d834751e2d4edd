# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every module: what may hold a secret says so, in its specification and in its documentation."""

from __future__ import annotations

import importlib
import re
import typing as t

import pytest
import yaml

from tools.checkout import ROOT

COLLECTION = "ansible_collections.headroom.libvirt.plugins"
NAMES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("[a-z]*.py"))
MAY_BE_SECRET = re.compile(
    r"pass(word|phrase|wd)?$|secret|token|user_data|meta_data|network_config|headers|credential|cookie|private|(^|_)keys?$|auth"
)
# Names or identifiers of what is public.
PUBLIC = {"appliance.source.feed.key", "appliance_feed.key"}
SAID = re.compile(r"\bnot logged\b")

Options = t.Mapping[str, t.Mapping[str, t.Any]]


def load(name: str) -> tuple[Options, Options]:
    """Return the options of a module as it takes them and as it documents them."""
    module = importlib.import_module(f"{COLLECTION}.modules.{name}")
    documented = read_options(yaml.safe_load(module.DOCUMENTATION))
    if hasattr(module, "ARGUMENTS"):
        return module.ARGUMENTS.options, documented
    # It runs on the controller alone, as an action plugin.
    return importlib.import_module(f"{COLLECTION}.action.{name}").ARGUMENTS.options, documented


def read_options(documentation: t.Mapping[str, t.Any]) -> Options:
    """Return the options of a documentation with those of the fragments that it names."""
    options = dict(documentation.get("options", {}))
    for fragment in documentation.get("extends_documentation_fragment", []):
        name, _dot, part = fragment.removeprefix("headroom.libvirt.").partition(".")
        class_ = importlib.import_module(f"{COLLECTION}.doc_fragments.{name}").ModuleDocFragment
        text = getattr(class_, part.upper() or "DOCUMENTATION")
        options.update(yaml.safe_load(text).get("options", {}))
    return options


def walk(
    path: str, options: Options, documented: Options
) -> t.Iterator[tuple[str, t.Mapping[str, t.Any], t.Mapping[str, t.Any]]]:
    for name, option in options.items():
        described = documented.get(name, {})
        yield f"{path}.{name}", option, described
        yield from walk(
            f"{path}.{name}", option.get("options", {}), described.get("suboptions", {})
        )


@pytest.mark.parametrize("name", NAMES)
def test_what_may_hold_a_secret_is_masked_and_documented_so(name: str) -> None:
    for path, option, described in walk(name, *load(name)):
        last = path.rpartition(".")[2]
        if option.get("no_log"):
            assert SAID.search(" ".join(described["description"])), f"{path} does not say so"
        elif MAY_BE_SECRET.search(last) and option["type"] != "bool":
            assert path in PUBLIC, f"{path} may hold a secret: give it no_log"
            assert option.get("no_log") is False, f"{path} leaves Ansible to guess"


@pytest.mark.parametrize("name", NAMES)
def test_documented_suboptions_are_those_that_it_takes(name: str) -> None:
    for path, option, described in walk(name, *load(name)):
        assert set(option.get("options", {})) == set(described.get("suboptions", {})), path


def test_secrets_are_among_the_options() -> None:
    """The walk finds what it is for."""
    masked = {
        path
        for name in NAMES
        for path, option, _described in walk(name, *load(name))
        if option.get("no_log")
    }
    assert masked >= {
        "appliance_clone.user_data",
        "appliance_clone.meta_data",
        "appliance_clone.network_config",
        "appliance_feed.passphrase",
        "demand_sample.prometheus.headers",
    }
