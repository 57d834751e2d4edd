# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A release: two builds are equal to the byte, signatures are accepted, and a changed byte is not."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest
import yaml

from tools import checkout, release
from tools.tarball import ansible

MEMBER = "plugins/modules/domain.py"


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of what this one has, committed."""
    folder = tmp_path_factory.mktemp("release") / "clone"
    shutil.copytree(checkout.stage(folder.with_name("stage")), folder, symlinks=True)
    who = ["-c", "user.name=Tester", "-c", "user.email=tester@example.com"]
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "all"]):
        done = run(folder, "git", *command)
        assert done.returncode == 0, done.stdout
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Path]:
    """A home of gpg with two keys; the agent ends with it."""
    folder = tmp_path_factory.mktemp("gpg")
    folder.chmod(0o700)
    for name in ("ours", "other"):
        command = ["gpg", "--batch", "--passphrase", "", "--quick-gen-key", f"{name}@example.com"]
        done = run(folder, *command, GNUPGHOME=str(folder))
        assert done.returncode == 0, done.stdout
        ring = ["gpg", "--batch", "--output", f"{name}.gpg", "--export", f"{name}@example.com"]
        assert run(folder, *ring, GNUPGHOME=str(folder)).returncode == 0
    yield folder
    run(folder, "gpgconf", "--kill", "all", GNUPGHOME=str(folder))


@pytest.fixture(scope="module")
def built(clone: Path, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a release is: tarball, checksums, signatures."""
    folder = tmp_path_factory.mktemp("built")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GNUPGHOME", str(home))
        release.build(clone, folder, "ours@example.com")
    return folder


@pytest.fixture
def tarball(built: Path, tmp_path: Path) -> Path:
    """A copy of the release to spoil."""
    shutil.copytree(built, tmp_path / "copy")
    (path,) = (tmp_path / "copy").glob("*.tar.gz")
    return path


def test_two_builds_are_equal_to_the_byte(clone: Path, built: Path, tmp_path: Path) -> None:
    """On another day, in another folder, whose files were made in another order and by somebody else."""
    other = tmp_path / "elsewhere"
    other.mkdir()
    for path in sorted(clone.iterdir(), reverse=True):
        copy = shutil.copytree if path.is_dir() else shutil.copy
        copy(path, other / path.name)
    run(other, "git", "reset", "-q", "--hard")
    (again, _sums) = release.build(other, tmp_path / "again")
    (first,) = built.glob("*.tar.gz")
    assert (
        hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(first.read_bytes()).digest()
    )


def test_it_holds_what_is_committed_and_nothing_else(clone: Path, tmp_path: Path) -> None:
    stray = clone / "plugins/modules/stray.py"
    stray.write_text("")
    try:
        (made, _sums) = release.build(clone, tmp_path)
    finally:
        stray.unlink()
    members = release.read_content(made)
    assert MEMBER in members
    assert "plugins/modules/stray.py" not in members
    assert "tests" not in members


def install(tarball: Path, base: Path) -> None:
    """Install without a signature: of a tarball ansible-galaxy verifies none before it is installed."""
    base.mkdir(exist_ok=True)
    words = ["install", "--offline", "-p", str(base), str(tarball)]
    ansible(base, "ansible-galaxy", "collection", *words)


def verify(
    signature: Path, home: Path, base: Path, key: str = "ours"
) -> subprocess.CompletedProcess[str]:
    words = ["--signature", f"file://{signature}", "--keyring", str(home / f"{key}.gpg")]
    command = ["ansible-galaxy", "collection", "verify", "--offline", *words, "headroom.libvirt"]
    return run(base, *command, ANSIBLE_COLLECTIONS_PATH=str(base))


def test_the_signature_is_accepted_and_a_changed_byte_is_not(
    tarball: Path, home: Path, tmp_path: Path
) -> None:
    base, signature = tmp_path / "installed", Path(f"{tarball}.asc")
    install(tarball, base)
    good = verify(signature, home, base)
    assert good.returncode == 0, good.stdout
    stranger = verify(signature, home, base, "other")
    assert stranger.returncode != 0
    assert "Signature verification failed" in stranger.stdout
    file = base / "ansible_collections/headroom/libvirt" / MEMBER
    file.write_bytes(b"!" + file.read_bytes()[1:])
    bad = verify(signature, home, base)
    assert bad.returncode != 0
    assert MEMBER in bad.stdout


def test_a_manifest_that_was_changed_does_not_fit_the_signature(
    tarball: Path, home: Path, tmp_path: Path
) -> None:
    content = release.read_content(tarball)
    member, text = content["MANIFEST.json"]
    changed = text.replace(b"headroom.libvirt contributors", b"somebody")
    assert changed != text
    content["MANIFEST.json"] = (member, changed)
    tarball.write_bytes(release.pack(content, 0))
    install(tarball, tmp_path / "installed")
    told = verify(Path(f"{tarball}.asc"), home, tmp_path / "installed")
    assert told.returncode != 0
    assert "Signature verification failed" in told.stdout


def test_the_checksums_are_signed_and_true(tarball: Path, home: Path) -> None:
    folder = tarball.parent
    check = ["gpgv", "--keyring", str(home / "ours.gpg"), "SHA256SUMS.asc", "SHA256SUMS"]
    assert run(folder, *check).returncode == 0
    assert run(folder, "sha256sum", "--check", "SHA256SUMS").returncode == 0
    content = bytearray(tarball.read_bytes())
    content[len(content) // 2] ^= 1
    tarball.write_bytes(content)
    assert run(folder, "sha256sum", "--check", "SHA256SUMS").returncode != 0
    sums = folder / "SHA256SUMS"
    sums.write_text(sums.read_text().replace("a", "b", 1))
    assert run(folder, *check).returncode != 0


def test_a_release_is_prepared(clone: Path, tmp_path: Path) -> None:
    """Version and name of the tarball everywhere, every fragment in the changelog, and nothing else to do."""
    work = tmp_path / "work"
    shutil.copytree(clone, work, symlinks=True)
    fragments = list((work / "changelogs/fragments").glob("*.yml"))
    before = release.read_version(work)
    release.prepare(work, "99.1.0")
    assert release.read_version(work) == "99.1.0"
    assert release.is_released(work, "99.1.0")
    assert f"headroom-libvirt-{before}" not in (work / "README.md").read_text()
    assert not list((work / "changelogs/fragments").glob("*.yml"))
    (entry,) = yaml.safe_load((work / "changelogs/changelog.yaml").read_text())["releases"].values()
    assert {path.name for path in fragments} == set(entry["fragments"])
    assert "v99\\.1\\.0" in (work / "CHANGELOG.md").read_text()
    assert not (work / "tests/unit/released/unreleased").exists()
    with pytest.raises(release.ReleaseError, match="uncommitted"):
        release.prepare(work, "99.2.0")
    with pytest.raises(release.ReleaseError, match="does not follow"):
        release.prepare(work, "99.1.0")


@pytest.mark.parametrize("version", ["1.2", "v1.2.3", "1.2.3-rc1", "01.2.3"])
def test_what_is_no_version_is_refused(clone: Path, version: str) -> None:
    with pytest.raises(release.ReleaseError, match="is not a version"):
        release.prepare(clone, version)


def test_dev_says_what_is_wrong(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert release.main(["prepare", "1.2"], clone) == 1
    assert "three numbers" in capsys.readouterr().err
