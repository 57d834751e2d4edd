# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory's ways to a guest, gone by Ansible: through its host, and through its agent without any network."""

from __future__ import annotations

import json
import os
import sys
import typing as t

import pytest

from bench import peer
from lab.guest.domain import domain_xml
from lab.machine import domain_type

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Lab

GUEST = f"reach-{os.getpid()}"
DISK = f"/var/lib/libvirt/images/{GUEST}.qcow2"
MAKE = f"""
set -e
cp --sparse=always /var/lib/headroom-lab/guest.qcow2 {DISK}
virsh create /dev/stdin <<'XML'
{domain_xml(GUEST, domain_type())}
XML
for second in $(seq 60); do
    virsh domifaddr {GUEST} --source agent 2>/dev/null | grep -q eth0.*ipv4 && exit
    sleep 1
done
exit 1
"""


@pytest.fixture(scope="module", params=["k1", "k2"])
def host(lab: Lab, request: pytest.FixtureRequest) -> Iterator[str]:
    """A host on which the guest runs, with an address and an agent that answers."""
    try:
        made = lab.run("ssh", request.param, MAKE)
        assert made.returncode == 0, made.stdout
        yield request.param
    finally:
        lab.run(
            "ssh", request.param, f"virsh destroy {GUEST}; rm -f {DISK}; virsh pool-refresh default"
        )


def say(lab: Lab, folder: Path, host: str, python: str, command: str, **options: t.Any) -> str:
    """What a command in the guest says to Ansible, which knows the guest from the inventory."""
    path = folder / "reach.headroom.yml"
    uris = [{"name": host, "uri": f"qemu+ssh://root@{host}/system?no_tty=1"}]
    path.write_text(
        json.dumps(
            {"plugin": "headroom.libvirt.domains", "uris": uris, "names": [GUEST], **options}
        )
    )
    # A connection of its own each time: one that is kept open would be used again, whichever way it goes.
    settings = ["env", "ANSIBLE_HOST_KEY_CHECKING=false", "ANSIBLE_SSH_ARGS=-o ControlMaster=no"]
    done = lab.run(
        *settings,
        python,
        "-m",
        "ansible",
        "adhoc",
        GUEST,
        "-i",
        str(path),
        "-m",
        "raw",
        "-a",
        command,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("source", ["lease", "agent", "arp"])
def test_proxy_jump_goes_through_the_host(lab: Lab, host: str, tmp_path: Path, source: str) -> None:
    options: dict[str, t.Any] = {"address_sources": [source], "compose": {"ansible_user": "'root'"}}
    question = "echo from ${SSH_CONNECTION%% *}"
    gateway = f"from 10.77.{10 + int(host[1:])}.1"  # of the guests' network; the controller has another address
    assert gateway in say(
        lab, tmp_path, host, sys.executable, question, connect="proxy_jump", **options
    )
    assert "from 10.77.0.1" in say(lab, tmp_path, host, sys.executable, question, **options)


def test_the_guest_agent_needs_no_network(lab: Lab, host: str, tmp_path: Path) -> None:
    python = peer.python()  # has the collection with that connection
    if python is None:
        pytest.skip("community.libvirt comes with PyPI's ansible, which needs Python 3.12 or newer")
    lab.run(
        "ssh",
        host,
        f"virsh domif-setlink {GUEST} $(virsh -q domiflist {GUEST} | cut -d' ' -f2) down",
    )
    said = say(
        lab, tmp_path, host, str(python), "hostname", connect="guest_agent", address_sources=[]
    )
    assert "guest-" in said
