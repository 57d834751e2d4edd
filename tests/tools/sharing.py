# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the processes of one pytest run share its tests: a module goes to one of them, and its fixtures are made once.

Most of an integration test is waiting, for guests that boot and for hosts that are slow on purpose: two labs beside
each other take little longer than one. The modules of `APART` are shared by the case. Cases whose name ends with the
same `@PLACE` have a lab in common that is not made twice.
"""

from __future__ import annotations

import os
import typing as t

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

APART: t.Final = frozenset({"tests/integration/test_targets.py", "tests/lint/test_lint.py"})


def is_shared() -> bool:
    """Whether this is one of the processes that share a run."""
    return "PYTEST_XDIST_WORKER" in os.environ


def find_unit(nodeid: str) -> str:
    """What of a test's name it shares with those that the same process has to run."""
    module, _colons, rest = nodeid.partition("::")
    if module not in APART:
        return module
    case, at, place = rest.rstrip("]").rpartition("@")
    return f"{module}::{place}" if at and case else nodeid


class ByModule(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out modules in the order of the command line."""

    def _split_scope(self, nodeid: str) -> str:
        return find_unit(nodeid)
