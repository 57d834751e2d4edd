# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A minute of spoilt input for each parser, as many at a time as there are processors, with other inputs each time."""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
import typing as t

import pytest

from fuzz.targets import TARGETS
from tools.checkout import ROOT

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    Runs = dict[str, concurrent.futures.Future[subprocess.CompletedProcess[str]]]

SECONDS = 60


def run(name: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fuzz", name, "--seconds", str(SECONDS)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    return subprocess.run(
        command,
        check=False,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> Iterator[Runs]:
    """The runs of those targets that were selected, all of them begun."""
    functions = [item for item in request.session.items if isinstance(item, pytest.Function)]
    names = [str(item.callspec.params["name"]) for item in functions if "runs" in item.fixturenames]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {name: pool.submit(run, name) for name in names}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", TARGETS)
def test_a_minute_finds_nothing(name: str, runs: Runs) -> None:
    done = runs[name].result()
    print(done.stdout)
    assert done.returncode == 0, done.stdout
