# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the benchmark of the inventory stands on."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

from ansible_collections.headroom.libvirt.plugins.module_utils._inventory import survey

from bench import delay, inventory, simulated


def test_a_distant_socket_answers_late_and_many_questions_at_once(tmp_path: Path) -> None:
    target = socket.socket(socket.AF_UNIX)
    target.bind(str(tmp_path / "target"))
    target.listen()

    def echo() -> None:
        connection, _peer = target.accept()
        with connection:
            while data := connection.recv(100):
                connection.sendall(data)

    thread = threading.Thread(target=echo, daemon=True)
    thread.start()
    with (
        delay.delayed(0.05, str(tmp_path / "target")) as uri,
        socket.socket(socket.AF_UNIX) as client,
    ):
        client.connect(uri.partition("?socket=")[2])
        started = time.perf_counter()
        for _unused in range(20):
            client.sendall(b"x")
        answer = b""
        while len(answer) < 20:
            answer += client.recv(100)
        took = time.perf_counter() - started
    thread.join(10)
    target.close()
    assert 0.05 <= took < 20 * 0.05
    assert not Path(uri.partition("?socket=")[2]).exists()


def test_simulated_guests_are_whole() -> None:
    report = json.loads(json.dumps(simulated.report(3, 300)))
    guests = survey.build_snapshot(report, ("lease",)).guests
    assert len({guest.uuid for guest in guests}) == len({guest.address for guest in guests}) == 300
    assert {guest.facts["fleet"] for guest in guests} == {"web"}
    assert {guest.state for guest in guests} == {"running"}


def test_both_contenders_get_the_same_hosts(tmp_path: Path) -> None:
    course = inventory.course(
        tmp_path, {"k1": "qemu+ssh://k1/system", "k2": "qemu+ssh://k2/system"}
    )
    ours = json.loads(course.ours.read_text())
    theirs = [json.loads(path.read_text()) for path in course.theirs]
    assert [host["uri"] for host in ours["uris"]] == [host["uri"] for host in theirs]
    assert set(course.contenders) == {inventory.OURS, inventory.PEER}
