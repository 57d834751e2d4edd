# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host that starts asks the others whether it is one of them: the role's script, with an ssh of ours."""

from __future__ import annotations

import shlex
import subprocess
import typing as t

import jinja2
import pytest

from tools.checkout import ROOT

if t.TYPE_CHECKING:
    from pathlib import Path

TEMPLATE: t.Final = ROOT / "roles/hypervisor/templates/membership.sh.j2"
SSH: t.Final = """#!/bin/sh
case " $* " in *" -p 2222 root@"*) ;; *) echo "no port" >&2; exit 2 ;; esac
for word in "$@"; do case $word in root@*) host=${word#root@} ;; esac; done
case $host in
    lets) exit 0 ;;
    refuses) echo "root@refuses: Permission denied (publickey)." >&2; exit 255 ;;
    *) echo "ssh: connect to host $host port 22: No route to host" >&2; exit 255 ;;
esac
"""


@pytest.fixture
def autostart(tmp_path: Path) -> Path:
    """The folder of a host with two guests that start with it."""
    folder = tmp_path / "etc/libvirt/qemu/autostart"
    folder.mkdir(parents=True)
    (tmp_path / "var/lib/headroom").mkdir(parents=True)
    for name in ("db", "web 1"):
        (folder.parent / f"{name}.xml").touch()
        (folder / f"{name}.xml").symlink_to(folder.parent / f"{name}.xml")
    program = tmp_path / "bin/ssh"
    program.parent.mkdir()
    program.write_text(SSH)
    program.chmod(0o755)
    (tmp_path / "key").touch()
    return folder


def start(root: Path, *peers: str) -> None:
    environment = jinja2.Environment(trim_blocks=True, autoescape=False)  # noqa: S701 - a shell script
    environment.filters["quote"] = shlex.quote
    text = environment.from_string(TEMPLATE.read_text()).render(
        __hypervisor_key=str(root / "key"),
        __hypervisor_peer_places=[f"2222@{peer}" for peer in peers],
    )
    text = text.replace("/etc/libvirt", f"{root}/etc/libvirt").replace(
        "/var/lib", f"{root}/var/lib"
    )
    subprocess.run(
        ["/bin/sh", "-c", text], check=True, env={"PATH": f"{root}/bin:/usr/bin:/bin"}, timeout=30
    )


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    "peers", [("lets",), ("silent", "refuses", "lets"), ("silent", "silent"), ()]
)
def test_a_member_and_a_host_that_is_alone_start_as_usual(
    tmp_path: Path, autostart: Path, peers: tuple[str, ...]
) -> None:
    start(tmp_path, *peers)
    assert list_names(autostart) == ["db.xml", "web 1.xml"]
    assert not (tmp_path / "var/lib/headroom/removed").exists()


@pytest.mark.parametrize("peers", [("refuses",), ("silent", "refuses")])
def test_a_host_that_is_refused_by_all_who_answer_starts_no_guest(
    tmp_path: Path, autostart: Path, peers: tuple[str, ...]
) -> None:
    start(tmp_path, *peers)
    assert list_names(autostart) == []
    assert list_names(autostart.parent) == ["autostart", "db.xml", "web 1.xml"]
    lines = (tmp_path / "var/lib/headroom/removed").read_text().splitlines()
    assert lines[1:] == ["db", "web 1"]


def test_a_refusal_says_nothing_where_root_may_not_log_in(tmp_path: Path, autostart: Path) -> None:
    program = tmp_path / "bin/sshd"
    program.write_text("#!/bin/sh\necho permitrootlogin no\n")
    program.chmod(0o755)
    start(tmp_path, "refuses")
    assert list_names(autostart) == ["db.xml", "web 1.xml"]


def test_a_host_without_a_key_asks_nobody(tmp_path: Path, autostart: Path) -> None:
    (tmp_path / "key").unlink()
    start(tmp_path, "refuses")
    assert list_names(autostart) == ["db.xml", "web 1.xml"]
