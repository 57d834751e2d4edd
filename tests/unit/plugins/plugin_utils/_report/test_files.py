# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.plugin_utils._report.files import (
    choose_files,
    encode_name,
    name_beside,
)

PAGE = {".html": "page"}


def test_a_tenant_may_be_called_anything() -> None:
    names = ["shop", "Team A", "a/b", "..", ".hidden", "Bäcker", "team~20A", "x" * 251, "ä" * 90]
    files, left_out = choose_files(dict.fromkeys(names, PAGE), "/srv/tenants", ["/srv/all.html"])
    assert {tenant: list(paths) for tenant, paths in files.items()} == {
        "shop": ["/srv/tenants/shop.html"],
        "Team A": ["/srv/tenants/Team~20A.html"],
        "a/b": ["/srv/tenants/a~2Fb.html"],
        "..": ["/srv/tenants/~2E..html"],
        ".hidden": ["/srv/tenants/~2Ehidden.html"],
        "Bäcker": ["/srv/tenants/B~C3~A4cker.html"],
        "team~20A": ["/srv/tenants/team~7E20A.html"],
    }
    assert left_out == {
        "x" * 251: "its name makes a file name of 256 bytes",
        "ä" * 90: "its name makes a file name of 545 bytes",
    }


def test_a_tenant_never_takes_the_operators_page() -> None:
    contents = {name: {**PAGE, ".json": "data"} for name in ("report", "shop", "all")}
    files, left_out = choose_files(contents, "/srv/", ["/srv/./report.html", "/srv/all.json"])
    assert files == {"shop": {"/srv/shop.html": "page", "/srv/shop.json": "data"}}
    assert left_out == {
        "report": "its page would be /srv/./report.html, which is the operator's",
        "all": "its data would be /srv/all.json, which is the operator's",
    }


def test_the_longest_name_counts_and_data_lies_beside_its_page() -> None:
    contents = {"x" * 248: {**PAGE, ".guests.csv": "data"}}
    assert choose_files(contents, "/srv", [])[1] == {
        "x" * 248: "its name makes a file name of 259 bytes"
    }
    assert name_beside("/srv/report.html", ".json") == "/srv/report.json"
    assert name_beside("/srv/index", ".guests.csv") == "/srv/index.guests.csv"


@given(st.lists(st.text(), unique=True))
def test_no_two_tenants_share_a_file_and_none_leaves_the_folder(names: list[str]) -> None:
    encoded = {encode_name(name) for name in names}
    assert len(encoded) == len(names)
    for name in encoded:
        assert "/" not in name
        assert name.isascii()
        assert not name.startswith(".")
