# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No example of the documentation has an option, a variable or a result that does not exist."""

from __future__ import annotations

import collections

import pytest

from tools.examples import Example, find_problems, read_examples


def test_examples_have_only_what_exists() -> None:
    assert find_problems(read_examples()) == []


def test_every_page_with_examples_is_read() -> None:
    pages = collections.Counter(example.page for example in read_examples())
    assert pages["README"] >= 2
    assert pages["domain"] >= 1
    assert pages["guide_provisioning"] >= 10


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            "- headroom.libvirt.domain: {name: a, stat: running}",
            "stat",
            id="an option",
        ),
        pytest.param(
            "- headroom.libvirt.domain: {name: a, state: runing}",
            "runing",
            id="a value",
        ),
        pytest.param(
            "- headroom.libvirt.domain: {name: a, timeout: 1 minute}",
            "'timeout' is of type str",
            id="a unit",
        ),
        pytest.param(
            "- headroom.libvirt.appliance: {name: a, source: {fed: {url: x}}}",
            "source.fed",
            id="an option of an option",
        ),
        pytest.param("- headroom.libvirt.domains_info: {}", "no module", id="a module"),
        pytest.param(
            "- headroom.libvirt.host_info: {}\n  register: x\n- debug: {msg: '{{ x.hots }}'}",
            "x.hots: no result",
            id="a result",
        ),
        pytest.param(
            "- headroom.libvirt.host_info: {}\n  register: x\n  until: x.host.free.memory == 1",
            "x.host.free.memory: no result",
            id="a result in a result",
        ),
        pytest.param("- debug: {msg: '{{ nowhere }}'}", "defines nowhere", id="a variable"),
        pytest.param(
            "optimistic_provisioning_flets: []",
            "no role has a variable",
            id="a variable of a role",
        ),
        pytest.param(
            "optimistic_provisioning_fleets: [{name: web, appliance: web, demnd: {}}]",
            "demnd",
            id="an option of a variable of a role",
        ),
        pytest.param(
            "plugin: headroom.libvirt.domains\nhots: []",
            "no option hots",
            id="an option of the inventory",
        ),
    ],
)
def test_what_does_not_exist_is_found(text: str, problem: str) -> None:
    problems = find_problems([Example("page", text)])
    assert problem in " ".join(problems)


@pytest.mark.parametrize(
    "text",
    [
        "- headroom.libvirt.domain: {name: '{{ item }}', timeout: '{{ item }}', state: running}\n  loop: [a]",
        "- headroom.libvirt.appliance: {name: a, source: {machine: '{{ plan }}'}, version: '1'}",
        "- headroom.libvirt.host_info: {}\n  register: x\n  until: x is changed or x.host.free.vcpus > 1",
        "{% set a = 1 %}{{ a }}",
    ],
)
def test_what_exists_is_not(text: str) -> None:
    assert find_problems([Example("page", f"{text}\n" if text[0] != "{" else f"- '{text}'")]) == []
