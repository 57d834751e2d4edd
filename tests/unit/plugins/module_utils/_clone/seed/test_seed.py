# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Seeds: what cloud-init is told, and the image that it reads."""

from __future__ import annotations

import io
import json
import typing as t

import pycdlib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.headroom.libvirt.plugins.module_utils._clone.seed import iso, seed
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.seed.seed import Seed
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    InvalidInput,
    MissingDependency,
)

UUID = "0e6f0b0a-3f3b-4b7e-8a51-8f8f3c1d2e4f"
ETHERNETS = {"version": 2, "ethernets": {"lan": {"match": {"name": "e*"}, "dhcp4": True}}}


def contents(image: bytes) -> dict[str, bytes]:
    """Return {Joliet name: content} of an image, read by another way than it was written."""
    disc = pycdlib.PyCdlib()
    disc.open_fp(io.BytesIO(image))
    names = [
        child.file_identifier().decode("utf-16-be")
        for child in disc.list_children(joliet_path="/")
        if child.is_file()
    ]
    found = {}
    for name in names:
        content = io.BytesIO()
        disc.get_file_from_iso_fp(content, joliet_path=f"/{name}")
        found[name] = content.getvalue()
    disc.close()
    return found


def test_a_seed_without_more_says_who_the_clone_is() -> None:
    said = seed.make_files(seed.read(None, None, None), "web-1", UUID)
    assert json.loads(said["meta-data"]) == {"instance-id": UUID, "local-hostname": "web-1"}
    assert said["user-data"].startswith(b"#cloud-config\n")
    assert set(said) == {"meta-data", "user-data"}


def test_what_the_user_says_is_merged() -> None:
    said = seed.make_files(
        seed.read(
            {"runcmd": ["true"]}, {"local-hostname": "www", "site": "north"}, {"network": ETHERNETS}
        ),
        "web-1",
        UUID,
    )
    assert json.loads(said["meta-data"]) == {
        "instance-id": UUID,
        "local-hostname": "www",
        "site": "north",
    }
    first, rest = said["user-data"].split(b"\n", 1)
    assert (first, json.loads(rest)) == (b"#cloud-config", {"runcmd": ["true"]})
    assert json.loads(said["network-config"]) == ETHERNETS


@pytest.mark.parametrize(
    "text",
    [
        "#cloud-config\na: 1\n",
        "#!/bin/sh\ntrue\n",
        "## template: jinja\n#cloud-config\n",
        "Content-Type: multipart/mixed\n",
    ],
)
def test_text_that_cloud_init_knows_stays_as_it_is(text: str) -> None:
    assert seed.make_files(seed.read(text, None, None), "a", UUID)["user-data"] == text.encode()


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("user_data", "runcmd: [true]", "cloud-init would ignore it"),
        ("user_data", "", "cloud-init would ignore it"),
        ("user_data", ["a"], "cloud-init would ignore it"),
        ("meta_data", {"instance-id": "x"}, "is the clone's UUID"),
        ("meta_data", {"instance_id": "x"}, "is the clone's UUID"),
        ("network_config", {}, "no version"),
        ("network_config", {"version": 3}, "no version"),
        ("network_config", {"network": []}, "no version"),
        ("network_config", {"version": 2, "config": []}, "says nothing of ethernets"),
        ("network_config", {"version": 1, "ethernets": {}}, "says nothing of config"),
    ],
)
def test_what_cloud_init_would_not_take_is_refused(option: str, value: t.Any, words: str) -> None:
    said = {"user_data": None, "meta_data": None, "network_config": None, option: value}
    with pytest.raises(InvalidInput, match=words) as caught:
        seed.read(**said)
    assert caught.value.details["option"].partition(".")[0] == option
    assert "value" not in caught.value.details


@pytest.mark.parametrize(
    ("name", "hostname"), [("web-1", "web-1"), ("web_1", "web-1"), ("web_", "web"), ("a.b", "a.b")]
)
def test_a_hostname_is_one(name: str, hostname: str) -> None:
    assert seed.make_hostname(name) == hostname


@given(
    st.dictionaries(
        st.sampled_from(["user-data", "meta-data", "network-config"]),
        st.binary(max_size=5000),
        min_size=1,
    )
)
def test_an_image_holds_what_was_put_in(files: dict[str, bytes]) -> None:
    image = iso.make_image(seed.LABEL, files)
    assert contents(image) == files
    assert (
        image[0x8028:0x802E] == b"cidata"
    )  # the volume identifier of the primary descriptor, ECMA-119 8.4.7
    assert len(image) % 2048 == 0


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iso, "PYCDLIB_IMPORT_ERROR", "Traceback")
    with pytest.raises(MissingDependency, match="python3-pycdlib"):
        iso.make_image(seed.LABEL, {})


def test_a_seed_is_a_value() -> None:
    assert seed.read(None, None, None) == Seed()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("user_data", "password: s3cr3t"),
        ("user_data", ["s3cr3t"]),
        ("meta_data", {"instance-id": "s3cr3t"}),
        ("network_config", {"wifis": {"w": {"password": "s3cr3t"}}}),
        ("network_config", {"version": 2, "wifis": {"w": {"password": "s3cr3t"}}}),
        ("network_config", {"network": "s3cr3t"}),
        ("network_config", {"version": ["s3cr3t"]}),
        ("network_config", {"version": {"s3cr3t": 1}}),
    ],
)
def test_a_refusal_names_the_key_and_never_the_value(option: str, value: t.Any) -> None:
    options = {"user_data": None, "meta_data": None, "network_config": None, option: value}
    with pytest.raises(InvalidInput, match=option) as refusal:
        seed.read(**options)
    assert "s3cr3t" not in f"{refusal.value.message} {refusal.value.as_result()}"


DHCP = {
    "version": 2,
    "ethernets": {"a": {"dhcp4": True, "nameservers": {"addresses": ["192.0.2.1"]}}},
}
STATIC = {"version": 2, "ethernets": {"a": {"addresses": ["192.0.2.17/24"]}}}
OLD_DHCP = {
    "version": 1,
    "config": [
        {"type": "physical", "name": "a", "subnets": [{"type": "dhcp4"}]},
        {"type": "nameserver", "address": ["192.0.2.1"]},
    ],
}
OLD_STATIC = {
    "version": 1,
    "config": [
        {
            "type": "physical",
            "name": "a",
            "subnets": [{"type": "static", "address": "192.0.2.17/24"}],
        }
    ],
}


@pytest.mark.parametrize(
    ("meta_data", "network", "shared"),
    [
        (None, None, []),
        ({"site": "lab"}, DHCP, []),
        (None, OLD_DHCP, []),
        (None, {"network": STATIC}, ["the addresses in network_config"]),
        (
            {"local-hostname": "one"},
            OLD_STATIC,
            ["meta_data.local-hostname", "the addresses in network_config"],
        ),
    ],
)
def test_what_only_one_machine_can_have_is_named_and_not_shown(
    meta_data: t.Any, network: t.Any, shared: list[str]
) -> None:
    assert seed.list_shared(seed.read(None, meta_data, network)) == shared
