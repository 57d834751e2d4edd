# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A play with a secret in each task, told as loudly as operators ask for: none is in what Ansible prints or keeps."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from tools.checkout import collections_path

MARK: t.Final = "-dont-tell"
USER_DATA: t.Final = "#cloud-config\npassword: {secret}\nchpasswd: {{expire: false}}\n"
PROMETHEUS: t.Final = {
    "url": "http://admin:{secret}@127.0.0.1:1",
    "query": "up",
    "headers": {"Authorization": "Bearer {secret}", "X-Scope-OrgID": "1"},
}
FLEET: t.Final = {
    "name": "web",
    "appliance": "web:1",
    "demand": {"prometheus": PROMETHEUS},
    "rule": {"capacity": 10},
    "machine": {"memory": "1GiB", "user_data": USER_DATA, "meta_data": {"token": "{secret}"}},
}
HOST: t.Final = {"uri": "test:///default"}
JOURNAL: t.Final = {"journal": "{{{{ playbook_dir }}}}/journal.sqlite"}
HISTORY: t.Final = {"history": "{{{{ playbook_dir }}}}/history.sqlite"}
CLONE: t.Final = {
    **HOST,
    **JOURNAL,
    "appliance": "web:1",
    "names": ["web-1"],
    "pool": "default-pool",
}
APPLIANCE: t.Final = {
    **HOST,
    **JOURNAL,
    "name": "web",
    "version": "1",
    "pool": "default-pool",
}
REMOTE: t.Final = "qemu+tcp://admin:{secret}@127.0.0.1:1/system"
TASKS: t.Final[list[tuple[str, dict[str, t.Any]]]] = [
    (
        "appliance_clone",
        {
            **CLONE,
            "user_data": USER_DATA,
            "meta_data": {"token": "{secret}"},
            "console_password": "{secret}",
            "other_hosts": ["qemu+tcp://admin:p@{secret}@127.0.0.1:1/system"],
        },
    ),
    (
        "appliance_clone",
        {
            **CLONE,
            "user_data": {"chpasswd": {"users": [{"name": "root", "password": "{secret}"}]}},
            "network_config": {"version": 2, "wifis": {"a": {"password": "{secret}"}}},
        },
    ),
    ("appliance_clone", {**CLONE, "user_dta": USER_DATA}),
    (
        "appliance",
        {
            **APPLIANCE,
            "source": {"feed": {"url": "http://admin:{secret}@127.0.0.1:1/", "verify": False}},
        },
    ),
    (
        "appliance_feed",
        {
            **HOST,
            "path": "{{{{ playbook_dir }}}}/feed",
            "pool": "default-pool",
            "appliances": ["web"],
            "key": "nobody",
            "passphrase": "{secret}",
        },
    ),
    (
        "demand_sample",
        {**HOST, **HISTORY, "fleet": "web", "interval": 60, "prometheus": PROMETHEUS},
    ),
    ("domain_migrate", {**HOST, **JOURNAL, "name": ["test"], "destination_uri": REMOTE}),
    ("fleet_observe", {**HOST, **HISTORY, "fleets": [FLEET]}),
    ("provisioning_plan_info", {"fleets": [FLEET], "hosts": [], "mode": "shadow"}),
]
# The last two tell in their results of each fleet by itself what is wrong with it.
SUCCEED: t.Final = 2


def fill(value: t.Any, secrets: t.Iterator[str]) -> t.Any:
    """Return the options with a secret of its own in each place: one that is masked must not hide another."""
    if isinstance(value, str):
        return value.format(secret=next(secrets)) if "{" in value else value
    if isinstance(value, dict):
        return {name: fill(part, secrets) for name, part in value.items()}
    return [fill(part, secrets) for part in value] if isinstance(value, list) else value


def name_secrets(number: int) -> t.Iterator[str]:
    """Yield the secrets of a task."""
    return (f"Hush-{number:02d}-{index}{MARK}" for index in itertools.count())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The play, and what it left: what Ansible printed is in `output`."""
    folder = tmp_path_factory.mktemp("play")
    tasks = [
        {
            "name": f"Task {number}",
            f"headroom.libvirt.{module}": fill(options, name_secrets(number)),
            "ignore_errors": True,
            "check_mode": number % 2 == 0,
        }
        for number, (module, options) in enumerate(TASKS)
    ]
    play = {"hosts": "all", "gather_facts": False, "tasks": tasks}
    os.close(os.open(folder / "play.yml", os.O_CREAT | os.O_WRONLY, 0o600))
    (folder / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
    (folder / "inventory").write_text(
        f"kvm1 ansible_connection=local ansible_python_interpreter={sys.executable}\n"
    )
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(collections_path()),
        "ANSIBLE_LOG_PATH": str(folder / "ansible.log"),
        "ANSIBLE_PIPELINING": "1",
        "HOME": str(folder),
    }
    with (folder / "output").open("w") as output:
        subprocess.run(
            [
                Path(sys.executable).with_name("ansible-playbook"),
                "-i",
                "inventory",
                "-vvv",
                "--diff",
                "play.yml",
            ],
            cwd=folder,
            env=environment,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return folder


def test_every_task_ran(folder: Path) -> None:
    output = (folder / "output").read_text()
    assert f"ok={len(TASKS)} " in output
    assert f"ignored={len(TASKS) - SUCCEED} " in output
    assert output.count('"invocation"') >= len(TASKS) - 1


@pytest.mark.parametrize("number", range(len(TASKS)))
def test_a_secret_is_not_printed(folder: Path, number: int) -> None:
    for name in ("output", "ansible.log"):
        lines = (folder / name).read_text().splitlines()
        assert [line[:300] for line in lines if f"Hush-{number:02d}-" in line] == []


def test_a_secret_is_in_no_file_of_others(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_mode & 0o027:
            assert MARK.encode() not in path.read_bytes(), path
