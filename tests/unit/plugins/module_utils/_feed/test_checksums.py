# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._feed.checksums import find_checksum
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.entry import Checksum
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.errors import InvalidFeed

LONG, SHORT = "ab" * 64, "cd" * 32
FEDORA = f"""-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

# Fedora-Cloud-44.qcow2: 528942592 bytes
SHA256 (Fedora-Cloud-44.qcow2) = {SHORT}
-----BEGIN PGP SIGNATURE-----

iQEz
-----END PGP SIGNATURE-----
"""


@pytest.mark.parametrize(
    ("text", "name", "checksum"),
    [
        (f"{'0' * 128}  other.qcow2\n{LONG}  debian-13.qcow2\n", "debian-13.qcow2", LONG),
        (f"{SHORT} *noble.img\n", "noble.img", SHORT),
        (f"{SHORT.upper()}  ./images/noble.img\r\n", "noble.img", SHORT),
        (FEDORA, "Fedora-Cloud-44.qcow2", SHORT),
        (f"SHA256 (a b.img) = {SHORT}\nSHA512 (a b.img) = {LONG}\n", "a b.img", LONG),
        (f"{SHORT}\n", "any.img", SHORT),
        (f"{SHORT}  -\n", "any.img", SHORT),
        (f"{LONG}  x.img\n{LONG}  x.img\n", "x.img", LONG),
    ],
)
def test_lists_of_distributions_are_read(text: str, name: str, checksum: str) -> None:
    algorithm = "sha512" if len(checksum) == 128 else "sha256"
    assert find_checksum(text.encode(), name, "SUMS") == Checksum(algorithm, checksum)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no SHA-256 or SHA-512 of x.img"),
        (f"{LONG}  x.img.xz\n", "has no SHA-256"),
        (f"{LONG}  my-x.img\n", "has no SHA-256"),
        (f"{'a' * 32}  x.img\n{'b' * 40}  x.img\n", "has no SHA-256"),
        (f"{SHORT}\n{LONG}\n", "has no SHA-256"),
        ("<!DOCTYPE html>", "has no SHA-256"),
        (f"{LONG}  x.img\n{'0' * 128}  old/x.img\n", "has several checksums of x.img"),
    ],
)
def test_what_says_nothing_of_the_file_is_told(text: str, problem: str) -> None:
    with pytest.raises(InvalidFeed, match=f"^SUMS {problem}.*It is not used"):
        find_checksum(text.encode(), "x.img", "SUMS")
