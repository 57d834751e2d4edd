# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make `ansible_collections.headroom.libvirt` importable from a checkout of any name, for plain pytest too."""

from __future__ import annotations

import os
import signal
import typing as t

import pytest
from xdist.workermanage import NodeManager  # type: ignore[import-untyped]

from tools import sharing, tarball
from tools.checkout import collections_path

# Before Ansible is imported: its configuration reads the environment once.
os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(collections_path())

from ansible.plugins.loader import init_plugin_loader

if t.TYPE_CHECKING:
    from pathlib import Path

init_plugin_loader([os.environ["ANSIBLE_COLLECTIONS_PATH"]])


def pytest_configure() -> None:
    """A termination is an interrupt, after which nothing stays behind: without this no fixture would end."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_sessionstart() -> None:
    """Give the processes that share the tests the time that a lab takes to go down, when they are interrupted."""
    NodeManager.EXIT_TIMEOUT = 30


def pytest_xdist_make_scheduler(config: pytest.Config, log: t.Any) -> sharing.ByModule:
    """How a run in several processes shares its tests."""
    return sharing.ByModule(config, log)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A path into which the built tarball was installed, which the processes of a run have in common: only read it."""
    own = tmp_path_factory.getbasetemp()
    return tarball.install_once((own.parent if sharing.is_shared() else own) / "tarball")
