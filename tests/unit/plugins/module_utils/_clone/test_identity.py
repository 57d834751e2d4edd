# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools
import random
import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._clone import identity
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError


@given(st.integers(0, 5), st.integers())
def test_identities_are_valid_and_never_collide(interfaces: int, seed: int) -> None:
    source = random.Random(seed)  # noqa: S311 - repeatable on purpose
    taken = {"52:54:00:00:00:00"}
    made = [identity.choose(interfaces, taken, source.randbytes) for _unused in range(10)]
    macs = [mac for one in made for mac in one.macs]
    assert len({one.uuid for one in made}) == len(made)
    assert len({*macs, "52:54:00:00:00:00"}) == interfaces * 10 + 1
    assert all(re.fullmatch(r"52:54:00(:[0-9a-f]{2}){3}", mac) for mac in macs)
    assert {uuid.UUID(one.uuid).version for one in made} == {4}


def test_a_taken_address_is_tried_again() -> None:
    values = itertools.chain([bytes(16), b"\x00\x00\x01"], itertools.repeat(b"\x00\x00\x02"))
    taken = {"52:54:00:00:00:01"}
    assert identity.choose(1, taken, lambda _count: next(values)).macs == ("52:54:00:00:00:02",)
    assert taken == {"52:54:00:00:00:01", "52:54:00:00:00:02"}


def test_a_source_of_randomness_that_is_stuck_is_an_error_not_a_loop() -> None:
    with pytest.raises(HeadroomError, match="no free MAC address"):
        identity.choose(1, {"52:54:00:00:00:00"}, bytes)
