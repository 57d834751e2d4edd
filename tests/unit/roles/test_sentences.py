# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever fails in a role or a playbook of the collection says so in a sentence.

A task with `failed_when` says nothing but that its condition holds, and an assertion without `fail_msg` which of its
expressions does not: neither tells an operator what to do.
"""

from __future__ import annotations

import typing as t

import pytest
import yaml

from tools.checkout import ROOT

BOOKS: t.Final = sorted([*ROOT.glob("roles/*/tasks/**/*.yml"), *ROOT.glob("playbooks/**/*.yml")])
NESTED: t.Final = ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers")
ASSERT: t.Final = ("ansible.builtin.assert", "assert")
FAIL: t.Final = ("ansible.builtin.fail", "fail")


def list_tasks(rows: t.Any) -> t.Iterator[dict[str, t.Any]]:
    for row in rows or ():
        yield row
        for name in NESTED:
            yield from list_tasks(row.get(name))


def list_speechless(rows: t.Any) -> list[str]:
    """Return what is wrong with each task that may fail without a sentence."""
    complaints: list[str] = []
    for task in list_tasks(rows):
        name = task.get("name", "a task without a name")
        if task.get("failed_when", False) is not False:
            complaints.append(f"{name}: failed_when says nothing; assert it after, with a fail_msg")
        complaints += [
            f"{name}: {module} without {option}"
            for modules, option in ((ASSERT, "fail_msg"), (FAIL, "msg"))
            for module in modules
            if module in task and " " not in str((task[module] or {}).get(option, "")).strip()
        ]
    return complaints


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_fails_says_so(path: t.Any) -> None:
    assert list_speechless(yaml.safe_load(path.read_text(encoding="utf-8"))) == []


def test_what_says_nothing_is_found() -> None:
    text = """
    - hosts: all
      tasks:
        - block:
            - {name: one, command: 'true', failed_when: result.rc > 1}
            - {name: two, assert: {that: false}}
            - {name: three, ansible.builtin.fail: {}}
            - {name: four, command: 'true', failed_when: false}
            - {name: five, assert: {that: false, fail_msg: It is so. Change it.}}
    """
    complaints = list_speechless(yaml.safe_load(text))
    assert [complaint.split(":")[0] for complaint in complaints] == ["one", "two", "three"]


def test_there_are_books() -> None:
    assert len(BOOKS) > 20
