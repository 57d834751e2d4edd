# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The text is read back by a parser that knows the grammar of both formats and nothing else."""

from __future__ import annotations

import re
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._stats.openmetrics import (
    METRICS,
    render_exposition,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.sample import (
    DomainSample,
    parse_record,
)

from .records import RECORD

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
SAMPLE = re.compile(r"([a-z_]+)\{((?:[a-z_]+=\"(?:[^\"\\\n]|\\[\\n\"])*\",?)*)\} ([0-9.e+-]+)")
LABEL = re.compile(r"([a-z_]+)=\"((?:[^\"\\]|\\.)*)\"")
PLAIN = {"\\\\": "\\", "\\n": "\n", '\\"': '"'}


def domain(name: str = "web-1", uuid: str = "u", **changes: t.Any) -> dict[str, t.Any]:
    stats = parse_record({**RECORD, **changes})
    return {**DomainSample(name, uuid, 1, 0.0, stats).as_dict(), "fleet": "web", "tenant": None}


def read_back(text: str, *, openmetrics: bool) -> tuple[dict[str, str], Samples]:
    """Types of families, and samples; every sample has to belong to the family above it."""
    assert text.endswith("\n")
    lines = text[:-1].split("\n")
    if openmetrics:
        assert lines.pop() == "# EOF"
    types: dict[str, str] = {}
    samples: Samples = {}
    family = ""
    for line in lines:
        if line.startswith("# HELP "):
            continue
        if line.startswith("# TYPE "):
            _hash, _type, family, kind = line.split(" ")
            assert family not in types
            types[family] = kind
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        name, inside, value = match.groups()
        assert name == (f"{family}_total" if openmetrics and types[family] == "counter" else family)
        found = LABEL.findall(inside)
        labels = tuple(
            (label, re.sub(r"\\.", lambda part: PLAIN[part[0]], text)) for label, text in found
        )
        assert (name, labels) not in samples
        samples[name, labels] = float(value)
    return types, samples


@pytest.mark.parametrize("openmetrics", [True, False])
def test_the_names_are_those_of_the_exporters(openmetrics: bool) -> None:
    types, samples = read_back(
        render_exposition([domain()], openmetrics=openmetrics), openmetrics=openmetrics
    )
    own = (("domain", "web-1"), ("uuid", "u"), ("fleet", "web"))
    vda = (*own, ("index", "0"), ("target_device", "vda"), ("source_file", "/images/a.qcow2"))
    assert samples["libvirt_domain_info_vstate", own] == 1
    assert samples["libvirt_domain_info_cpu_time_seconds_total", own] == 3.5
    assert samples["libvirt_domain_memory_stats_rss_bytes", own] == 512 * 1024
    assert samples["libvirt_domain_vcpu_time_seconds_total", (*own, ("vcpu", "2"))] == 2.0
    assert samples["libvirt_domain_block_stats_read_bytes_total", vda] == 4096
    nic = (*own, ("index", "1"), ("target_device", "vnet0"))
    assert samples["libvirt_domain_interface_stats_receive_packets_total", nic] == 2
    counter = "libvirt_domain_block_stats_read_bytes" + ("" if openmetrics else "_total")
    assert types[counter] == "counter"
    assert types["libvirt_domain_info_vstate"] == "gauge"


def test_what_is_not_known_and_what_lies_below_a_disk_has_no_sample() -> None:
    _types, samples = read_back(render_exposition([domain()]), openmetrics=True)
    names = {name for name, _labels in samples}
    assert "libvirt_domain_block_stats_write_bytes_total" not in names
    files = {
        value for _name, labels in samples for label, value in labels if label == "source_file"
    }
    assert files == {"/images/a.qcow2", "/images/b.qcow2"}


def test_names_are_unique_and_say_their_unit() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    assert not [name for name in names if name.endswith("_total")]


def test_no_domains_are_a_whole_text_too() -> None:
    types, samples = read_back(render_exposition([]), openmetrics=True)
    assert samples == {}
    assert set(types) == {"libvirt_domain_info_vstate", "libvirt_domain_timed_out"}


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(TEXTS, st.tuples(TEXTS, TEXTS), max_size=3), st.booleans())
def test_every_text_comes_back_as_it_was(
    guests: dict[str, tuple[str, str]], openmetrics: bool
) -> None:
    domains = [
        domain(name, str(number), **{"block.0.path": path, "net.1.name": nic})
        for number, (name, (path, nic)) in enumerate(guests.items())
    ]
    _types, samples = read_back(
        render_exposition(domains, openmetrics=openmetrics), openmetrics=openmetrics
    )
    values = {(label, value) for _name, labels in samples for label, value in labels}
    assert {value for label, value in values if label == "domain"} == set(guests)
    assert values >= {("source_file", path) for path, _nic in guests.values()}
    assert values >= {("target_device", nic) for _path, nic in guests.values()}


def test_what_is_no_unicode_text_is_replaced() -> None:
    _types, samples = read_back(render_exposition([domain("a\udc80b")]), openmetrics=True)
    assert {dict(labels)["domain"] for _name, labels in samples} == {"a?b"}
