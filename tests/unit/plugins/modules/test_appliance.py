# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module over libvirt's test driver, whose one domain runs."""

from __future__ import annotations

import types
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    InvalidInput,
)
from ansible_collections.headroom.libvirt.plugins.modules import appliance

if t.TYPE_CHECKING:
    from pathlib import Path

UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f"


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(
    ("uuid", "problem"),
    [(UUID[::-1], "is another machine by now"), (UUID, "Shut it down|is running|runs")],
)
def test_a_machine_is_captured_where_it_is_and_only_itself(
    tmp_path: Path, check_mode: bool, uuid: str, problem: str
) -> None:
    defaults = {name: option.get("default") for name, option in appliance.ARGUMENTS.options.items()}
    suboptions = appliance.ARGUMENTS.options["source"]["options"]
    source = {name: option.get("default") for name, option in suboptions.items()}
    params = {
        **defaults,
        "name": "web",
        "version": "1",
        "pool": "default-pool",
        "journal": str(tmp_path / "journal.sqlite"),
        "uri": "test:///nowhere.xml",
        "source": {
            **source,
            "machine": {"uri": "test:///default", "name": "test", "uuid": uuid},
        },
    }
    module = types.SimpleNamespace(params=params, check_mode=check_mode, warn=pytest.fail)
    with pytest.raises(Conflict, match=problem):
        appliance.keep(t.cast("t.Any", module))


def test_an_appliance_is_not_called_like_what_the_collection_keeps_for_itself() -> None:
    module = types.SimpleNamespace(
        params={
            **{name: option.get("default") for name, option in appliance.ARGUMENTS.options.items()},
            "name": "headroom-export-1",
            "version": "1",
            "journal": "/nonexistent",
            "uri": "test:///default",
        },
        check_mode=True,
        warn=pytest.fail,
    )
    with pytest.raises(InvalidInput, match=r"name: .* begins with 'headroom-'"):
        appliance.keep(t.cast("t.Any", module))
