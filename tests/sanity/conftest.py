# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run of ansible-test's sanity tests, which ends with whoever waits for it."""

from __future__ import annotations

import typing as t

import pytest

from tools import ansible_test

if t.TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sanity_run() -> Iterator[ansible_test.Run]:
    with ansible_test.begun("sanity", "--venv", "--color", "no", "--truncate", "0") as run:
        yield run
