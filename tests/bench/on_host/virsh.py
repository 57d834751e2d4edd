# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""virsh, for those who compare with it."""

from __future__ import annotations

import os
import subprocess
import typing as t

URI = "qemu:///system"
_MARK = "-headroom-end-"
_END = f"{_MARK}virsh # ".encode()  # what `echo` and then the next prompt make of it


def output(uri: str, *words: str) -> str:
    """What a command prints, from a virsh started for it."""
    return subprocess.run(
        ["virsh", "--quiet", "--connect", uri, *words],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


class Shell:
    """A virsh that is connected already and runs one command after the other."""

    def __init__(self, uri: str = URI) -> None:
        command = ["virsh", "--quiet", "--connect", uri]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.output("uri")

    def output(self, *words: str) -> str:
        """What a command prints, prompts included."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{' '.join(words)}\necho {_MARK}\n".encode())
        process.stdin.flush()
        said = b""
        while not said.endswith(_END):
            more = os.read(process.stdout.fileno(), 1 << 20)
            if not more:
                raise RuntimeError(f"virsh ended: {said.decode(errors='replace')}")
            said += more
        return said.decode()

    def __enter__(self) -> t.Self:
        return self

    def __exit__(self, *_error: object) -> None:
        process = self._process
        process.communicate(b"quit\n")
