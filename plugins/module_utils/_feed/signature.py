# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""verify() a signed text: gpgv says who signed it, with the keys that the task names and no others.

gpgv ends well for a signature of an expired key too, so its status lines are judged, not its exit code. They are
described in GnuPG's doc/DETAILS.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import datetime as dt
import re
import shutil
import subprocess
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    InvalidInput,
    MissingDependency,
    TimedOut,
)

from .armor import CLEARSIGNED
from .errors import BadSignature, ExpiredKey, NotSigned, WrongKey

_STATUS: t.Final = "[GNUPG:] "
_EXPIRED: t.Final = {
    "EXPKEYSIG": "by a key that has expired",
    "EXPSIG": "with a signature that has expired",
    "REVKEYSIG": "by a key that was revoked",
}
_FINGERPRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")
_ARMOR = re.compile(
    r"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\n]*:[^\n]*\n)*\r?\n"  # and lines such as Version: …
    r"(?P<body>.*?)-----END PGP PUBLIC KEY BLOCK-----",
    re.DOTALL,
)
_SECONDS = re.compile(r"[0-9]{1,12}")
_LONGEST_SECONDS: t.Final = 60.0


@dataclasses.dataclass(frozen=True)
class Trust:
    """Whom to believe: an OpenPGP keyring, and full fingerprints in upper case."""

    keys: bytes
    fingerprints: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Signed:
    """A text that was signed, and when, in epoch seconds by the signer's clock."""

    text: bytes
    signed_at: float


def read_trust(key: str, fingerprints: t.Sequence[str]) -> Trust:
    """Return the Trust that the options say; ``key`` is the path of a file or an armored text. Raises InvalidInput."""
    pinned = tuple(re.sub(r"\s|^0[xX]", "", fingerprint).upper() for fingerprint in fingerprints)
    for said, fingerprint in zip(fingerprints, pinned):
        if not _FINGERPRINT.fullmatch(fingerprint):
            raise InvalidInput(
                "source.feed.fingerprint",
                said,
                "is not a full fingerprint, and a short one can be forged",
                "Write all 40 hexadecimal digits: gpg --show-keys --with-fingerprint KEY.",
            )
    return Trust(_read_keys(key), pinned)


def verify(text: bytes, trusted: Trust, what: str) -> Signed:
    """Return what the clearsigned ``text`` says; raises one of the errors of a refused feed, naming ``what``."""
    if not text.lstrip().startswith(CLEARSIGNED):
        raise NotSigned(
            f"{what} is not signed. Ask its publisher for a signed one, or set verify: false."
        )
    if shutil.which("gpgv") is None:
        raise MissingDependency(
            "gpgv is not installed where this module runs, and it checks the signatures of feeds. Install it (Debian "
            "and Ubuntu: gpgv; Fedora and RHEL: gnupg2).",
            library="gpgv",
        )
    with tempfile.TemporaryDirectory(prefix="headroom-feed-") as name:
        folder = Path(name)
        (folder / "keys.gpg").write_bytes(trusted.keys)
        (folder / "signed").write_bytes(text)
        status = _run_gpgv(folder)
        signed_at = judge(status, trusted.fingerprints, what)
        # What gpgv wrote is what was signed: a second reading of the armor by other rules could see another text.
        return Signed((folder / "text").read_bytes(), signed_at)


