# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The units of extensions/systemd on a real systemd: runs follow each other and never overlap, and a failure is kept.

What they start is put in, a program that notes when it begins and ends: the hosts of the lab have no Ansible.
"""

from __future__ import annotations

import time
import typing as t

import pytest

from tools import checkout

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Lab

HOST = "k1"
UNITS = checkout.ROOT / "extensions/systemd"
NAMES = ("headroom-provision.service", "headroom-provision.timer", "headroom-watch.service")
RUN_SECONDS = 3
PATIENCE_SECONDS = 60
PROGRAM = f"""#!/bin/sh
echo "begin $*" >> /etc/headroom/log
sleep {RUN_SECONDS}
echo end >> /etc/headroom/log
exit $(cat /etc/headroom/status)
"""
SET_UP = f"""set -e
useradd --system ansible
install -d -o ansible /etc/headroom
echo 0 > /etc/headroom/status
install -d /etc/systemd/system/headroom-provision.timer.d
printf '[Timer]\\nOnCalendar=\\nOnCalendar=*:*:0/1\\n' > /etc/systemd/system/headroom-provision.timer.d/often.conf
cat > /usr/local/bin/ansible-playbook <<'EOT'
{PROGRAM}EOT
chmod 755 /usr/local/bin/ansible-playbook
echo HOSTS=test:///default > /etc/headroom/watch.env
systemctl daemon-reload
"""
CLEAN_UP = f"""systemctl stop {" ".join(NAMES)}
cd /etc/systemd/system && rm -rf headroom-provision.timer.d {" ".join(NAMES)}
systemctl daemon-reload
rm -rf /etc/headroom /usr/local/bin/ansible-playbook
userdel ansible
"""


def run(lab: Lab, script: str) -> str:
    done = lab.run("ssh", HOST, script)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def units(full: None, lab: Lab) -> Iterator[None]:  # noqa: ARG001 - before the lab
    paths = [str(UNITS / name) for name in NAMES]
    try:
        done = lab.run("scp", "-q", *paths, f"{HOST}:/etc/systemd/system/")
        assert done.returncode == 0, done.stdout
        run(lab, SET_UP)
        yield
    finally:
        lab.run("ssh", HOST, CLEAN_UP)


def wait_for_runs(lab: Lab, count: int) -> list[str]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        lines = run(lab, "cat /etc/headroom/log 2> /dev/null || true").splitlines()
        if lines.count("end") >= count:
            return lines
        time.sleep(0.5)
    return pytest.fail(run(lab, "journalctl -n 50 -u 'headroom-*'"))


@pytest.mark.usefixtures("full", "units")
def test_the_timer_runs_again_and_again_and_one_at_a_time(lab: Lab) -> None:
    run(
        lab, f"systemd-analyze verify /etc/systemd/system/{NAMES[0]} /etc/systemd/system/{NAMES[1]}"
    )
    run(lab, "systemctl start headroom-provision.timer")
    lines = wait_for_runs(lab, 3)
    begins, ends = lines[::2], lines[1::2]
    assert set(begins) == {"begin -i inventory headroom.libvirt.provision -e @fleets.yml"}
    assert set(ends) == {"end"}


@pytest.mark.usefixtures("full", "units")
def test_a_run_that_fails_is_told_and_the_next_one_comes(lab: Lab) -> None:
    run(lab, "echo 4 > /etc/headroom/status; systemctl start headroom-provision.timer")
    wait_for_runs(lab, 1)
    told = run(lab, "journalctl -u headroom-provision.service")
    assert "status=4" in told
    run(lab, "echo 0 > /etc/headroom/status")
    wait_for_runs(lab, 3)


@pytest.mark.usefixtures("full", "units")
def test_two_who_start_it_at_once_get_one_run(lab: Lab) -> None:
    run(
        lab,
        "systemctl start headroom-provision.service & systemctl start headroom-provision.service; wait",
    )
    assert wait_for_runs(lab, 1)[1::2] == ["end"]
