# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module over several hosts of libvirt's test driver, some of which are not what they should be."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import types
import typing as t

import pytest
import yaml

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ConnectionFailed,
    InvalidInput,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import Journal
from ansible_collections.headroom.libvirt.plugins.modules import domain_info

from tools.inventories import Inventories, domain

if t.TYPE_CHECKING:
    from pathlib import Path

_DEVICES = """<devices>
  <disk type='file'><driver name='qemu' type='qcow2'/><source file='/images/{name}.qcow2'/><target dev='vda'/></disk>
  <interface type='network'><mac address='52:54:00:00:00:01'/><source network='default'/></interface>
  <graphics type='vnc' port='5901'/></devices></domain>"""


class Hosts:
    """Makes hosts, and runs the module over them."""

    def __init__(self, folder: Path) -> None:
        self._inventories = Inventories(folder)
        self.journal = folder / "journal.sqlite"
        self.warnings: list[str] = []

    def make(self, label: str, *domains: str) -> str:
        return self._inventories.host(label, *domains)["uri"]

    def run(self, *uris: str, **params: t.Any) -> dict[str, t.Any]:
        defaults = {
            name: option.get("default") for name, option in domain_info.ARGUMENTS.options.items()
        }
        chosen = {"uris": list(uris) or None, "journal": str(self.journal), **params}
        module = types.SimpleNamespace(params={**defaults, **chosen}, warn=self.warnings.append)
        return domain_info.read_domains(t.cast("t.Any", module))


@pytest.fixture
def hosts(tmp_path: Path) -> Hosts:
    return Hosts(tmp_path)


def list_names(result: dict[str, t.Any]) -> list[str]:
    return [row["name"] for row in result["domains"]]


def test_domains_of_many_hosts_carry_where_they_are(hosts: Hosts) -> None:
    first = hosts.make("k1", domain("web-2", fleet="web"), domain("db"))
    second = hosts.make("k2", domain("web-1", fleet="web"))
    result = hosts.run(first, second, first)
    assert [(row["name"], row["uri"]) for row in result["domains"]] == [
        ("db", first),
        ("web-1", second),
        ("web-2", first),
    ]
    row = result["domains"][1]
    assert row["machine"] == {"uri": second, "name": "web-1", "uuid": row["uuid"]}
    assert [(host["uri"], host["domains"], host["problem"]) for host in result["hosts"]] == [
        (first, 2, None),
        (second, 1, None),
    ]


def test_a_host_that_is_dead_or_silent_is_a_row_with_a_problem(
    hosts: Hosts, tmp_path: Path
) -> None:
    alive, dead = hosts.make("k1", domain("web-1")), f"test://{tmp_path}/missing.xml"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent"))
        silent.listen()
        hung = f"qemu+unix:///system?socket={tmp_path}/silent"
        result = hosts.run(dead, hung, alive, timeout=1.0)
    assert list_names(result) == ["web-1"]
    problems = [host["problem"] for host in result["hosts"]]
    assert "missing.xml" in problems[0]
    assert "within 1 s" in problems[1]
    assert problems[2] is None
    assert [host["domains"] for host in result["hosts"]] == [None, None, 1]


def test_no_hosts_are_no_domains_and_not_those_of_this_machine(hosts: Hosts) -> None:
    assert hosts.run(uris=[]) == {"domains": [], "hosts": [], "missing": []}


def test_a_host_that_ssh_does_not_reach_leaves_no_process_behind(
    hosts: Hosts, tmp_path: Path
) -> None:
    command, pid = tmp_path / "ssh", tmp_path / "pid"
    command.write_text(f"#!/bin/sh\necho $$ > {pid}\nexec sleep 600\n")
    command.chmod(0o755)
    result = hosts.run(f"qemu+ssh://kvm1/system?command={command}", timeout=0.5)
    assert "within 0.5 s" in result["hosts"][0]["problem"]
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_the_one_host_that_is_named_has_to_answer(hosts: Hosts, tmp_path: Path) -> None:
    with pytest.raises(ConnectionFailed, match=r"missing\.xml"):
        hosts.run(uri=f"test://{tmp_path}/missing.xml")


def test_a_password_is_in_no_row(hosts: Hosts) -> None:
    result = hosts.run("qemu+tcp://root:hunter2hunter2@127.0.0.1:1/system")
    assert "hunter2" not in json.dumps(result)
    assert result["hosts"][0]["uri"] == "qemu+tcp://root:***@127.0.0.1:1/system"