def _run_gpgv(folder: Path) -> str:
    command = [
        "gpgv",
        "--homedir",
        str(folder),
        "--keyring",
        str(folder / "keys.gpg"),
        "--weak-digest",
        "SHA1",
    ]
    command += ["--status-fd", "1", "--output", str(folder / "text"), str(folder / "signed")]
    try:
        process = subprocess.run(
            command,
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_LONGEST_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise TimedOut(f"gpgv did not end within {_LONGEST_SECONDS:g} s") from error
    return process.stdout.decode(errors="replace")


def judge(status: str, fingerprints: t.Sequence[str], what: str) -> float:
    """Return when the text was signed by one of the pinned keys, from gpgv's status lines; raises why it was not. Pure.

    A text may carry several signatures, as while a feed goes from one key to the next: one good one is enough.
    """
    refusals: list[Exception] = []
    for lines in _split_signatures(status):
        try:
            return _judge_one(lines, fingerprints, what)
        except (BadSignature, WrongKey, ExpiredKey) as error:
            refusals.append(error)
    if not refusals:
        raise BadSignature(
            f"{what} carries no signature that can be read. It may have been tampered with; it is not used."
        )
    raise refusals[0]


def _judge_one(lines: t.Mapping[str, list[str]], fingerprints: t.Sequence[str], what: str) -> float:
    if "BADSIG" in lines:
        raise BadSignature(
            f"{what} is not what was signed: its signature does not match. It was tampered with or damaged; it is not "
            "used."
        )
    for status, problem in _EXPIRED.items():
        if status in lines:
            signer = " ".join(lines[status][1:] or lines[status]) or "of no name"
            raise ExpiredKey(
                f"{what} was signed {problem} ({signer}). Ask its publisher "
                "for the key that is in use, and put that into key and fingerprint."
            )
    valid = lines.get("VALIDSIG", [])
    if "GOODSIG" in lines and len(valid) >= 10:
        if {valid[0], valid[9]} & set(fingerprints):
            return _read_time(valid[2], what)
        raise WrongKey(
            f"{what} was signed by the key {valid[9]}, not by {' or '.join(fingerprints)}. If its publisher says that "
            "this is the new key, put it into key and fingerprint.",
            found=valid[9],
        )
    if "NO_PUBKEY" in lines or "ERRSIG" in lines:
        signer = next(iter(lines.get("NO_PUBKEY") or lines.get("ERRSIG") or ["of no name"]))
        raise WrongKey(
            f"{what} was signed by the key {signer}, which is not in key. It is not used.",
            found=signer,
        )
    raise BadSignature(f"{what} carries a signature that gpgv does not accept. It is not used.")


def _read_time(text: str, what: str) -> float:
    """Return the epoch seconds of a time as gpgv writes it: that number, or for dates far away 20380119T031408."""
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        moment = dt.datetime.strptime(text, "%Y%m%dT%H%M%S")  # noqa: DTZ007 - UTC follows
    except ValueError:
        raise BadSignature(
            f"{what} carries a signature of which the time cannot be read. It is not used."
        ) from None
    return moment.replace(tzinfo=dt.timezone.utc).timestamp()


def _split_signatures(status: str) -> list[dict[str, list[str]]]:
    """Return the status lines, {keyword: arguments}, of each signature."""
    signatures: list[dict[str, list[str]]] = []
    for line in status.splitlines():
        if not line.startswith(_STATUS):
            continue
        keyword, *arguments = line[len(_STATUS) :].split() or [""]
        if keyword == "NEWSIG" or (not signatures and keyword in {"GOODSIG", "BADSIG", "ERRSIG"}):
            signatures.append({})
        if signatures:
            signatures[-1].setdefault(keyword, arguments)
    return signatures


def _read_keys(key: str) -> bytes:
    if "-----BEGIN PGP" in key:
        return _decode_armor(key, "the text")
    try:
        content = Path(key).read_bytes()
    except OSError as error:
        raise InvalidInput(
            "source.feed.key",
            key,
            f"cannot be read where this module runs ({error.strerror})",
            "Give the path of a file with the public key, or the armored key itself.",
        ) from error
    return (
        _decode_armor(content.decode(errors="replace"), key)
        if b"-----BEGIN PGP" in content
        else content
    )


def _decode_armor(text: str, name: str) -> bytes:
    """Return the keys of all armored blocks, one after another: the keyring that gpgv reads (RFC 9580, 6.2)."""
    blocks = [match["body"] for match in _ARMOR.finditer(text)]
    try:
        keys = b"".join(
            base64.b64decode("".join(_strip_armor(body)), validate=True) for body in blocks
        )
    except binascii.Error as error:
        raise InvalidInput(
            "source.feed.key",
            name,
            f"is damaged: {error}",
            "Export it again: gpg --export --armor.",
        ) from error
    if not keys:
        raise InvalidInput(
            "source.feed.key", name, "holds no public key", "Export it: gpg --export --armor."
        )
    return keys


def _strip_armor(body: str) -> list[str]:
    """Return the base64 of a block, less its checksum line."""
    return [line.strip() for line in body.splitlines() if line.strip() and not line.startswith("=")]
