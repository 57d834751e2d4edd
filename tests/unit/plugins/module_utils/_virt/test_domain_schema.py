# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of a domain's schema: whole, free of rows about nothing, and obeyed by templates in every place."""

from __future__ import annotations

from pathlib import Path

import pytest
from corpus.places import MARK, PLACES, build_domain, find_kinds

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import template
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Unsupported
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    domain_schema,
    element_xml,
)

from tools import schema


def test_everything_that_the_released_schemas_have_is_in_the_table() -> None:
    assert len(PLACES) > 3000
    assert schema.find_unknown(PLACES - {()}) == []


def test_everything_that_the_installed_schema_has_is_in_the_table() -> None:
    places = schema.read_places(schema.INSTALLED)
    assert len(places) > 2500
    assert schema.find_unknown(places) == []


def test_what_a_newer_schema_adds_is_named_with_its_place(tmp_path: Path) -> None:
    for name in ("domain.rng", "domaincommon.rng"):
        text = (schema.INSTALLED / name).read_text()
        (tmp_path / name).write_text(
            text.replace('<element name="genid">', '<element name="teapot">').replace(
                '<attribute name="rotation_rate">', '<attribute name="lustre">'
            )
        )
    for path in schema.INSTALLED.glob("*.rng"):
        if not (tmp_path / path.name).exists():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    assert schema.find_unknown(schema.read_places(tmp_path)) == [
        "devices/disk/target/@lustre",
        "teapot",
    ]


def test_the_table_has_no_row_about_nothing() -> None:
    rows = domain_schema.list_places()
    assert len(rows) > 900
    assert sorted(rows - PLACES) == []


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("memory", "hardware"),
        ("devices/disk/address/@slot", "hardware"),
        ("devices/disk/driver/@iommu", "hardware"),
        ("devices/disk/driver/@cache", "choice"),
        ("vcpu/@current", "choice"),
        ("vcpu/@cpuset", "identity"),
        ("devices/disk/source/@file", "identity"),
        ("devices/disk/source/reservations/source/@path", "identity"),
        ("devices/interface/source/@network", "shared"),
        ("devices/redirdev/source/@host", "exclusive"),
        ("devices/hostdev/source/address/@bus", "exclusive"),
        ("metadata/anything/at/@all", "choice"),
        ("hwuuid", "identity"),
        ("os/varstore/@path", "identity"),
        ("os/varstore/@template", "shared"),
        ("iommufd/@fdgroup", "exclusive"),
        ("devices/teapot", None),
        ("devices/teapot/address/@slot", "hardware"),
        ("devices/disk/@colour", None),
        ("features/hyperv/teapot", None),
    ],
)
def test_each_place_has_one_kind(place: str, kind: domain_schema.Kind | None) -> None:
    path = tuple(place.split("/"))
    if path[-1].startswith("@"):
        assert domain_schema.classify_attribute(path[:-1], path[-1][1:]) == kind
    else:
        assert domain_schema.classify_element(path) == kind


def test_the_unknown_is_named_with_its_place_and_nothing_below_it() -> None:
    root = element_xml.parse_element(
        "<domain type='kvm' colour='red'><name>a</name><devices><disk teapot='1'><target dev='vda'/></disk>"
        "<teapot><address slot='1'/></teapot></devices></domain>"
    )
    assert ["/".join(path) for path in domain_schema.find_places(root, None)] == [
        "@colour",
        "devices/disk/@teapot",
        "devices/teapot",
    ]


# Rewritten by what they are, not by where they stand: a console becomes a pseudo-terminal, a disk a file.
REWRITTEN = (
    "@type",
    "commandline/arg",
    "devices/channel/source",
    "devices/channel/@type",
    "devices/console/@type",
    "devices/parallel/@type",
    "devices/serial/@type",
    "devices/disk/@type",
    "devices/tpm/backend/@type",
    "devices/vsock/cid/@auto",
    "devices/disk/@device",
    "devices/graphics/@passwd",
    "devices/interface/alias",
    "devices/interface/backend/@logFile",
    "os/loader",
    "os/nvram",
    "seclabel",
    "metadata",
)


def test_a_mark_in_any_place_is_kept_made_anew_or_refused_as_the_table_says() -> None:
    wrong, counts = [], {"kept": 0, "gone": 0, "refused": 0}
    for place in sorted(PLACES - {()}):
        text = "/".join(place)
        if text.startswith(REWRITTEN) or place[-1] == "alias" or place[-2:] == ("alias", "@name"):
            continue
        try:
            outcome = "kept" if MARK in template.make_template(build_domain(place)) else "gone"
        except Unsupported:
            outcome = "refused"
        counts[outcome] += 1
        kinds = find_kinds(place)
        gone_or_kept = "gone" if "identity" in kinds else "kept"
        expected = "refused" if "exclusive" in kinds else gone_or_kept
        if outcome != expected:
            wrong.append(f"{text}: {outcome}, {expected}")
    assert not wrong, "\n".join(wrong)
    assert min(counts.values()) > 200, counts
