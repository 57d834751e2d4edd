# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._feed import (
    simplestreams,
    virt_builder,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.armor import strip_signature


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_what_was_signed_is_what_stands_between(newline: bytes) -> None:
    lines = [
        b"-----BEGIN PGP SIGNED MESSAGE-----",
        b"Hash: SHA512",
        b"",
        b"- -----BEGIN PGP SIGNATURE-----",
        b"",
        b"x",
        b"-----BEGIN PGP SIGNATURE-----",
        b"iQEz",
    ]
    expected = newline.join([b"-----BEGIN PGP SIGNATURE-----", b"", b"x", b""])
    assert strip_signature(newline.join(lines)) == expected
    assert strip_signature(b"plain") == b"plain"
    assert strip_signature(lines[0]) == b""


def sign(text: str) -> bytes:
    signature = "-----BEGIN PGP SIGNATURE-----\n\niQEz\n-----END PGP SIGNATURE-----\n"
    return f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{text}\n{signature}".encode()


def test_readers_of_feeds_pass_a_signature_over() -> None:
    index = f"[box]\nfile=box.xz\nsize=100\nchecksum={'b' * 128}"
    assert [entry.name for entry in virt_builder.read_index(sign(index))] == ["box"]
    assert simplestreams.parse(sign('{"format": "index:1.0"}'), "index:1.0")["format"]
