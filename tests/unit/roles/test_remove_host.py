# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook remove_host: nobody is forgotten who was not looked at, and nothing is claimed of hosts that were not.

Its own play runs, with a module in place of those that need libvirt, which answers what a test says.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from tools.checkout import ROOT, collections_path

BOOK: t.Final = ROOT / "playbooks" / "remove_host.yml"
STAND_IN: t.Final = """
import json
from ansible.module_utils.basic import AnsibleModule

module = AnsibleModule(
    argument_spec={"answers": {"type": "str"}, "log": {"type": "str"}, "called": {"type": "str"}},
    supports_check_mode=True,
)
with open(module.params["log"], "a") as log:
    log.write(module.params["called"] + (" (check)" if module.check_mode else "") + "\\n")
module.exit_json(**json.loads(module.params["answers"]))
"""
INVENTORY: t.Final = """
[hypervisors]
kvm1
kvm2
kvm3 ansible_host=fd00::2 hypervisor_address=192.0.2.13
[all:vars]
ansible_connection=local
"""
# What the modules say where a test says nothing else.
EMPTY: t.Final[dict[str, t.Any]] = {
    "domain_info": {"domains": []},
    "host_maintenance": {"lost": []},
    "network_reservation_info": {"reservations": []},
    "transaction_info": {"exports": [], "transactions": []},
}
SILENT: t.Final = "ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1"


class Run(t.NamedTuple):
    code: int
    said: str
    calls: dict[str, list[str]]


def stand_in(rows: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """Return the tasks with the stand-in for the modules and the role of the collection."""
    tasks = []
    for row in rows:
        if "block" in row:
            row["block"] = stand_in(row["block"])
        name = next((key for key in row if key.startswith("headroom.libvirt.")), None)
        role = row.pop("ansible.builtin.include_role", None)
        if name or role:
            called = role["tasks_from"] if role else str(name).rpartition(".")[2]
            arguments = {} if role else row.pop(str(name)) or {}
            row["stand_in"] = {
                "called": f"{called} {arguments.get('state', '')} {arguments.get('name', '')}".strip(),
                "answers": f"{{{{ answers.{called} | default({{}}) | to_json }}}}",
                "log": "{{ playbook_dir }}/{{ inventory_hostname }}.log",
            }
        tasks.append(row)
    return tasks


def remove(
    tmp_path: Path,
    *options: str,
    inventory: str = INVENTORY,
    answers: t.Mapping[str, dict[str, t.Any]] | None = None,
    **given: t.Any,
) -> Run:
    """Run the play that takes hosts away, without the drain before it; ``answers`` are {host: {module: result}}."""
    play = yaml.safe_load(BOOK.read_text(encoding="utf-8"))[1]
    play["tasks"] = stand_in(play["tasks"])
    (tmp_path / "library").mkdir(exist_ok=True)
    (tmp_path / "library" / "stand_in.py").write_text(STAND_IN)
    (tmp_path / "host_vars").mkdir(exist_ok=True)
    for host in ("kvm1", "kvm2", "kvm3"):
        said = {"answers": {**EMPTY, **(answers or {}).get(host, {})}}
        (tmp_path / "host_vars" / f"{host}.json").write_text(json.dumps(said))
    (tmp_path / "inventory").write_text(f"{inventory}ansible_python_interpreter={sys.executable}\n")
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    extra = json.dumps({"remove_host": "kvm3", **given})
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [program, "-i", "inventory", "play.yml", "-e", extra, *options],
        cwd=tmp_path,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collections_path()), "COLUMNS": "9999"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert "Warning" not in done.stderr
    calls = {path.stem: path.read_text().splitlines() for path in tmp_path.glob("*.log")}
    return Run(done.returncode, done.stdout, calls)


def set_host(host: str, words: str) -> str:
    return re.sub(rf"^{host}\b.*", f"{host} {words}", INVENTORY, flags=re.MULTILINE)


def tell_guest(name: str, uri: str = "", address: str = "198.51.100.1") -> dict[str, t.Any]:
    dependency = {"source_uri": uri, "address": address} if uri else None
    return {"name": name, "helper": False, "dependency": dependency}


LOST: t.Final = {
    "host_maintenance": {"lost": [{"name": "web-1"}, {"name": "web-2"}]},
    "network_reservation_info": {"reservations": [{"name": "web-1"}, {"name": "web-2"}]},
}


