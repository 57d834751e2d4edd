# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prepares and builds a release: `./dev release prepare 1.2.0`, `./dev release build --sign KEY`.

A build holds what a commit holds and nothing of the machine or the moment that it was made on: whoever builds the same
commit with the same versions of Python and ansible-core gets the same bytes. CONTRIBUTING.md has the whole process.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import typing as t
from pathlib import Path

import yaml

from tools import checkout

_VERSION: t.Final = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_MANIFEST, _FILES = "MANIFEST.json", "FILES.json"
_MODES: t.Final = {True: 0o755, False: 0o644}
# Where a user is told the name of the tarball.
_NAMING: t.Final = ("README.md",)

Content = dict[str, tuple[tarfile.TarInfo, bytes]]


class ReleaseError(Exception):
    """Why there is no release now, and what to do about it."""


def run(root: Path, *command: str) -> str:
    """Return what a command prints; raises ReleaseError with all that it said when it fails."""
    done = subprocess.run(command, cwd=root, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise ReleaseError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


# --- prepare


def prepare(root: Path, version: str) -> None:
    """Make the work tree that of a release: version, changelog, and the fixtures of what it writes."""
    current = read_version(root)
    check_version(version, current, current_is_released=is_released(root, current))
    if run(root, "git", "status", "--porcelain"):
        raise ReleaseError(
            "There are uncommitted changes. Commit them first: a release is a commit."
        )
    for name in ("galaxy.yml", *_NAMING):
        replace_version(root / name, current, version)
    run(root, "antsibull-changelog", "release", "--version", version)
    fresh = root / "tests/unit/released/unreleased"
    if fresh.exists():
        move_fixtures(fresh, fresh.with_name(version))


def check_version(version: str, current: str, *, current_is_released: bool) -> None:
    """Raise ReleaseError for what is no version, or none that follows ``current``."""
    if not _VERSION.fullmatch(version):
        raise ReleaseError(f"{version} is not a version. Write three numbers, such as 1.2.0.")
    if split_version(version) < split_version(current) or (
        version == current and current_is_released
    ):
        raise ReleaseError(f"{version} does not follow {current}. Choose a higher one by SemVer.")


def split_version(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, which can be compared."""
    return tuple(int(part) for part in version.split("."))


def read_version(root: Path) -> str:
    """Return the version that galaxy.yml has."""
    return str(yaml.safe_load((root / "galaxy.yml").read_text(encoding="utf-8"))["version"])


def is_released(root: Path, version: str) -> bool:
    """Return whether the changelog has the version."""
    text = (root / "changelogs/changelog.yaml").read_text(encoding="utf-8")
    return version in yaml.safe_load(text)["releases"]


def replace_version(path: Path, current: str, version: str) -> None:
    """Replace the version in galaxy.yml, and in the name of the tarball in a text."""
    text = path.read_text(encoding="utf-8")
    tarball = f"{checkout.NAMESPACE}-{checkout.NAME}-"
    text = text.replace(f"{tarball}{current}", f"{tarball}{version}")
    pattern = rf"(?m)^version: {re.escape(current)}$"
    path.write_text(re.sub(pattern, f"version: {version}", text), encoding="utf-8")


def move_fixtures(source: Path, destination: Path) -> None:
    """Put the fixtures of shapes that no release wrote before to those of the release."""
    destination.mkdir(exist_ok=True)
    for path in source.iterdir():
        target = destination / path.name
        if target.exists():
            raise ReleaseError(f"{target} is there already. Put what {path} has into it.")
        path.rename(target)
    source.rmdir()


# --- build


def build(root: Path, output: Path, key: str | None = None) -> list[Path]:
    """Build the tarball of the commit that is checked out, with checksums and, with a ``key``, signatures."""
    moment = int(run(root, "git", "log", "-1", "--format=%ct"))
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "source")
        source.mkdir()
        archive = Path(scratch, "archive.tar")
        run(root, "git", "archive", "--output", str(archive), "HEAD")
        run(root, "tar", "-xf", str(archive), "-C", str(source))
        made = build_tarball(source, Path(scratch))
        content, name = read_content(made), made.name
    tarball = output / name
    tarball.write_bytes(pack(normalise(content), moment))
    sums = output / "SHA256SUMS"
    sums.write_text(f"{hashlib.sha256(tarball.read_bytes()).hexdigest()}  {name}\n")
    return [tarball, sums, *(sign(output, tarball, content, key) if key else [])]


def build_tarball(source: Path, scratch: Path) -> Path:
    """Return the tarball that ansible-galaxy builds."""
    run(source, "ansible-galaxy", "collection", "build", "--output-path", str(scratch / "built"))
    (made,) = (scratch / "built").iterdir()
    return made


def read_content(tarball: Path) -> Content:
    """Return every member with what it holds, by name."""
    with tarfile.open(tarball) as packed:
        return {member.name: (member, _read(packed, member)) for member in packed.getmembers()}


def _read(packed: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """Return what a file holds; a link or a folder holds nothing."""
    file = packed.extractfile(member) if member.isreg() else None
    return b"" if file is None else file.read()


def normalise(content: Content) -> Content:
    """Put what depends on the order of a folder in order: the list of files, and its checksum in the manifest."""
    files = json.loads(content[_FILES][1])
    files["files"].sort(key=lambda row: row["name"])
    listing = json.dumps(files, indent=True).encode()
    manifest = json.loads(content[_MANIFEST][1])
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(listing).hexdigest()
    content[_FILES] = (content[_FILES][0], listing)
    content[_MANIFEST] = (content[_MANIFEST][0], json.dumps(manifest, indent=True).encode())
    return content


def pack(content: Content, moment: int) -> bytes:
    """Return a tarball in which everything is of one ``moment`` (epoch seconds) and belongs to nobody."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=moment) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        first = [_MANIFEST, _FILES]
        for name in first + sorted(set(content) - set(first)):
            member, data = content[name]
            tar.addfile(make_member(member, len(data), moment), io.BytesIO(data))
    return packed.getvalue()


def make_member(member: tarfile.TarInfo, size: int, moment: int) -> tarfile.TarInfo:
    """Return the head of a member without what depends on the machine."""
    fresh = tarfile.TarInfo(member.name)
    fresh.type, fresh.linkname, fresh.size, fresh.mtime = member.type, member.linkname, size, moment
    fresh.mode = _MODES[member.isdir() or bool(member.mode & 0o100)]
    return fresh


def sign(output: Path, tarball: Path, content: Content, key: str) -> list[Path]:
    """Return the signatures: of the manifest, which ansible-galaxy verifies, and of the checksums."""
    manifest = output / f"{tarball.name}.asc"
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch, _MANIFEST)
        plain.write_bytes(content[_MANIFEST][1])
        detach(plain, manifest, key)
    sums = output / "SHA256SUMS.asc"
    detach(output / "SHA256SUMS", sums, key)
    return [manifest, sums]


def detach(path: Path, signature: Path, key: str) -> None:
    """Write the detached signature of a file."""
    options = ["--batch", "--yes", "--armor", "--local-user", key, "--output", str(signature)]
    run(path.parent, "gpg", *options, "--detach-sign", str(path))


def main(words: t.Sequence[str], root: Path = checkout.ROOT) -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(prog="./dev release", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    preparing = commands.add_parser("prepare", help="set version and changelog in the work tree")
    preparing.add_argument("version")
    building = commands.add_parser("build", help="build the commit that is checked out")
    building.add_argument("--output", type=Path, default=root / "docs/build/release")
    building.add_argument("--sign", metavar="KEY", help="the key of gpg to sign with")
    chosen = parser.parse_args(words)
    try:
        if chosen.command == "prepare":
            prepare(root, chosen.version)
            print(f"Look at `git diff`, then: git commit -am 'release: {chosen.version}'")
        else:
            print(*build(root, chosen.output, chosen.sign), sep="\n")
    except ReleaseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
