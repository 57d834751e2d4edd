# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory makes of what guests say, on the other end of the ansible-cores that are supported.

The lock has the oldest for Python 3.11 and the newest for newer Pythons, and these tests run on one of them.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tools import pythons
from tools.checkout import ROOT

_NEWEST_FROM = 12  # Python 3.12
# Of all unit tests those that are about listed domains; none of a file with another beginning, or all would be read.
_CHOICE = ("-k", "test_domains", "--ignore-glob=*/test_[!ds]*.py")


def test_guests_are_not_trusted_on_the_other_ansible_core() -> None:
    is_oldest = sys.version_info[:2] < (3, _NEWEST_FROM)
    other = (
        pythons.newest(_NEWEST_FROM)
        if is_oldest
        else pythons.newest(_NEWEST_FROM - 1, _NEWEST_FROM - 1)
    )
    if other is None:
        pytest.skip(
            f"no Python {'3.12 or newer' if is_oldest else '3.11'} with its headers on this machine"
        )
    outside = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ANSIBLE_", "PYTEST_"))
    }
    done = subprocess.run(
        [ROOT / "dev", "test", "unit", "-q", *_CHOICE],
        env={**outside, "HEADROOM_PYTHON": str(other)},
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
