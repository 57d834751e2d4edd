# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a publisher writes: an index that has an id and an end, and leads to these very products."""

from __future__ import annotations

import hashlib
import json
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._feed import (
    publication,
    publish,
    simplestreams,
)

if t.TYPE_CHECKING:
    from pathlib import Path

DAY = 86400.0
NOW = 1000 * DAY
PRODUCTS = publication.build_empty()


def publish_at(path: Path, now: float, *, check_mode: bool = False) -> list[str]:
    """Publish an unsigned feed without products, and return what that changes."""
    run = publish.PublishRun(check_mode, now, 30 * DAY)
    folder = publish.Folder(path, None)
    changes = publish.publish(folder, t.cast("t.Any", None), PRODUCTS, [], run)
    return sorted(changes.as_result()["diff"]["after"])


def read_index(path: Path) -> dict[str, t.Any]:
    text = (path / f"{simplestreams.INDEX}.json").read_bytes()
    return dict(simplestreams.parse(text, "index:1.0"))


def test_an_index_has_an_end_an_id_and_the_checksum_of_its_products(tmp_path: Path) -> None:
    assert publish_at(tmp_path, NOW, check_mode=True) == ["index"]
    assert not list(tmp_path.iterdir())
    assert publish_at(tmp_path, NOW) == ["index"]
    index = read_index(tmp_path)
    assert simplestreams.read_expiry(index) == NOW + 30 * DAY
    assert len(index["feed_id"]) == 36
    (file,) = simplestreams.list_product_files(index)
    text = (tmp_path / file.path).read_bytes()
    assert (file.sha256, file.size_bytes) == (hashlib.sha256(text).hexdigest(), len(text))


def test_it_is_signed_anew_when_half_of_its_time_is_over(tmp_path: Path) -> None:
    publish_at(tmp_path, NOW)
    before = read_index(tmp_path)
    assert publish_at(tmp_path, NOW + 15 * DAY) == []
    assert publish_at(tmp_path, NOW + 15 * DAY + 1, check_mode=True) == ["expires"]
    assert read_index(tmp_path) == before
    assert publish_at(tmp_path, NOW + 15 * DAY + 1) == ["expires"]
    after = read_index(tmp_path)
    assert simplestreams.read_expiry(after) == NOW + 45 * DAY + 1
    assert after["feed_id"] == before["feed_id"]
    assert publish_at(tmp_path, NOW + 16 * DAY) == []


@pytest.mark.parametrize("name", [publication.PRODUCTS, simplestreams.INDEX])
def test_what_does_not_fit_together_is_written_anew(tmp_path: Path, name: str) -> None:
    publish_at(tmp_path, NOW)
    path = tmp_path / f"{name}.json"
    data = json.loads(path.read_bytes())
    path.write_text(json.dumps(data, indent=4))
    changed = (
        name == publication.PRODUCTS
    )  # an index may be laid out as it likes, and still leads there
    assert publish_at(tmp_path, NOW) == (["index"] if changed else [])
    assert publish_at(tmp_path, NOW) == []


@pytest.mark.parametrize("key", ["feed_id", "expires", "index"])
def test_an_index_of_an_older_release_is_written_anew(tmp_path: Path, key: str) -> None:
    publish_at(tmp_path, NOW)
    path = tmp_path / f"{simplestreams.INDEX}.json"
    data = json.loads(path.read_bytes())
    del data[key]
    path.write_text(json.dumps(data))
    assert publish_at(tmp_path, NOW) == ["index"]
    assert {"feed_id", "expires", "index"} <= read_index(tmp_path).keys()
