# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import seal
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    HeadroomError,
    MissingDependency,
    Unsupported,
)

HERE, AFAR = "qemu:///system", "qemu+ssh://kvm1/system"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> t.Callable[[bool], None]:
    def put(there: bool) -> None:
        monkeypatch.setattr(
            "shutil.which", lambda _name: "/usr/bin/virt-sysprep" if there else None
        )

    return put


@pytest.mark.parametrize(
    ("asked", "uri", "will_stop", "has_agent", "there", "chosen"),
    [
        ("none", AFAR, False, False, False, "none"),
        (None, HERE, False, False, True, "libguestfs"),
        (None, HERE, True, True, True, "libguestfs"),
        (None, HERE, True, True, False, "agent"),
        (None, AFAR, True, True, True, "agent"),
        ("agent", AFAR, True, True, True, "agent"),
        ("libguestfs", HERE, False, False, True, "libguestfs"),
    ],
)
def test_the_best_way_that_there_is(
    installed: t.Callable[[bool], None],
    asked: str | None,
    uri: str,
    will_stop: bool,
    has_agent: bool,
    there: bool,
    chosen: str,
) -> None:
    installed(there)
    assert seal.choose(asked, uri=uri, will_stop=will_stop, has_agent=has_agent) == chosen


@pytest.mark.parametrize(
    ("asked", "uri", "will_stop", "has_agent", "there", "error"),
    [
        (None, HERE, False, False, False, Unsupported),
        (None, HERE, True, False, False, Unsupported),
        (None, AFAR, False, False, True, Unsupported),
        ("agent", HERE, False, True, True, Conflict),
        ("agent", HERE, True, False, True, Conflict),
        ("libguestfs", AFAR, False, False, True, Unsupported),
        ("libguestfs", HERE, False, False, False, MissingDependency),
    ],
)
def test_no_way_at_all_is_told_with_the_ways_out(
    installed: t.Callable[[bool], None],
    asked: str | None,
    uri: str,
    will_stop: bool,
    has_agent: bool,
    there: bool,
    error: type[HeadroomError],
) -> None:
    installed(there)
    with pytest.raises(error, match=r"^seal: "):
        seal.choose(asked, uri=uri, will_stop=will_stop, has_agent=has_agent)


def test_the_script_is_one_for_any_shell() -> None:
    subprocess.run(["sh", "-n", "-c", seal.SCRIPT], check=True)
    assert "authorized_keys" not in seal.SCRIPT
    assert "/.ssh" not in seal.SCRIPT
