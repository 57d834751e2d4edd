# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Templates that lie in a pool: what was put there from here is as it is, all else passes the allow-list."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import apply as appliances
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import catalogue
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
    InvalidManifest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.provenance import (
    open_provenance,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._clone import survey
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.model import Overrides
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.plan import CloneRequest
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.seed.seed import Seed
from ansible_collections.headroom.libvirt.plugins.modules.appliance import ARGUMENTS

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.manifest import (
        Manifest,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal

ONE = CloneRequest(appliance="web", names=("web-1",))
BRIDGE = "<interface type='bridge'><source bridge='br-mgmt'/></interface>"


@pytest.fixture
def bridged(shelf: Catalogue, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """What the catalogue now says of web:1: somebody attached it to a bridge."""
    manifest = shelf.get("web", "1")
    changed = dataclasses.replace(
        manifest, template=manifest.template.replace("<devices>", f"<devices>{BRIDGE}")
    )
    monkeypatch.setattr(catalogue.Catalogue, "get", lambda *_arguments: changed)
    return changed


def test_a_template_that_others_put_into_the_pool_is_not_believed(
    shelf: Catalogue, bridged: Manifest, journal: Journal
) -> None:
    notes = open_provenance(journal.path)
    with pytest.raises(InvalidManifest, match="br-mgmt") as caught:
        survey.make_plan(shelf, ONE, provenance=notes)
    assert caught.value.details["appliance"] == "web:1"
    notes.remember(bridged)
    plan = survey.make_plan(shelf, ONE, provenance=notes)
    assert [card.source for card in plan.hardware.interfaces] == ["br-mgmt", "default"]


def test_the_task_may_attach_it_to_a_network_of_its_own(
    shelf: Catalogue, bridged: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "_check_networks", lambda *_arguments, **_options: None)
    request = dataclasses.replace(ONE, overrides=Overrides(network="lan"))
    plan = survey.make_plan(shelf, request)
    assert [card.source for card in plan.hardware.interfaces] == ["lan", "lan"]
    assert "br-mgmt" in bridged.template
    assert "br-mgmt" not in plan.manifest.template


@pytest.mark.parametrize("check_mode", [True, False])
def test_what_is_registered_from_here_is_known(
    shelf: Catalogue, journal: Journal, tmp_path: Path, *, check_mode: bool
) -> None:
    (tmp_path / "image").write_bytes(bytes(4096))
    (tmp_path / "template.xml").write_text(
        shelf.get("web", "1").template.replace("<devices>", f"<devices>{BRIDGE}")
    )
    source = {"file": str(tmp_path / "image"), "files": None, "url": None, "uri": None}
    source |= {"domain": None, "feed": None, "format": "raw"}
    defaults = {name: option.get("default") for name, option in ARGUMENTS.options.items()}
    params = {
        **defaults,
        "name": "bridged",
        "version": "1",
        "pool": "default",
        "source": {**source, "file": None, "files": dict.fromkeys(["vda", "vdb"], source["file"])},
        "template": str(tmp_path / "template.xml"),
    }
    run = appliances.RunContext(check_mode, 0.0, lambda: "1" * 12, journal, "i686")
    appliances.ensure_present(shelf.connection, params, run)
    request = dataclasses.replace(ONE, appliance="bridged")
    if check_mode:
        assert not (tmp_path / "templates").exists()
    else:
        plan = survey.make_plan(shelf, request, provenance=open_provenance(journal.path))
        assert plan.hardware.interfaces[0].source == "br-mgmt"


def test_several_clones_that_are_told_one_name_are_told_of(
    shelf: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "_check_extras", lambda *_arguments: None)
    one = dataclasses.replace(ONE, seed=Seed(meta_data={"local-hostname": "only"}))
    assert not [note for note in survey.make_plan(shelf, one).notes if "told" in note]
    both = dataclasses.replace(one, names=("web-1", "web-2"))
    (note,) = [note for note in survey.make_plan(shelf, both).notes if "told" in note]
    assert note.startswith("All 2 clones are told meta_data.local-hostname, so that they are in")
