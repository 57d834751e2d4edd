# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess
import sys
import typing as t
import zipfile
from pathlib import Path

import pytest

from tools import checkout, warm

ON_HOST: t.Final = checkout.ROOT / "tests/tools/on_host"
PLAY: t.Final = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.ping:
"""
# Imports what the archive has, and says where its code is from and what it returns.
LOOK: t.Final = """
import sys
import headroom_kept_bytecode
headroom_kept_bytecode.FOLDER, archive = sys.argv[1:]
sys.path.insert(0, archive)
import packed
print(packed.answer.__code__.co_filename, packed.answer())
"""


def pack(archive: Path, answer: str) -> Path:
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("packed.py", f"def answer():\n    return {answer!r}\n")
    return archive


def look(folder: Path, archive: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(folder), str(archive)],
        env={**os.environ, "PYTHONPATH": str(ON_HOST)},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.split()


def test_code_is_kept_by_its_source_and_says_where_it_is_now(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    for name in ("first.zip", "second.zip"):
        archive = pack(tmp_path / name, "same")
        assert look(kept, archive) == [f"{archive}/packed.py", "same"]
    (code,) = kept.iterdir()
    assert look(kept, pack(tmp_path / "third.zip", "other"))[1] == "other"
    assert len(list(kept.iterdir())) == 2
    code.write_bytes(next(path for path in kept.iterdir() if path != code).read_bytes())
    assert look(kept, tmp_path / "first.zip")[1] == "other"  # so it is what is kept that runs


def test_where_nothing_can_be_kept_it_is_compiled(tmp_path: Path) -> None:
    assert look(tmp_path / "missing", pack(tmp_path / "some.zip", "same"))[1] == "same"


def test_hosts_get_what_keeps_bytecode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\n{ echo "$1"; echo "$2"; cat; } >"$0.$1"\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    subprocess.run(warm.keep_bytecode(["k1", "k2"]), check=True)
    program = (ON_HOST / "headroom_kept_bytecode.py").read_text()
    for host in ("k1", "k2"):
        said = (tmp_path / f"ssh.{host}").read_text()
        assert said.startswith(f"{host}\nset -e\n")
        assert said.endswith(program)


def test_a_playbook_finds_what_the_one_before_packed(tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(PLAY)
    payloads = tmp_path / "payloads"
    times = []
    for _each in range(2):
        subprocess.run(
            [Path(sys.executable).with_name("ansible-playbook"), "play.yml"],
            cwd=tmp_path,
            env={
                **os.environ,
                **warm.prepare_environment(payloads),
                "ANSIBLE_LOCAL_TEMP": str(tmp_path),
            },
            check=True,
            capture_output=True,
        )
        (payload,) = payloads.glob("ansible.modules.ping-*[!k]")
        times.append(payload.stat().st_mtime_ns)
    assert times[0] == times[1]
    assert list(
        (payloads / "bytecode").iterdir()
    )  # what runs on the controller is compiled once, too
    assert list(tmp_path.glob("ansible-local-*")) == []  # with its link, and not through it


def test_ansible_is_told_to_ask_its_workers_less_often(tmp_path: Path) -> None:
    told = subprocess.run(
        [Path(sys.executable).with_name("ansible-config"), "dump", "--only-changed"],
        env={**os.environ, **warm.prepare_environment(tmp_path / "payloads")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert "DEFAULT_INTERNAL_POLL_INTERVAL" in told.stdout
