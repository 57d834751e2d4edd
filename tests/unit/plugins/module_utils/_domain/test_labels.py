# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._domain.labels import (
    Description,
    Labels,
    describe_change,
    read_labels,
    relabel,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import (
    Metadata,
    VolumeRef,
)

WORDS = st.sampled_from(["web", "db", "eu", "edge"])
METADATA = st.builds(
    Metadata,
    fleet=st.none() | WORDS,
    tenant=st.none() | WORDS,
    appliance=st.none() | st.just("web:1"),
    protected=st.booleans(),
    labelled=st.booleans(),
    tags=st.lists(WORDS, unique=True).map(tuple),
    volumes=st.just((VolumeRef("default", "web-1.vda.qcow2"),)),
)
LABELS = st.builds(
    Labels,
    fleet=st.none() | st.just("") | WORDS,
    tenant=st.none() | st.just("") | WORDS,
    title=st.none() | st.just("") | WORDS,
    add=st.lists(WORDS).map(tuple),
)


@given(METADATA, LABELS)
def test_labels_touch_labels_alone_and_once(metadata: Metadata, labels: Labels) -> None:
    relabelled = relabel(metadata, labels)
    assert relabel(relabelled, labels) == relabelled
    same: dict[str, t.Any] = {"fleet": None, "tenant": None, "tags": (), "labelled": False}
    assert relabelled._replace(**same) == metadata._replace(**same)
    assert set(labels.add) <= set(relabelled.tags)
    if labels.fleet is None:
        assert (relabelled.fleet, relabelled.labelled) == (metadata.fleet, metadata.labelled)
    if relabelled.fleet != metadata.fleet:
        assert not relabelled.is_member


@given(METADATA, LABELS)
def test_what_does_not_change_is_not_told(metadata: Metadata, labels: Labels) -> None:
    before, after = describe_change(Description(metadata, "old"), labels)
    assert before.keys() == after.keys()
    assert all(before[name] != after[name] for name in before)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fleet": "a/b"}, "labels.fleet: 'a/b' cannot be used as a name"),
        ({"tenant": "../x"}, "labels.tenant"),
        ({"title": "a\nb"}, "labels.title: 'a\\nb' must be one line"),
        ({"title": "a\x00"}, "labels.title"),
        ({"description": "a\x1b[31m"}, "labels.description"),
        ({"tags": {"add": [""], "remove": []}}, "labels.tags.add: '' cannot be a tag"),
        ({"tags": {"add": [" a"], "remove": []}}, "labels.tags.add: ' a' cannot be a tag"),
        ({"tags": {"add": ["\ud800"], "remove": []}}, "labels.tags.add"),
        ({"tags": {"add": ["a"], "remove": ["a"]}}, "is to be added and to be removed"),
    ],
)
def test_what_cannot_be_kept_as_it_is_is_refused_by_name(
    change: dict[str, t.Any], words: str
) -> None:
    plain: dict[str, t.Any] = dict.fromkeys(("fleet", "tenant", "title", "description", "tags"))
    assert read_labels(plain) == Labels()
    with pytest.raises(InvalidInput) as caught:
        read_labels({**plain, **change})
    assert words in caught.value.message
