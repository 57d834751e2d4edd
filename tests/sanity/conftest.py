# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-test's sanity tests take minutes of one core: they begin with the first test, and the last looks at them."""

from __future__ import annotations

import contextlib

import pytest

from tools import ansible_test

_RUN = pytest.StashKey[ansible_test.Run]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin when a test that waits for it was selected."""
    wanted = any("sanity_run" in getattr(item, "fixturenames", ()) for item in session.items)
    if wanted and not session.config.option.collectonly:
        stack = contextlib.ExitStack()
        session.config.add_cleanup(stack.close)
        run = ansible_test.begun("sanity", "--venv", "--color", "no", "--truncate", "0")
        session.config.stash[_RUN] = stack.enter_context(run)


@pytest.fixture
def sanity_run(request: pytest.FixtureRequest) -> ansible_test.Run:
    return request.config.stash[_RUN]
