# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import os
import socket
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ChecksumMismatch,
    Conflict,
    InvalidInput,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._feed import transfer
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.download import Download
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.download import (
    fetch as fetched,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.entry import Checksum
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.errors import (
    TooLarge,
    TransferFailed,
    Truncated,
)

if t.TYPE_CHECKING:
    from .conftest import Server

URL = "https://images.example.org/box.img"
CONTENT = bytes(range(256)) * 40


def wanted(content: bytes = CONTENT, **changes: t.Any) -> Download:
    checksum = Checksum("sha256", hashlib.sha256(content).hexdigest())
    return Download(
        **{
            "url": URL,
            "limit": len(content),
            "size_bytes": len(content),
            "checksum": checksum,
            **changes,
        }
    )


def fetch(folder: Path, what: Download) -> bytes:
    with fetched(transfer.Web(), what, folder) as descriptor:
        return os.pread(descriptor, 1 << 20, 0)


def test_a_file_arrives_whole_and_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.files[URL] = CONTENT
    assert fetch(tmp_path, wanted()) == CONTENT
    assert list(tmp_path.iterdir()) == []


def test_what_breaks_off_is_continued_at_once(server: Server, tmp_path: Path) -> None:
    server.files[URL], server.cuts = CONTENT, [1000, 500]
    assert fetch(tmp_path, wanted()) == CONTENT
    assert [asked for _url, asked in server.asked] == [None, "bytes=1000-", "bytes=1500-"]


def test_what_breaks_off_again_and_again_is_continued_by_the_next_run(
    server: Server, tmp_path: Path
) -> None:
    server.files[URL], server.cuts = CONTENT, [100] * 4
    with pytest.raises(Truncated, match="the server closed the connection"):
        fetch(tmp_path, wanted())
    assert fetch(tmp_path, wanted()) == CONTENT
    assert server.asked[-1][1] == "bytes=400-"
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_sends_nothing_is_not_asked_for_ever(server: Server, tmp_path: Path) -> None:
    server.files[URL], server.cuts = CONTENT, [0] * 9
    with pytest.raises(Truncated):
        fetch(tmp_path, wanted())
    assert len(server.asked) == 1


def test_another_content_is_never_joined_to_what_was_there(server: Server, tmp_path: Path) -> None:
    server.files[URL], server.cuts = CONTENT, [100] * 4
    with pytest.raises(Truncated):
        fetch(tmp_path, wanted(checksum=None, size_bytes=None))
    server.files[URL], server.validator = CONTENT[::-1], '"two"'
    assert fetch(tmp_path, wanted(checksum=None, size_bytes=None)) == CONTENT[::-1]


@pytest.mark.parametrize("validator", [None, 'W/"weak"'])
def test_without_a_strong_validator_all_comes_again(
    server: Server, tmp_path: Path, validator: str | None
) -> None:
    server.files[URL], server.cuts, server.validator = CONTENT, [1000], validator
    assert fetch(tmp_path, wanted()) == CONTENT
    assert [asked for _url, asked in server.asked] == [None, None]


def test_a_file_that_became_shorter_is_asked_for_anew(server: Server, tmp_path: Path) -> None:
    server.files[URL], server.cuts = CONTENT, [5000, 0]
    with pytest.raises(Truncated):
        fetch(tmp_path, wanted(checksum=None, size_bytes=None))
    server.files[URL] = CONTENT[:300]  # with the same validator, against all rules
    assert fetch(tmp_path, wanted(checksum=None, size_bytes=None)) == CONTENT[:300]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (CONTENT[:-1] + b"!", ChecksumMismatch),
        (CONTENT[:-1], Truncated),
        (CONTENT + b"!", TooLarge),
    ],
)
@pytest.mark.parametrize("announces", [True, False])
def test_another_content_than_announced_is_refused(
    server: Server, tmp_path: Path, content: bytes, error: type[Exception], announces: bool
) -> None:
    server.files[URL], server.announces = content, announces
    with pytest.raises(error):
        fetch(tmp_path, wanted())


def test_what_is_wrong_is_not_kept(server: Server, tmp_path: Path) -> None:
    server.files[URL] = CONTENT[:-1] + b"!"
    with pytest.raises(ChecksumMismatch):
        fetch(tmp_path, wanted())
    assert list(tmp_path.iterdir()) == []


def test_two_runs_do_not_fetch_the_same(server: Server, tmp_path: Path) -> None:
    server.files[URL] = CONTENT
    with (
        fetched(transfer.Web(), wanted(), tmp_path),
        pytest.raises(Conflict, match="another run is fetching"),
    ):
        fetch(tmp_path, wanted())


def test_only_its_own_forgotten_files_are_removed(server: Server, tmp_path: Path) -> None:
    server.files[URL] = CONTENT
    for name in ("headroom-download.0.part", "headroom-download.0.json", "mine.json", "mine.part"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, time.time() - 8 * 86400))
    fetch(tmp_path, wanted())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.json", "mine.part"]


@pytest.mark.parametrize("suffix", ["part", "json"])
def test_what_others_put_into_a_shared_folder_is_not_written_to(
    server: Server, tmp_path: Path, suffix: str
) -> None:
    server.files[URL] = CONTENT
    server.validator = '"x ALL=(ALL) NOPASSWD: ALL"'
    (tmp_path / "victim").write_text("precious")
    link = tmp_path / f"headroom-download.{wanted().key}.{suffix}"
    link.symlink_to(tmp_path / "victim")
    if suffix == "part":
        with pytest.raises(InvalidInput, match=r"download_dir: .*\.part is a symbolic link"):
            fetch(tmp_path, wanted())
    else:
        assert fetch(tmp_path, wanted()) == CONTENT
    assert (tmp_path / "victim").read_text() == "precious"


