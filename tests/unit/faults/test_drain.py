# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import select
import subprocess

from faults import drain


def test_a_controller_that_dies_takes_all_that_it_has_started_with_it() -> None:
    """Workers of Ansible are sessions of their own."""
    running = subprocess.Popen(
        ["sh", "-c", "setsid sleep 60 > /dev/null & echo $!; wait"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    worker = os.pidfd_open(int(running.stdout.readline()))
    drain.kill(running)
    assert running.returncode is not None
    assert select.select([worker], [], [], 10)[0], "the worker lives on"
    os.close(worker)
