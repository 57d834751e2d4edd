# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import email.message
import re
import typing as t
import urllib.error

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._feed import transfer


@dataclasses.dataclass
class Answer:
    """What a server sends: ``stops`` is after how many bytes it drops the connection."""

    status: int
    headers: dict[str, str]
    body: bytes
    stops: int | None = None
    position: int = 0

    def read(self, amount: int) -> bytes:
        end = min(self.position + amount, len(self.body) if self.stops is None else self.stops)
        chunk, self.position = self.body[self.position : end], end
        return chunk

    def close(self) -> None:
        return


@dataclasses.dataclass
class Server:
    """Web servers in memory. ``cuts`` holds, for each of the next requests, after how many bytes it breaks off."""

    files: dict[str, bytes] = dataclasses.field(default_factory=dict)
    redirects: dict[str, str] = dataclasses.field(default_factory=dict)
    cuts: list[int | None] = dataclasses.field(default_factory=list)
    validator: str | None = '"one"'
    announces: bool = True
    asked: list[tuple[str, str | None]] = dataclasses.field(default_factory=list)
    addresses: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    peers: dict[str, list[str]] = dataclasses.field(default_factory=dict)

    def request(self, _web: transfer.Web, url: str, headers: t.Mapping[str, str]) -> Answer:
        self.asked.append((url, headers.get("Range")))
        if url in self.redirects:
            raise _error(url, 302, {"Location": self.redirects[url]})
        if url not in self.files:
            raise _error(url, 404, {})
        content, start = self.files[url], 0
        wanted = re.fullmatch(r"bytes=(\d+)-", headers.get("Range", ""))
        if wanted and headers.get("If-Range") == self.validator:
            start = int(wanted[1])
            if start >= len(content):
                raise _error(url, 416, {})
        said = (
            {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        )
        if self.announces:
            said["Content-Length"] = str(len(content) - start)
        if self.validator is not None:
            said["ETag"] = self.validator
        cut = self.cuts.pop(0) if self.cuts else None
        return Answer(206 if start else 200, said, content[start:], cut)

    def peer(self, url: str, _answer: object) -> str:
        """The address that answers: the next one that is named for a host, as its owner changes it."""
        host = url.split("/")[2]
        named = self.peers.get(host)
        return named.pop(0) if named else self.addresses.get(host, ["9.9.9.9"])[-1]


def _error(url: str, code: int, headers: dict[str, str]) -> urllib.error.HTTPError:
    message = email.message.Message()
    for name, value in headers.items():
        message[name] = value
    return urllib.error.HTTPError(url, code, "no", message, None)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    found = Server()
    monkeypatch.setattr(transfer, "_send_request", found.request)
    monkeypatch.setattr(transfer, "_resolve", lambda host: found.addresses.get(host, ["9.9.9.9"]))
    monkeypatch.setattr(transfer, "_read_peer", found.peer)
    return found
