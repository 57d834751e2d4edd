# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`./dev lab link --rate` limits what goes to a host as well as what comes from it, whoever is at the other end."""

from __future__ import annotations

import time
import typing as t

import pytest

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Lab

LIMITED = "k1"
SIZE = 2_000_000
# At 10mbit they take 1.5 s when the burst is taken off; unlimited, with SSH's own start, 0.3 s.
LEAST_SECONDS = 1.2
COPIES = {
    "to": "head -c {size} /dev/zero | ssh {host} 'cat > /dev/null'",
    "from": "ssh {host} 'head -c {size} /dev/zero' > /dev/null",
}


@pytest.fixture
def limited(lab: Lab) -> Iterator[None]:
    lab.link(LIMITED, "--rate", "10mbit")
    yield
    lab.link(LIMITED, "--rate", "none")


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("peer", ["the controller", "k2"])
def test_a_rate_limits_both_ways(lab: Lab, way: str, peer: str) -> None:
    script = COPIES[way].format(size=SIZE, host=LIMITED)
    command = ["sh", "-c", script] if peer == "the controller" else ["ssh", peer, script]
    started = time.monotonic()
    done = lab.run(*command)
    assert done.returncode == 0, done.stdout
    assert time.monotonic() - started > LEAST_SECONDS
