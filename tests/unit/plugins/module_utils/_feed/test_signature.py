# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import shutil
import subprocess
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._feed import (
    publication,
    publish,
    read,
    signature,
    transfer,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.errors import (
    BadSignature,
    ExpiredKey,
    InvalidFeed,
    NotSigned,
    WrongKey,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.history import FeedHistory
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.sign import Signer

if t.TYPE_CHECKING:
    from .conftest import Server

GOOD, SUBKEY, OTHER = "A" * 40, "B" * 40, "C" * 40


def status(*lines: str) -> str:
    return "".join(f"[GNUPG:] {line}\n" for line in ("NEWSIG", *lines))


def valid(primary: str = GOOD, signer: str = GOOD) -> str:
    return f"VALIDSIG {signer} 2026-05-01 1777593600 0 4 0 22 10 01 {primary}"


def test_a_good_signature_of_a_pinned_key_says_when_it_was_made() -> None:
    assert signature.judge(status("GOODSIG 1 me", valid()), (GOOD,), "it") == 1777593600.0
    assert (
        signature.judge(status("GOODSIG 1 me", valid(GOOD, SUBKEY)), (SUBKEY,), "it")
        == 1777593600.0
    )


@pytest.mark.parametrize(
    ("lines", "error", "words"),
    [
        (status("BADSIG 1 me"), BadSignature, "is not what was signed"),
        (
            status("GOODSIG 1 me", valid(OTHER, OTHER)),
            WrongKey,
            f"by the key {OTHER}, not by {GOOD}",
        ),
        (
            status("ERRSIG 0123 22 10 00 1 9 -", "NO_PUBKEY 0123"),
            WrongKey,
            "by the key 0123, which is not in key",
        ),
        (status("EXPKEYSIG 1 me", valid()), ExpiredKey, "by a key that has expired"),
        (status("EXPSIG 1 me", valid()), ExpiredKey, "a signature that has expired"),
        (status("REVKEYSIG 1 me", valid()), ExpiredKey, "by a key that was revoked"),
        (status("GOODSIG 1 me"), BadSignature, "does not accept"),
        (valid(), BadSignature, "no signature that can be read"),
        ("", BadSignature, "no signature that can be read"),
        (f"GOODSIG 1 me\n{valid()}", BadSignature, "no signature that can be read"),
    ],
)
def test_every_other_signature_is_refused(lines: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        signature.judge(lines, (GOOD,), "it")


def test_one_good_signature_of_several_is_enough() -> None:
    both = status("GOODSIG 2 other", valid(OTHER, OTHER)) + status("GOODSIG 1 me", valid())
    assert signature.judge(both, (GOOD,), "it") == 1777593600.0


def test_the_words_of_one_signature_do_not_vouch_for_another() -> None:
    mixed = status("BADSIG 1 me") + status(valid())
    with pytest.raises(BadSignature):
        signature.judge(mixed, (GOOD,), "it")


@pytest.mark.parametrize("fingerprint", ["DEADBEEF", "", "G" * 40, "A" * 41])
def test_a_short_fingerprint_is_none(fingerprint: str) -> None:
    with pytest.raises(InvalidInput, match="is not a full fingerprint"):
        signature.read_trust(ARMORED, [fingerprint])


ARMORED = (
    f"-----BEGIN PGP PUBLIC KEY BLOCK-----\nVersion: x\n\n{base64.b64encode(b'key').decode()}\n=abcd\n"
    "-----END PGP PUBLIC KEY BLOCK-----\n"
)


def test_keys_are_taken_as_text_or_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "armored").write_text(ARMORED + ARMORED)
    (tmp_path / "binary").write_bytes(b"\x98key")
    spaced = " ".join(["aaaa"] * 10)
    assert signature.read_trust(ARMORED, [spaced]) == signature.Trust(b"key", (GOOD,))
    assert signature.read_trust(str(tmp_path / "armored"), [GOOD]).keys == b"keykey"
    assert signature.read_trust(str(tmp_path / "binary"), [GOOD]).keys == b"\x98key"
    with pytest.raises(InvalidInput, match="cannot be read"):
        signature.read_trust(str(tmp_path / "none"), [GOOD])
    with pytest.raises(InvalidInput, match="holds no public key"):
        signature.read_trust("-----BEGIN PGP SIGNATURE-----", [GOOD])


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Signer]:
    if shutil.which("gpg") is None or shutil.which("gpgv") is None:
        pytest.skip("gpg and gpgv are not installed")
    home = tmp_path_factory.mktemp("gnupg")
    home.chmod(0o700)
    command = ["gpg", "--batch", "--quiet", "--homedir", str(home), "--passphrase", ""]
    subprocess.run([*command, "--quick-gen-key", "images", "ed25519", "sign", "never"], check=True)
    yield Signer("images", str(home))
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


def test_what_gpg_signed_is_what_gpgv_lets_pass(signer: Signer) -> None:
    text = b'- "dashes"\nno trailing space\n{"a": 1}\n'
    signed = signer.sign(text)
    trusted = signature.read_trust(
        signer.export_public_key(armored=True).decode(), [signer.find_fingerprint()]
    )
    assert signature.verify(signed, trusted, "it").text.rstrip() == text.rstrip()
    with pytest.raises(BadSignature, match="is not what was signed"):
        signature.verify(signed.replace(b'"a": 1', b'"a": 2'), trusted, "it")
    with pytest.raises(NotSigned):
        signature.verify(text, trusted, "it")
    with pytest.raises(WrongKey):
        signature.verify(signed, signature.Trust(trusted.keys, (OTHER,)), "it")


def test_what_stands_around_the_signed_text_is_not_read(signer: Signer) -> None:
    signed = signer.sign(b'{"a": 1}\n')
    trusted = signature.Trust(signer.export_public_key(), (signer.find_fingerprint(),))
    try:
        found = signature.verify(signed + b'{"a": 2}\n', trusted, "it").text
    except BadSignature:
        return
    assert found.strip() == b'{"a": 1}'


def test_a_signed_feed_is_read_as_it_was_published_and_not_mixed(
    signer: Signer, server: Server, tmp_path: Path
) -> None:
    site, now = "https://images.example.org", time.time()
    history = FeedHistory(site, tmp_path / "history")
    trust = signature.Trust(signer.export_public_key(), (signer.find_fingerprint(),))
    folder = publish.Folder(tmp_path / "feed", signer)
    address = read.FeedAddress(site, trust)
    products = publication.build_empty()

    def publish_at(moment: float) -> bool:
        run = publish.PublishRun(False, moment)
        changes = publish.publish(folder, t.cast("t.Any", None), products, [], run)
        for path in (tmp_path / "feed").rglob("*.sjson"):
            server.files[f"{site}/streams/v1/{path.name}"] = path.read_bytes()
        return changes.changed

    assert publish_at(now)
    assert not publish_at(now + 1)
    feed = read.read(transfer.Web(), address, history, now)
    assert feed.identity.feed_id is not None
    history.remember(feed.times, feed.identity)
    old_products = server.files[f"{site}/{publication.PRODUCTS}.sjson"]
    assert publish_at(now + 20 * 86400)
    assert read.read(transfer.Web(), address, history, now + 20 * 86400).identity == feed.identity
    server.files[f"{site}/{publication.PRODUCTS}.sjson"] = old_products
    with pytest.raises(InvalidFeed, match="not the one that its index names"):
        read.read(transfer.Web(), address, history, now + 20 * 86400)
