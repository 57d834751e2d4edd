# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trials of templates on libvirt's test driver."""

from __future__ import annotations

import re
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import build, trial
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict, Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import (
    TRIAL_PREFIX,
    is_helper_name,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

NAME = f"{TRIAL_PREFIX}web"


@pytest.fixture(autouse=True)
def _driver_without_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test driver knows no NVRAM or TPM to remove; it refuses the flags."""
    monkeypatch.setattr(domains, "undefine", lambda domain: domain.undefineFlags(0))


def build_trial() -> str:
    return trial._build_xml(parse_element(build_template().replace("kvm", "test")), NAME)


def build_template(devices: str = "") -> str:
    hardware = build.Hardware(64 << 20, arch="i686", machine=None)
    return build.build(hardware, ["vda", "vdb"]).replace("</devices>", f"{devices}</devices>")


def test_what_libvirt_takes_leaves_nothing(node: Connection) -> None:
    before = [domain.name() for domain in domains.list_all(node)]
    trial.try_definition(node, build_template(), "web")
    assert [domain.name() for domain in domains.list_all(node)] == before
    assert is_helper_name(NAME)


def test_what_libvirt_refuses_is_told_in_its_words_and_leaves_nothing(node: Connection) -> None:
    channel = "<channel type='spiceport'><target type='virtio' name='a'/></channel>"
    with pytest.raises(Unsupported, match="channel"):
        trial.try_definition(node, build_template(channel), "web")
    assert domains.find(node, NAME) is None


def test_what_a_run_left_that_was_cut_off_goes(node: Connection) -> None:
    domains.define(node, build_trial())
    trial.try_definition(node, build_template(), "web")
    assert domains.find(node, NAME) is None


def test_a_domain_of_somebodys_with_that_name_stays(node: Connection) -> None:
    other = "5e1ff1ce-0000-4000-8000-000000000001"
    text = build_trial().replace("<title>", "<title>not ")
    text = re.sub("<uuid>.*</uuid>", f"<uuid>{other}</uuid>", text)
    uuid = domains.define(node, text).UUIDString()
    with pytest.raises((Unsupported, Conflict)):
        trial.try_definition(node, build_template(), "web")
    assert domains.look_up_uuid(node, uuid).name() == NAME


def test_what_this_host_does_not_run_is_kept_for_others(node: Connection) -> None:
    """A catalogue is also where other hosts take their appliances from."""
    hardware = build.Hardware(64 << 20, arch="s390x", machine="no-such-machine")
    trial.try_definition(node, build.build(hardware, ["vda"]), "web")


def test_two_runs_of_one_label_are_not_in_each_others_way(node: Connection) -> None:
    domains.define(node, build_trial())
    again = domains.define(node, build_trial())
    domains.undefine(again)
    assert domains.find(node, NAME) is None