def test_a_part_that_another_may_write_is_not_continued(server: Server, tmp_path: Path) -> None:
    server.files[URL] = CONTENT
    part = tmp_path / f"headroom-download.{wanted().key}.part"
    part.touch()
    part.chmod(0o666)
    with pytest.raises(InvalidInput, match="may be written by every user"):
        fetch(tmp_path, wanted())


def test_redirections_are_followed_to_web_servers_only(server: Server) -> None:
    server.files["https://cdn.example.org/x"] = b"x"
    server.redirects = {
        URL: "https://cdn.example.org/x",
        "https://a/": "file:///etc/shadow",
        "https://b/": "http://b/",
        "https://c/": "/",
        "http://d/": "https://cdn.example.org/x",
    }
    assert transfer.get(transfer.Web(), URL, 10) == b"x"
    assert transfer.get(transfer.Web(), "http://d/", 10) == b"x"
    for refused in ("https://a/", "https://b/"):
        with pytest.raises(TransferFailed, match="which is not followed"):
            transfer.get(transfer.Web(), refused, 10)
    with pytest.raises(TransferFailed, match="redirects more than 5 times"):
        transfer.get(transfer.Web(), "https://c/", 10)


class Ticking:
    """A clock on which each look takes ten seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        self.seconds += 10
        return self.seconds

    def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


def test_a_server_that_drips_is_left(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.files[URL] = CONTENT
    monkeypatch.setattr(transfer, "CHUNK_BYTES", 10)
    with pytest.raises(TransferFailed, match="less than 4096 bytes a second"):
        transfer.get(transfer.Web(timeout=30.0, clock=Ticking()), URL, 1 << 20)


@pytest.mark.parametrize(
    "inside",
    [
        "127.0.0.1",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104
        "224.0.0.1",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "::10.0.0.1",
        "fec0::1",
        "2002:a00:1::",
    ],
)
def test_nobody_out_there_sends_us_to_what_only_we_can_reach(server: Server, inside: str) -> None:
    server.addresses = {"metadata": ["9.9.9.9", inside], "intern": [inside]}
    server.files["http://metadata/x"] = b"secret"
    server.redirects = {
        URL.replace("https", "http"): "http://metadata/x",
        "http://intern/": "http://metadata/x",
    }
    with pytest.raises(TransferFailed, match="address of this host or of its own network"):
        transfer.get(transfer.Web(), URL.replace("https", "http"), 10)
    assert ("http://metadata/x", None) not in server.asked
    assert transfer.get(transfer.Web(), "http://intern/", 10) == b"secret", "they are neighbours"


def test_a_name_that_was_public_does_not_lead_inside_later(server: Server) -> None:
    """DNS rebinding: whoever owns the name answers anew each time that it is asked for."""
    web = transfer.Web()
    server.files["http://mirror/index"] = b"index"
    server.peers = {"mirror": ["9.9.9.9", "9.9.9.8", "127.0.0.1"]}
    for _unused in range(2):
        assert transfer.get(web, "http://mirror/index", 10) == b"index"
    with pytest.raises(TransferFailed, match="mirror/index was an address of the public internet"):
        transfer.get(web, "http://mirror/index", 10)


def test_what_a_redirection_leads_to_is_what_was_judged(server: Server) -> None:
    server.files["http://rebound/x"] = b"secret"
    server.redirects = {"http://mirror/": "http://rebound/x"}
    server.peers = {"rebound": ["10.0.0.1"]}
    with pytest.raises(TransferFailed, match=r"now leads to 10\.0\.0\.1"):
        transfer.get(transfer.Web(), "http://mirror/", 10)


def test_who_redirects_is_judged_by_the_address_that_did(server: Server) -> None:
    """Its name may lead inside by the time that it is asked for again, as that of a neighbour would."""
    server.files["http://intern/x"] = b"secret"
    server.redirects = {"http://mirror/": "http://intern/x"}
    server.addresses = {"mirror": ["10.0.0.2"], "intern": ["10.0.0.1"]}
    server.peers = {"mirror": ["9.9.9.9"]}
    with pytest.raises(TransferFailed, match="address of this host or of its own network"):
        transfer.get(transfer.Web(), "http://mirror/", 10)


def test_the_mirror_of_a_site_is_where_it_is(server: Server) -> None:
    server.files["http://intern/x"] = b"image"
    server.peers = {"intern": ["10.0.0.1"] * 3}
    web = transfer.Web()
    for _unused in range(3):
        assert transfer.get(web, "http://intern/x", 10) == b"image"


class Accepted:
    """An answer on a real connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.fileno = connection.fileno


def test_the_peer_is_that_of_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname()) as connection:
            assert transfer._read_peer("http://mirror/", Accepted(connection)) == "127.0.0.1"
            with monkeypatch.context() as proxied:
                proxied.setenv("http_proxy", "http://127.0.0.1:3128")
                assert transfer._read_peer("http://mirror/", Accepted(connection)) is None
        assert transfer._read_peer("http://mirror/", Accepted(connection)) is None
    assert transfer._read_peer("http://mirror/", object()) is None


def test_neither_netrc_nor_another_scheme_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, object]] = []
    monkeypatch.setattr(transfer, "open_url", lambda *_url, **options: calls.append(options))
    transfer._send_request(transfer.Web(), "https://a/b", {})
    assert calls[0]["use_netrc"] is False
    assert calls[0]["follow_redirects"] == "none"
    for url in (
        "file:///etc/shadow",
        "ftp://a/b",
        "FILE:/x",
        "data:a",
        "https:/x",
        "http://a\\\\@b/",
    ):
        with pytest.raises(InvalidInput, match="not the address of a web server"):
            transfer._send_request(transfer.Web(), url, {})
    assert len(calls) == 1
