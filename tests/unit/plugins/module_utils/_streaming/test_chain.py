# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import chain

NBD = "<source protocol='nbd' name='0123456789abcdef-vda'><host name='10.0.0.1' port='10809'/></source>"
STREAMED = f"<backingStore type='network'><format type='raw'/>{NBD}<backingStore/></backingStore>"
ON_FILE = "<backingStore type='file'><source file='/base'/>{}</backingStore>"
URL = "nbd://10.0.0.1:10809/0123456789abcdef-vda"


def domain(*disks: str) -> str:
    return f"<domain><name>a</name><devices>{''.join(disks)}</devices></domain>"


def disk(target: str, below: str = "", source: str = "file='/own'") -> str:
    return f"<disk device='disk'><source {source}/>{below}<target dev='{target}'/></disk>"


def test_layers_are_read_from_the_top() -> None:
    text = domain(
        disk("vda", ON_FILE.format(STREAMED)),
        disk("vdb", source="dev='/dev/vg/b'"),
        disk("vdc", source="pool='p' volume='v'"),
        "<disk device='cdrom'><target dev='sda'/></disk>",
    )
    chains = chain.read_chains(text)
    assert chains["vda"] == ("/own", "/base", URL)
    assert chains["vdb"] == ("/dev/vg/b",)
    assert chains["vdc"] == ("p/v",)
    assert "sda" not in chains


def test_what_stands_on_something_is_told_from_what_reads_from_elsewhere() -> None:
    text = domain(
        disk("vda", STREAMED),
        disk("vdb", ON_FILE.format("<backingStore/>")),
        disk("vdc", "<backingStore/>"),
        f"<disk type='network' device='disk'>{NBD}<target dev='vdd'/></disk>",
    )
    assert chain.find_stacked(text) == ["vda", "vdb"]
    # a network disk of the guest's own is its own matter
    assert chain.find_remote(text) == ["vda"]


def test_a_chain_must_be_the_expected_one() -> None:
    text = domain(disk("vda", STREAMED), disk("vdb"))
    chain.check_chains(text, {"vda": ("/own", URL), "vdb": ("/own",)})
    with pytest.raises(chain.WrongSource, match="vdb reads from /own, and not from /own <- nbd"):
        chain.check_chains(text, {"vda": ("/own", URL), "vdb": ("/own", URL)})
    with pytest.raises(chain.WrongSource, match="reads from nowhere") as caught:
        chain.check_chains(text, {"vdz": ("/own",)})
    assert caught.value.details["chain"] == []


def test_a_disk_that_was_given_another_target_is_not_taken_for_local() -> None:
    assert chain.find_remote(domain(disk("sda", STREAMED))) == ["sda"]