def test_what_is_not_finished_is_told(tmp_path: Path) -> None:
    rows = [
        {"id": "a1", "kind": "export", "resume": ["Stop the export e on qemu+ssh://kvm3/system."]},
        {"id": "b2", "kind": "clone", "resume": ["Make kvm3 anew."]},
    ]
    exports = [
        {"name": "headroom-export-1", "reader_uri": "qemu+ssh://root@[fd00::2]/system"},
        {"name": "headroom-export-2", "reader_uri": "qemu+ssh://root@kvm2/system"},
        {"name": "headroom-export-3", "reader_uri": None},
    ]
    answers = {"kvm1": {"transaction_info": {"exports": exports, "transactions": rows}}}
    run = remove(tmp_path, answers=answers)
    assert run.code == 0, run.said
    assert 'Exports that still serve disks to them: headroom-export-1 on kvm1"' in run.said
    assert 'with state rolled_back: export a1 on kvm1"' in run.said


def test_all_that_was_seen_is_told_and_forgotten(tmp_path: Path) -> None:
    guests = [
        tell_guest("by-address", "qemu+ssh://root@[FD00::2]/system"),
        tell_guest("by-zone", "qemu+ssh://[fd00::2%25eth0]:2222/system"),
        tell_guest("by-name", "qemu+tls://kvm3/system"),
        tell_guest("by-port", "qemu+ssh://root@192.0.2.13:2222/system"),
        tell_guest("by-export", "qemu+ssh://root@other/system", "fd00::2"),
        tell_guest("elsewhere", "qemu+ssh://root@[fd00::2:1]/system"),
        tell_guest("further", "qemu+ssh://root@192.0.2.130/system"),
        tell_guest("kvm3-like", "qemu+ssh://root@kvm3x/system"),
        tell_guest("web-2"),
    ]
    answers = {"kvm1": LOST, "kvm2": {"domain_info": {"domains": guests}}}
    run = remove(tmp_path, answers=answers)
    assert run.code == 0, run.said
    assert (
        '"Guests that read a part of their disks from them: by-address, by-export, by-name, by-port, by-zone"'
        in run.said
    )
    # the other one has been moved
    assert '"Machines of fleets that were lost with them: web-1"' in run.said
    assert "host_maintenance removed" in run.calls["kvm1"]
    assert "network_reservation absent web-1" in run.calls["kvm1"]
    assert "network_reservation absent web-2" not in run.calls["kvm1"]
    assert run.calls["kvm3"] == ["domain_info", "leave", "host_maintenance absent"]


@pytest.mark.parametrize("cause", ["silent", "limit"])
def test_a_host_that_stays_and_was_not_looked_at_is_named(tmp_path: Path, cause: str) -> None:
    limit = ["--limit", "kvm1,kvm3"] if cause == "limit" else []
    inventory = set_host("kvm2", SILENT) if cause == "silent" else INVENTORY
    run = remove(tmp_path, *limit, inventory=inventory, answers={"kvm1": LOST})
    assert run.code != 0
    assert "kvm2 did not answer, failed above, or is left out by --limit." in run.said
    assert "run the same command again once it answers, without --limit" in run.said
    assert "read a part of their disks from them: none, as far as was looked at" in run.said
    # its keys go, and what fleets expect stays: it may be on the other host
    assert "forget" in run.calls["kvm1"]
    assert "host_maintenance removed (check)" in run.calls["kvm1"]
    assert not any(call.startswith("network_reservation absent") for call in run.calls["kvm1"])
    (tmp_path / "kvm1.log").unlink()
    again = remove(tmp_path, answers={"kvm1": LOST})
    assert again.code == 0, again.said
    assert "host_maintenance removed" in again.calls["kvm1"]
    assert "network_reservation absent web-1" in again.calls["kvm1"]


@pytest.mark.parametrize(
    ("options", "inventory", "given"),
    [
        (["--limit", "kvm1,kvm2"], INVENTORY, {}),
        (["--limit", "kvm1,kvm2"], INVENTORY, {"remove_dead": True}),
        ([], INVENTORY, {"remove_host": "kvm33", "remove_dead": True}),
        ([], set_host("kvm3", SILENT), {}),
    ],
)
def test_a_host_that_goes_and_was_not_looked_at_is_not_forgotten(
    tmp_path: Path, options: list[str], inventory: str, given: dict[str, t.Any]
) -> None:
    run = remove(tmp_path, *options, inventory=inventory, **given)
    assert run.code != 0
    assert run.calls == {}
    silent = "UNREACHABLE" in run.said
    assert silent or f"{given.get('remove_host', 'kvm3')} was not looked at, so nothing" in run.said


def test_a_dead_host_is_forgotten(tmp_path: Path) -> None:
    run = remove(
        tmp_path, inventory=set_host("kvm3", SILENT), answers={"kvm1": LOST}, remove_dead=True
    )
    assert run.code == 0, run.said
    assert '"Machines of fleets that were lost with them: web-1, web-2"' in run.said
    assert "forget" in run.calls["kvm2"]
    assert "kvm3" not in run.calls
