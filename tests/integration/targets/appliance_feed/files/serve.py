# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A web server with ranges and validators, and with the faults that FOLDER/faults.json asks for: serve.py FOLDER PORT.

{"/path": {"cut": N}}: the first request announces all and ends after N bytes; {"redirect": URL}; {"endless": true}.
What was asked for is written to FOLDER/requests, one line each: path, range.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import sys
import typing as t
from pathlib import Path

ROOT = Path(sys.argv[1])


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves files below ROOT."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._note()
        fault = self._fault()
        if "redirect" in fault:
            self._answer(302, b"", Location=fault["redirect"])
        elif "endless" in fault:
            self._endless()
        elif not (ROOT / self.path.lstrip("/")).is_file():
            self._answer(404, b"")
        else:
            self._serve((ROOT / self.path.lstrip("/")).read_bytes(), fault)

    def _serve(self, content: bytes, fault: dict[str, t.Any]) -> None:
        tag = f'"{hashlib.sha256(content).hexdigest()}"'
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(wanted[1]) if wanted and self.headers.get("If-Range") == tag else 0
        if start >= len(content) > 0:
            self._answer(416, b"")
            return
        extra = (
            {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        )
        body = content[start : start + fault["cut"]] if "cut" in fault else content[start:]
        self._answer(206 if start else 200, body, len(content) - start, ETag=tag, **extra)
        self.close_connection = "cut" in fault

    def _endless(self) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            while True:
                self.wfile.write(bytes(1 << 20))
        except OSError:
            return

    def _answer(self, code: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _fault(self) -> dict[str, t.Any]:
        file = ROOT / "faults.json"
        faults: dict[str, dict[str, t.Any]] = json.loads(file.read_text()) if file.exists() else {}
        return faults.get(self.path, {})

    def _note(self) -> None:
        with (ROOT / "requests").open("a") as log:
            log.write(f"{self.path} {self.headers.get('Range', '-')}\n")

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
