# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tarball that users install: it builds, installs into an empty path, and documents every plugin."""

from __future__ import annotations

import json
import re
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from tools import checkout
from tools.tarball import ansible

FQCN = f"{checkout.NAMESPACE}.{checkout.NAME}"
KINDS = {"module": "modules", "inventory": "inventory"}


def plugins(base: Path, kind: str) -> set[str]:
    return {path.stem for path in (base / "plugins" / KINDS[kind]).glob("[!_]*.py")}


@pytest.fixture(scope="module")
def collection(installed: Path) -> Path:
    return installed / "ansible_collections" / checkout.NAMESPACE / checkout.NAME


def test_ships_what_users_need_and_no_more(collection: Path) -> None:
    shipped = {path.name for path in collection.iterdir()}
    assert {"COPYING", "LICENSES", "README.md", "meta", "plugins", "requirements.txt"} <= shipped
    assert shipped.isdisjoint(
        {
            ".ansible-lint",
            ".ci",
            ".editorconfig",
            ".git-blame-ignore-revs",
            ".github",
            "antsibull-nox.toml",
            "conftest.py",
            "dev",
            "noxfile.py",
            "pyproject.toml",
            "tests",
        }
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_plugin_is_documented(installed: Path, collection: Path, kind: str) -> None:
    names = plugins(collection, kind)
    assert names == plugins(checkout.ROOT, kind)
    if not names:
        pytest.fail(f"the collection has no {kind} plugin")
    texts = ansible(
        installed, "ansible-doc", "-t", kind, "-j", *(f"{FQCN}.{name}" for name in sorted(names))
    )
    documented: dict[str, dict[str, t.Any]] = json.loads(texts)
    assert set(documented) == {f"{FQCN}.{name}" for name in names}
    assert all(text["doc"]["description"] and text["examples"] for text in documented.values())


def test_the_action_group_holds_every_module_that_connects(
    installed: Path, collection: Path
) -> None:
    """A default of a group reaches all its modules, and one that has no such option refuses it."""
    runtime = yaml.safe_load((collection / "meta/runtime.yml").read_text(encoding="utf-8"))
    names = [f"{FQCN}.{name}" for name in sorted(plugins(collection, "module"))]
    documented = json.loads(ansible(installed, "ansible-doc", "-t", "module", "-j", *names))
    shared = {"uri", "connect_timeout"}
    connecting = {
        name for name, text in documented.items() if shared <= set(text["doc"].get("options", {}))
    }
    assert {f"{FQCN}.{name}" for name in runtime["action_groups"]["all"]} == connecting
    assert connecting == {
        name for name, text in documented.items() if "uri" in text["doc"].get("options", {})
    }


def test_the_readme_links_to_what_is_shipped(collection: Path) -> None:
    readme = (collection / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)\)", readme)
    assert not [link for link in links if not (collection / link).is_file()]
    guides = {f"docs/docsite/rst/{path.name}" for path in collection.glob("docs/docsite/rst/*.rst")}
    assert guides <= set(links)


def test_the_readme_names_every_module(collection: Path) -> None:
    readme = (collection / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| (`headroom\.libvirt\..+?) \|", readme)
    named = {name.rpartition(".")[2] for row in rows for name in re.findall(r"`([\w.]+)`", row)}
    assert named == plugins(collection, "module")


def test_the_first_play_of_the_readme_runs(
    installed: Path, collection: Path, tmp_path: Path
) -> None:
    """As it stands, but for the host: libvirt's own test driver."""
    readme = (collection / "README.md").read_text(encoding="utf-8")
    (play,) = yaml.safe_load(re.findall(r"```yaml\n(# stats\.yml\n.+?)```", readme, re.DOTALL)[0])
    play["module_defaults"] = {"group/headroom.libvirt.all": {"uri": "test:///default"}}
    (tmp_path / "stats.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    host = f"kvm1 ansible_connection=local ansible_python_interpreter={sys.executable}"
    (tmp_path / "inventory").write_text(f"[hypervisors]\n{host}\n", encoding="utf-8")
    paths = [str(tmp_path / name) for name in ("inventory", "stats.yml")]
    told = ansible(installed, "ansible-playbook", "-i", *paths)
    assert '"stats.result": []' in told  # the test driver counts nothing


def test_the_inventory_of_the_readme_is_one(
    installed: Path, collection: Path, tmp_path: Path
) -> None:
    readme = (collection / "README.md").read_text(encoding="utf-8")
    (tmp_path / "inventory").write_text(
        re.findall(r"```ini\n(.+?)```", readme, re.DOTALL)[0], encoding="utf-8"
    )
    listing = json.loads(
        ansible(installed, "ansible-inventory", "-i", str(tmp_path / "inventory"), "--list")
    )
    names = listing["hypervisors"]["hosts"]
    assert {listing["_meta"]["hostvars"][name]["ansible_become"] for name in names} == {"true"}
