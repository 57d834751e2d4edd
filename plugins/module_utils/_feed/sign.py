# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Sign the index of a feed with gpg, by a key that lies in a GnuPG home; signature.py verifies."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    InvalidInput,
    MissingDependency,
    NotFound,
    TimedOut,
)

_LONGEST_SECONDS: t.Final = 120.0


class SigningFailed(HeadroomError):
    """gpg did not sign."""

    kind = "signing_failed"


@dataclasses.dataclass(frozen=True)
class Signer:
    """A secret key: whatever gpg knows it by. ``home`` None is gpg's own choice; ``passphrase`` None asks its agent."""

    key: str
    home: str | None = None
    passphrase: str | None = dataclasses.field(default=None, repr=False)

    def find_fingerprint(self) -> str:
        """Return the fingerprint of the primary key; raises NotFound, or InvalidInput when several keys match."""
        process = self._run_gpg("--with-colons", "--list-secret-keys", "--", self.key)
        lines = [line.split(":") for line in process.stdout.decode(errors="replace").splitlines()]
        fingerprints = [
            after[9]
            for line, after in zip(lines, lines[1:])
            if line[0] == "sec" and after[0] == "fpr"
        ]
        if not fingerprints:
            raise NotFound(
                f"key: there is no secret key {self.key!r} in {self.home or 'the GnuPG home'}. Make one: gpg "
                "--quick-gen-key, or name another gnupg_home.",
                key=self.key,
            )
        if len(fingerprints) > 1:
            raise InvalidInput(
                "key",
                self.key,
                "is the name of several keys",
                f"Name one: {', '.join(fingerprints)}.",
            )
        return fingerprints[0]

    def export_public_key(self, *, armored: bool = False) -> bytes:
        """Return the public key: as gpgv reads it, or as text."""
        return self._run_gpg(
            *(["--armor"] if armored else []), "--export", "--", self.find_fingerprint()
        ).stdout

    def sign(self, text: bytes) -> bytes:
        """Return ``text`` with the signature around it; raises SigningFailed with what gpg said."""
        with tempfile.TemporaryDirectory(prefix="headroom-sign-") as name:
            plain, signed = Path(name) / "text", Path(name) / "signed"
            plain.write_bytes(text)
            with_passphrase = (
                []
                if self.passphrase is None
                else ["--pinentry-mode", "loopback", "--passphrase-fd", "0"]
            )
            options = [
                "--local-user",
                f"{self.find_fingerprint()}",
                "--digest-algo",
                "SHA512",
                "--output",
                str(signed),
            ]
            process = self._run_gpg(*with_passphrase, *options, "--clearsign", "--", str(plain))
            if process.returncode != 0 or not signed.exists():
                lines = process.stderr.decode(errors="replace").strip().splitlines() or [
                    "it did not say why"
                ]
                raise SigningFailed(
                    f"key: gpg could not sign with {self.key}: {lines[-1]}", key=self.key
                )
            return signed.read_bytes()

    def _run_gpg(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        if shutil.which("gpg") is None:
            raise MissingDependency(
                "gpg is not installed where this module runs, and it signs feeds. Install it (Debian and Ubuntu: gpg, "
                "gpg-agent; Fedora and RHEL: gnupg2), or set sign: false.",
                library="gpg",
            )
        home = [] if self.home is None else ["--homedir", self.home]
        try:
            return subprocess.run(
                ["gpg", "--batch", "--no-tty", *home, *arguments],
                check=False,
                capture_output=True,
                input=b"" if self.passphrase is None else self.passphrase.encode() + b"\n",
                timeout=_LONGEST_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise TimedOut(
                f"gpg did not end within {_LONGEST_SECONDS:g} s. Does it wait for a passphrase?"
            ) from error