def test_what_is_no_uri_is_the_mistake_of_the_task(hosts: Hosts) -> None:
    with pytest.raises(InvalidInput, match="is not a libvirt URI"):
        hosts.run(hosts.make("k1"), "kvm2")


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ({}, ["ci-1", "db", "web-1", "web-2"]),
        ({"name": ["db", "web-1"]}, ["db", "web-1"]),
        ({"name": []}, []),
        ({"fleet": "web"}, ["web-1", "web-2"]),
        ({"tenant": "acme"}, ["db", "web-1"]),
        ({"pattern": "web-*"}, ["web-1", "web-2"]),
        ({"pattern": "WEB-*"}, []),
        ({"tags": ["edge"]}, ["ci-1", "web-2"]),
        ({"tags": ["edge", "eu"]}, ["web-2"]),
        ({"fleet": "web", "tenant": "acme"}, ["web-1"]),
        ({"fleet": ""}, []),
    ],
)
def test_all_that_is_chosen_by_has_to_hold(
    hosts: Hosts, choice: dict[str, t.Any], names: list[str]
) -> None:
    first = hosts.make(
        "k1", domain("web-1", fleet="web", tenant="acme"), domain("ci-1", tags=["edge"])
    )
    second = hosts.make(
        "k2", domain("web-2", fleet="web", tags=["eu", "edge"]), domain("db", tenant="acme")
    )
    assert list_names(hosts.run(first, second, **choice)) == names


def test_a_name_that_nobody_has_is_told(hosts: Hosts) -> None:
    result = hosts.run(hosts.make("k1", domain("db")), name=["web-9", "db", "web-9"])
    assert (list_names(result), result["missing"]) == (["db"], ["web-9"])


def test_a_query_is_over_domains_and_hosts(hosts: Hosts, tmp_path: Path) -> None:
    query = "{names: domains[?version=='1.2'].name, dead: length(hosts[?problem])}"
    alive = hosts.make("k1", domain("web", appliance="web:1.2"), domain("db", appliance="db:3"))
    result = hosts.run(alive, f"test://{tmp_path}/missing.xml", query=query)
    assert result == {"result": {"names": ["web"], "dead": 1}}


def test_text_of_others_is_data(hosts: Hosts) -> None:
    text = "{{ lookup('pipe', 'id') }} <b>&amp;</b>"
    host = hosts.make("k1", domain("web", title=text, description=text, tags=[text], fleet=text))
    row = hosts.run(host)["domains"][0]
    assert [row["title"], row["description"], row["tags"], row["fleet"]] == [text] * 2 + [
        [text],
        text,
    ]


def test_labels_and_lineage_are_told(hosts: Hosts) -> None:
    labels = {"tenant": "acme", "appliance": "web:1.2", "parent": "web:1.2", "created": "2026"}
    row = hosts.run(hosts.make("k1", domain("web-1", protected="", **labels)))["domains"][0]
    assert {name: row[name] for name in labels} == labels
    assert (row["version"], row["protected"], row["autostart"]) == ("1.2", True, False)


def test_what_is_unfinished_about_a_machine_stands_in_its_row(hosts: Hosts) -> None:
    first, second = hosts.make("k1", domain("web-1")), hosts.make("k2", domain("web-1"))
    begin = Journal(str(hosts.journal)).begin
    with contextlib.suppress(ZeroDivisionError), begin("clone", "web-1, web-2", {"uri": first}):
        raise ZeroDivisionError
    rows = hosts.run(first, second)["domains"]
    assert [(row["kind"], row["alive"]) for row in rows[0]["transactions"]] == [("clone", False)]
    assert rows[1]["transactions"] == []


def test_a_journal_that_cannot_be_read_is_warned_of(hosts: Hosts) -> None:
    hosts.journal.mkdir()
    result = hosts.run(hosts.make("k1", domain("web-1")))
    assert result["domains"][0]["transactions"] is None
    assert "What is unfinished is not known" in hosts.warnings[0]


@pytest.mark.parametrize("option", ["timeout", "parallel", "agent_timeout", "connect_timeout"])
def test_a_limit_is_above_zero(hosts: Hosts, option: str) -> None:
    with pytest.raises(InvalidInput, match=f"{option}: 0 must be a positive number"):
        hosts.run(hosts.make("k1"), **{option: 0})


def test_every_documented_key_is_returned_and_has_a_sample(hosts: Hosts) -> None:
    documented = yaml.safe_load(domain_info.RETURN)
    text = domain("web-1").replace("</domain>", _DEVICES.format(name="web-1"))
    result = hosts.run(hosts.make("k1", text))
    assert result.keys() == documented.keys() - {"result"}
    pending = [(result, documented)]
    while pending:
        values, described = pending.pop()
        for key, value in values.items():
            assert "contains" in described[key] or "sample" in described[key]
            row = value[0] if isinstance(value, list) and value else value
            if "contains" in described[key]:
                assert row.keys() == described[key]["contains"].keys(), key
                pending.append((row, described[key]["contains"]))
